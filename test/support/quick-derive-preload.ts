/**
 * `node --import` of this file before `tumar`: that process derives keys as quick-derive.ts does. It puts a
 * stand-in where Node looks for hash-wasm, which argon2id.ts alone loads. The product knows nothing of it.
 */

import Module, { createRequire } from "node:module";

/** What argon2id.ts asks hash-wasm for. */
interface Asked {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly memorySize: number;
  readonly hashLength: number;
}

async function argon2id(asked: Asked): Promise<Uint8Array> {
  // Not before it is needed: a command that opens no vault loads nothing for this.
  const { quickDerive } = await import("./quick-derive.ts");
  const parameters = { memoryKiB: asked.memorySize, passes: asked.iterations };
  return await quickDerive(asked.password, asked.salt, parameters, asked.hashLength);
}

const require = createRequire(import.meta.url);
const path = require.resolve("hash-wasm");
const standIn = new Module(path);
standIn.filename = path;
standIn.loaded = true;
standIn.exports = { argon2id };
require.cache[path] = standIn;
