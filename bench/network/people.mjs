/**
 * Two people with the client library, each over a vault in memory. What somebody sends to others passes
 * the laboratory, and nothing else does: their own relay is reached directly, so that the bytes counted
 * are those of one sender channel, or of one owner channel when it is the reader who is looked at.
 */

import { once } from "node:events";
import { Client } from "../../dist/client/core/client.js";
import { nodeTransport } from "../../dist/client/net/node/node-transport.js";
import { MemoryBlobStorage } from "../../dist/client/vault/memory-blob-storage.js";
import { MemoryStorage } from "../../dist/client/vault/memory-storage.js";
import { quickDerive } from "../../dist/test/support/quick-derive.js";
import { routedTransport } from "../../dist/test/support/routed-transport.js";

/** Stands in addresses for "through the laboratory"; nothing is ever opened there. */
const THROUGH = 1;

const LOOK_MS = 5;
const SET_UP_MS = 30_000;

function through(address) {
  const url = new URL(address);
  url.port = String(THROUGH);
  return url.href.replace("/#", "#");
}

/** `isFar`: the person's own relay is behind the laboratory. `port` is the laboratory's, or undefined. */
async function person({ address, port, isFar, kind }) {
  const direct = Number(new URL(address).port);
  const route = { port: port ?? direct };
  const environment = {
    storage: new MemoryStorage(),
    blobs: new MemoryBlobStorage(),
    passphrase: "not what is measured",
    transport: routedTransport(nodeTransport(), (asked) =>
      asked === THROUGH ? route.port : asked,
    ),
    deriveKey: quickDerive,
    ...(kind === undefined ? {} : { transportKind: kind }),
  };
  const relay = isFar ? through(address) : address;
  const { client } = await Client.create(environment, { relay, wordList: "english" });
  return { client, environment, route };
}

/** Rejects when it has not come in time. */
export async function within(limitMs, what, promise) {
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), limitMs);
  const late = once(end.signal, "abort").then(() =>
    Promise.reject(new Error(`not in time: ${what}`)),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function until(what, holds) {
  const endMs = performance.now() + SET_UP_MS;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function hasText({ client }, text) {
  return (await client.received()).some((message) => message.text === text);
}

/** They know each other and have a session that stands on both sides. */
export async function acquaint(writer, reader) {
  await writer.client.addContact(await reader.client.card(), "reader");
  await reader.client.addContact(await writer.client.card(), "writer");
  writer.client.start();
  reader.client.start();
  for (const text of ["one", "three"]) {
    await writer.client.send("reader", text);
    await until(text, () => hasText(reader, text));
    await reader.client.send("writer", `${text} back`);
    await until(`${text} back`, () => hasText(writer, `${text} back`));
  }
}

/** A writer whose way to the reader's relay is behind the laboratory, and a reader nearby. */
export async function farWriter({ address, port, kind }) {
  const reader = await person({ address, isFar: true });
  const writer = await person({ address, port, isFar: false, kind });
  return pair(writer, reader);
}

/** A reader whose own relay is behind the laboratory; `reader.route.port` may be set later. */
export async function farReader({ address, kind }) {
  const reader = await person({ address, isFar: true, kind });
  const writer = await person({ address, isFar: false });
  return pair(writer, reader);
}

function pair(writer, reader) {
  const close = () => Promise.all([writer.client.close(), reader.client.close()]);
  return { writer, reader, close };
}

/** The same vault, opened anew: a client that has just been started. */
export async function reopen(someone) {
  await someone.client.close();
  someone.client = await Client.open(someone.environment);
}

/** Milliseconds until the relay's receipt is in the writer's vault. */
export async function timeToStored({ writer }, text, limitMs) {
  const start = performance.now();
  const { id } = await writer.client.send("reader", text);
  await writer.client.stored(id, { timeoutMs: limitMs });
  return performance.now() - start;
}

/** Resolves with how many texts came when there are `count`, or when the time is over. */
export async function received({ client }, count, limitMs) {
  let seen = 0;
  const done = new Promise((resolve) => {
    client.on(({ type }) => {
      if (type === "message" && ++seen === count) resolve();
    });
  });
  await within(limitMs, "texts", done).catch(() => undefined);
  return seen;
}
