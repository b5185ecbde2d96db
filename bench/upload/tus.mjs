/** The peer: one file through the laboratory with tus-js-client as it comes, without TLS, to @tus/server. */

import { createReadStream, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Upload } from "tus-js-client";
import { impair } from "../../dist/test/support/impair/impair.js";
import { BENCH } from "../lib/paths.mjs";
import { startServer } from "../relay/servers.mjs";

async function startTus() {
  const directory = mkdtempSync(join(tmpdir(), "tumar-tus-"));
  const server = await startServer([join(BENCH, "peers", "tus-server.mjs"), directory], {});
  const end = async () => {
    await server.end("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  };
  return { ...server, directory, end };
}

/**
 * Milliseconds from the call until the server has said that it has all, and what the line carried.
 * Undefined when it was not done in time.
 */
export async function tusUpload({ file, profile, seed, limitMs }) {
  const tus = await startTus();
  const target = new URL(tus.address);
  const network = await impair({ to: target.host, profile, seed });
  try {
    const endpoint = tus.address.replace(target.host, `127.0.0.1:${network.port}`);
    const start = performance.now();
    const isDone = await uploaded(file, endpoint, limitMs);
    const ms = performance.now() - start;
    if (!isDone) return undefined;
    checkWhole(tus.directory, file);
    return { ms, ...costOf(network) };
  } finally {
    await network.close();
    await tus.end();
  }
}

/** What the line carried: `sentBytes` as the phone pays for them, what a reset lost on its way included. */
export function costOf(network) {
  const { sentUpBytes, downBytes, connections, resets } = network.stats();
  return { sentBytes: sentUpBytes, downBytes, connections, resets };
}

/** False when it gives up, as it does after four failures without progress, or is not done in time. */
function uploaded(file, endpoint, limitMs) {
  return new Promise((resolve) => {
    const { size } = statSync(file);
    const upload = new Upload(createReadStream(file), {
      endpoint,
      uploadSize: size,
      // what a stream of unknown length needs; a file's needs none
      chunkSize: Number.POSITIVE_INFINITY,
      storeFingerprintForResuming: false,
      onError: () => end(false),
      onSuccess: () => end(true),
    });
    const timer = setTimeout(() => end(false), limitMs);
    function end(isDone) {
      clearTimeout(timer);
      if (!isDone) void upload.abort().catch(() => {});
      resolve(isDone);
    }
    upload.start();
  });
}

function checkWhole(directory, file) {
  const sizes = readdirSync(directory).map((name) => statSync(join(directory, name)).size);
  if (!sizes.includes(statSync(file).size)) throw new Error("the peer lost bytes");
}
