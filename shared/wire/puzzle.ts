/**
 * The puzzle a relay under pressure asks of deposits through card grants: work for the sender, one
 * hash for the relay.
 *
 *     BLAKE2b-256(seed 16 ‖ depositId 24 ‖ envelope id 24 ‖ nonce 8) begins with `bits` zero bits
 *
 * Bound to the grant and the envelope: a solution cannot be sold, kept, or used twice.
 */

import { concat } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { blake2b } from "../crypto/sodium.ts";
import { MAX_PUZZLE_BITS, PUZZLE_NONCE_BYTES, PUZZLE_SEED_BYTES } from "./limits.ts";

export interface Puzzle {
  readonly seed: Uint8Array;
  readonly bits: number;
}

/** The data of a PUZZLE_REQUIRED error frame. */
export function encodePuzzle({ seed, bits }: Puzzle): Uint8Array {
  return concat(seed, Uint8Array.of(bits));
}

/** @throws TumarError MALFORMED */
export function decodePuzzle(data: Uint8Array): Puzzle {
  const bits = data[PUZZLE_SEED_BYTES];
  if (data.length !== PUZZLE_SEED_BYTES + 1 || bits === undefined || bits > MAX_PUZZLE_BITS) {
    throw new TumarError("MALFORMED", "not a puzzle");
  }
  return { seed: data.slice(0, PUZZLE_SEED_BYTES), bits };
}

export function isPuzzleSolved(
  puzzle: Puzzle,
  depositId: Uint8Array,
  envelopeId: Uint8Array,
  nonce: Uint8Array,
): boolean {
  if (nonce.length !== PUZZLE_NONCE_BYTES) return false;
  const hash = blake2b(32, concat(puzzle.seed, depositId, envelopeId, nonce));
  return leadingZeroBits(hash) >= puzzle.bits;
}

/**
 * Tries `tries` nonces from `start` on; undefined when none solves it, so that a page can breathe in
 * between and give up.
 */
export function solvePuzzle(
  puzzle: Puzzle,
  depositId: Uint8Array,
  envelopeId: Uint8Array,
  start: number,
  tries: number,
): Uint8Array | undefined {
  const input = concat(puzzle.seed, depositId, envelopeId, new Uint8Array(PUZZLE_NONCE_BYTES));
  const nonceAt = input.length - PUZZLE_NONCE_BYTES;
  const view = new DataView(input.buffer);
  for (let n = start; n < start + tries; n++) {
    view.setBigUint64(nonceAt, BigInt(n));
    if (leadingZeroBits(blake2b(32, input)) >= puzzle.bits) return input.slice(nonceAt);
  }
  return undefined;
}

function leadingZeroBits(hash: Uint8Array): number {
  const at = hash.findIndex((byte) => byte !== 0);
  return at < 0 ? hash.length * 8 : at * 8 + Math.clz32(hash[at] ?? 0) - 24;
}
