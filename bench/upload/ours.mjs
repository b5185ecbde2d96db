/**
 * Ours: one file through the laboratory as the library sends it. From `sendMedia` until the relay has the
 * message and all of the clip: read, sealed into the spool on disk, sealed again for the channel.
 */

import { open } from "node:fs/promises";
import { impair } from "../../dist/test/support/impair/impair.js";
import { acquaint, farWriter } from "../network/people.mjs";
import { costOf } from "./tus.mjs";

/** Undefined when it was not done in time. */
export async function ourUpload(relay, { file, profile, seed, limitMs, kind }) {
  const network = await impair({ to: relay.address, profile: "none", seed });
  const { writer, reader, close } = await farWriter({
    address: relay.address,
    port: network.port,
    kind,
  });
  const handle = await open(file);
  try {
    await acquaint(writer, reader);
    network.setProfile(profile);
    const before = costOf(network);
    const start = performance.now();
    const source = await sourceOf(handle);
    const sent = await writer.client.sendMedia("reader", {
      kind: "file",
      source,
      keepMetadata: true,
    });
    await writer.client.stored(sent.id, { timeoutMs: limitMs });
    const ms = performance.now() - start;
    return { ms, ...since(before, costOf(network)) };
  } catch (error) {
    if (error?.code === undefined) throw error;
    return undefined;
  } finally {
    network.setProfile("none");
    await handle.close();
    await close();
    await network.close();
  }
}

async function sourceOf(handle) {
  const { size } = await handle.stat();
  const read = async (offset, length) => {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  };
  return { size, read };
}

function since(before, after) {
  return Object.fromEntries(Object.entries(after).map(([name, n]) => [name, n - before[name]]));
}
