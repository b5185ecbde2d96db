/** Sums a V8 CPU profile (`node --cpu-prof`) into the parts of the relay. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** First match wins; time in native code counts for the JavaScript that called it. */
const PARTS = [
  ["commit: SQLite, WAL, fsync", /sqliteTransaction/],
  ["statements of the store", /\/server\/store\/|better-sqlite3/],
  ["cryptography (WebAssembly)", /wasm|libsodium|\/shared\/crypto\/(?:sodium|hash)/],
  ["CBOR and frames", /cborg|\/shared\/wire\/(?:codec|frame)/],
  ["channel and padding", /\/shared\//],
  ["the relay's own code", /\/server\//],
  ["garbage collection", /\(garbage collector\)/],
  ["sockets, WebSocket, event loop", /./],
];

function partOf({ functionName, url }) {
  const name = `${functionName} ${url}`;
  return PARTS.find(([, pattern]) => pattern.test(name))?.[0] ?? PARTS.at(-1)[0];
}

/** Shares of the main thread's busy time after the first `skipMs`, greatest first. */
export function sharesOf(directory, skipMs) {
  const [file] = readdirSync(directory).filter((name) => name.endsWith(".cpuprofile"));
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(directory, file), "utf8"));
  const partById = new Map(
    nodes.map(({ id, callFrame }) => [
      id,
      callFrame.functionName === "(idle)" ? undefined : partOf(callFrame),
    ]),
  );
  const times = new Map();
  let busy = 0;
  let elapsed = 0;
  samples.forEach((id, i) => {
    elapsed += timeDeltas[i];
    const part = partById.get(id);
    if (part === undefined || elapsed < skipMs * 1000) return;
    busy += timeDeltas[i];
    times.set(part, (times.get(part) ?? 0) + timeDeltas[i]);
  });
  return [...times]
    .map(([part, time]) => ({ part, share: time / busy }))
    .sort((a, b) => b.share - a.share);
}
