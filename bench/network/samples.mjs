/**
 * One sample each: a first contact with its message, or a message in a running session, ours and the
 * peer's, through one laboratory. Bytes are TCP payload that passed it, both ways; a sample that was
 * not done within the limit is `undefined`.
 */

import { impair } from "../../dist/test/support/impair/impair.js";
import { connect, connected, timeToAcknowledged } from "./mqtt.mjs";
import { acquaint, farWriter, timeToStored } from "./people.mjs";

/** 280 characters that need two bytes each. */
export const TEXT = "ы".repeat(280);
const IN_SESSION = 3;
const QUIET_MS = 200;

async function through(to, profile, seed, use) {
  const network = await impair({ to, profile, seed });
  try {
    return await use(network);
  } finally {
    await network.close();
  }
}

/** What `act`, which tells how long it took, cost on this line. */
async function sampled(network, act) {
  const before = network.stats();
  try {
    const ms = await act();
    const after = network.stats();
    const upBytes = after.upBytes - before.upBytes;
    const downBytes = after.downBytes - before.downBytes;
    const setUps = after.connections - before.connections;
    return { ms, upBytes, downBytes, bytes: upBytes + downBytes, setUps };
  } catch {
    return undefined;
  }
}

/** What follows a change of network or a first message, before the next is measured. */
async function quiet(network) {
  for (let seen = -1; ; ) {
    const { upBytes, downBytes } = network.stats();
    if (upBytes + downBytes === seen) return;
    seen = upBytes + downBytes;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
}

/** The first finds what works on this network, and is not kept; where nothing does, that is the sample. */
async function inSession(network, act) {
  const samples = [await sampled(network, act)];
  while (samples.at(-1) !== undefined && samples.length <= IN_SESSION) {
    samples.push(await sampled(network, act));
  }
  return samples.length > 1 ? samples.slice(1) : samples;
}

export function ourFirstContact(relay, { profile, seed, kind, limitMs }) {
  return through(relay.address, profile, seed, async (network) => {
    const pair = await farWriter({ address: relay.address, port: network.port, kind });
    try {
      pair.writer.client.start();
      await pair.writer.client.sync();
      await pair.writer.client.addContact(await pair.reader.client.card(), "reader");
      return await sampled(network, () => timeToStored(pair, TEXT, limitMs));
    } finally {
      await pair.close();
    }
  });
}

/** A few samples of one session. */
export function ourSession(relay, { profile, seed, kind, limitMs }) {
  return through(relay.address, "none", seed, async (network) => {
    const pair = await farWriter({ address: relay.address, port: network.port, kind });
    try {
      await acquaint(pair.writer, pair.reader);
      await quiet(network);
      network.setProfile(profile);
      return await inSession(network, () => timeToStored(pair, TEXT, limitMs));
    } finally {
      network.setProfile("none");
      await pair.close();
    }
  });
}

export function peerFirstContact(broker, { profile, seed, limitMs }) {
  return through({ host: "127.0.0.1", port: broker.port }, profile, seed, async (network) => {
    let client;
    try {
      return await sampled(network, async () => {
        const start = performance.now();
        client = connect(network.port, {});
        await timeToAcknowledged(client, TEXT, limitMs);
        return performance.now() - start;
      });
    } finally {
      client.end(true);
    }
  });
}

export function peerSession(broker, { profile, seed, limitMs }) {
  return through({ host: "127.0.0.1", port: broker.port }, "none", seed, async (network) => {
    const client = connect(network.port, {});
    try {
      await connected(client, limitMs);
      network.setProfile(profile);
      return await inSession(network, () => timeToAcknowledged(client, TEXT, limitMs));
    } finally {
      client.end(true);
    }
  });
}
