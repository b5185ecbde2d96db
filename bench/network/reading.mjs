/** The reader's side: a mailbox drained after a night, and texts that come over a line that freezes. */

import { impair } from "../../dist/test/support/impair/impair.js";
import { connect, subscriber, timeToAcknowledged } from "./mqtt.mjs";
import { acquaint, farReader, received, reopen } from "./people.mjs";
import { TEXT } from "./samples.mjs";

const START_MS = 10_000;

async function sendAll(writer, count) {
  for (let i = 0; i < count; i++) await writer.client.send("reader", `${i} ${TEXT}`);
}

/** From now on over the laboratory, also what was connected directly. */
async function moveTo(reader, { port }) {
  reader.route.port = port;
  await reopen(reader);
}

/** `count` texts wait; from the start of the reader's client until all are in its vault. */
export async function ourDrain(relay, { profile, kind, count, limitMs }) {
  const network = await impair({ to: relay.address, profile: "none" });
  const { writer, reader, close } = await farReader({ address: relay.address, kind });
  try {
    await acquaint(writer, reader);
    await reader.client.sync();
    await reader.client.close();
    await sendAll(writer, count);
    await writer.client.sync();
    await moveTo(reader, network);
    network.setProfile(profile);
    const before = network.stats();
    const start = performance.now();
    const done = received(reader, count, limitMs);
    reader.client.start();
    const delivered = await done;
    const ms = performance.now() - start;
    const bytes = bytesSince(network, before);
    network.setProfile("none");
    return { delivered, ms, bytes };
  } finally {
    await close();
    await network.close();
  }
}

/** `count` texts are sent to a reader who is there. */
export async function ourDelivery(relay, { profile, seed, count, limitMs }) {
  const network = await impair({ to: relay.address, profile: "none", seed });
  const { writer, reader, close } = await farReader({ address: relay.address });
  try {
    await moveTo(reader, network);
    await acquaint(writer, reader);
    network.setProfile(profile);
    const start = performance.now();
    const done = received(reader, count, limitMs);
    await sendAll(writer, count);
    return { delivered: await done, ms: performance.now() - start };
  } finally {
    network.setProfile("none");
    await close();
    await network.close();
  }
}

/** The peer's reader connects over the profile from the beginning, where it can. */
export async function peerDelivery(broker, { profile, seed, count, limitMs }) {
  const to = { host: "127.0.0.1", port: broker.port };
  const network = await impair({ to, profile: "none", seed });
  const reader = await subscriber(network.port, {}, START_MS);
  const writer = connect(broker.port, {});
  try {
    network.setProfile(profile);
    const start = performance.now();
    const done = countMessages(reader, count, limitMs);
    for (let i = 0; i < count; i++) await timeToAcknowledged(writer, `${i} ${TEXT}`, START_MS);
    return { delivered: await done, ms: performance.now() - start };
  } finally {
    writer.end(true);
    reader.end(true);
    await network.close();
  }
}

/** Different ones: what broke off comes again. */
function countMessages(client, count, limitMs) {
  const seen = new Set();
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(seen.size), limitMs);
    client.on("message", (_topic, payload) => {
      seen.add(payload.toString());
      if (seen.size < count) return;
      clearTimeout(timer);
      resolve(seen.size);
    });
  });
}

function bytesSince(network, before) {
  const after = network.stats();
  return after.upBytes - before.upBytes + after.downBytes - before.downBytes;
}
