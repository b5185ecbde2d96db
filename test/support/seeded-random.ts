/**
 * A Random that gives the same bytes for the same seed, to freeze vectors and to replay a failure.
 *
 * Block i = BLAKE2b-512(seed text ‖ u64 i), i from 0; the stream is the blocks in order and each call
 * takes the next bytes of it. Never for real keys.
 */

import { concat, type Random, u64, utf8 } from "../../shared/crypto/bytes.ts";
import { blake2b } from "../../shared/crypto/sodium.ts";

export function seededRandom(seed: string): Random {
  let held: Uint8Array = new Uint8Array(0);
  let counter = 0;
  return (length) => {
    while (held.length < length) {
      held = concat(held, blake2b(64, concat(utf8(seed), u64(counter))));
      counter += 1;
    }
    const out = held.slice(0, length);
    held = held.slice(length);
    return out;
  };
}
