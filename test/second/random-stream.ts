/**
 * Where the random bytes of identity.json come from: BLAKE2b-64 of the seed and a u64 counter from
 * 0, block after block, taken in order without gaps. For vectors only.
 */

import { concat, EMPTY, u64 } from "./bytes.ts";
import { blake2 } from "./primitives.ts";

export class RandomStream {
  readonly #seed: Uint8Array;
  #counter = 0;
  #ready: Uint8Array = EMPTY;

  constructor(seed: Uint8Array) {
    this.#seed = seed;
  }

  take(length: number): Uint8Array {
    while (this.#ready.length < length) {
      const block = blake2(64, concat(this.#seed, u64(this.#counter)));
      this.#ready = concat(this.#ready, block);
      this.#counter += 1;
    }
    const taken = this.#ready.slice(0, length);
    this.#ready = this.#ready.slice(length);
    return taken;
  }
}
