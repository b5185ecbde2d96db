/**
 * Writes test/vectors/NAME.json for each test/support/NAME-vectors.ts, which exports one async
 * function that makes them. Run after `npm run build`, only when a format is changed on purpose:
 * a frozen vector that moves is a protocol that changed.
 */

import { readdirSync, writeFileSync } from "node:fs";

const made = new URL("../dist/test/support/", import.meta.url);
const ENDING = "-vectors.js";

for (const file of readdirSync(made).filter((name) => name.endsWith(ENDING))) {
  const [make] = Object.values(await import(new URL(file, made)));
  const target = new URL(`../test/vectors/${file.slice(0, -ENDING.length)}.json`, import.meta.url);
  writeFileSync(target, `${JSON.stringify(await make(), null, 2)}\n`);
}
