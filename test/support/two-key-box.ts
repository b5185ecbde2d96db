/**
 * An attack on purpose: one box of XChaCha20-Poly1305 that opens under two keys, to two texts.
 *
 * Poly1305 is a polynomial over the blocks, modulo p = 2^130 − 5. With both keys known, one block can be
 * chosen so that both tags are the same (Len, Grubbs, Ristenpart, "Partitioning Oracle Attacks",
 * USENIX Security 2021): the condition is linear in that block, and one choice in a few is a
 * block of 16 bytes; another nonce is another try.
 */

import { xchacha20 } from "@noble/ciphers/chacha.js";
import type { Random } from "../../shared/crypto/bytes.ts";

export interface TwoKeyBox {
  readonly nonce: Uint8Array;
  /** Ciphertext and tag. */
  readonly box: Uint8Array;
}

type Pair<T> = readonly [T, T];

interface OneTimeKey {
  readonly r: bigint;
  readonly s: bigint;
}

const P = (1n << 130n) - 5n;
const BLOCK = 16;
const MARK = 1n << 128n;

/** A box of `length` bytes of ciphertext; `associated` is the same for both keys. */
export function twoKeyBox(
  keys: Pair<Uint8Array>,
  associated: Uint8Array,
  length: number,
  random: Random,
): TwoKeyBox {
  for (;;) {
    const nonce = random(24);
    const ciphertext = random(length);
    const tag = tagOfBoth(
      [oneTimeKey(keys[0], nonce), oneTimeKey(keys[1], nonce)],
      associated,
      ciphertext,
    );
    if (tag !== undefined) return { nonce, box: Buffer.concat([ciphertext, tag]) };
  }
}

/** Changes the first block of `ciphertext` so that both keys give one tag; undefined when it cannot be. */
function tagOfBoth(
  keys: Pair<OneTimeKey>,
  associated: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  ciphertext.fill(0, 0, BLOCK);
  const blocks = blocksOf(associated, ciphertext);
  const free = Math.ceil(associated.length / BLOCK);
  const [one, two] = keys;
  const slope = mod(powerAfter(one, blocks, free) - powerAfter(two, blocks, free));
  const apart = polynomial(two, blocks) + two.s - polynomial(one, blocks) - one.s;
  for (let wraps = -5n; wraps <= 5n; wraps++) {
    const block = mod((apart + wraps * MARK) * inverse(slope));
    if (block >= MARK) continue;
    const solved = blocks.with(free, MARK + block);
    const [tag, other] = [tagOf(one, solved), tagOf(two, solved)];
    if (tag !== other) continue;
    ciphertext.set(toBytes(block));
    return toBytes(tag);
  }
  return undefined;
}

/** RFC 8439 2.6: the first 32 bytes of block 0. */
function oneTimeKey(key: Uint8Array, nonce: Uint8Array): OneTimeKey {
  const bytes = xchacha20(key, nonce, new Uint8Array(32));
  const clamp = 0x0ffffffc_0ffffffc_0ffffffc_0fffffffn;
  return { r: fromBytes(bytes.subarray(0, 16)) & clamp, s: fromBytes(bytes.subarray(16)) };
}

/** RFC 8439 2.8: associated data and ciphertext, each filled up to whole blocks, and their lengths. */
function blocksOf(associated: Uint8Array, ciphertext: Uint8Array): readonly bigint[] {
  const lengths = BigInt(associated.length) | (BigInt(ciphertext.length) << 64n);
  return [...split(associated), ...split(ciphertext), MARK + lengths];
}

function split(bytes: Uint8Array): bigint[] {
  const count = Math.ceil(bytes.length / BLOCK);
  return Array.from({ length: count }, (_, i) => {
    return MARK + fromBytes(bytes.subarray(i * BLOCK, (i + 1) * BLOCK));
  });
}

function polynomial({ r }: OneTimeKey, blocks: readonly bigint[]): bigint {
  return blocks.reduce((sum, block) => mod((sum + block) * r), 0n);
}

function tagOf(key: OneTimeKey, blocks: readonly bigint[]): bigint {
  return (polynomial(key, blocks) + key.s) % MARK;
}

/** What block `at` is multiplied with. */
function powerAfter({ r }: OneTimeKey, blocks: readonly bigint[], at: number): bigint {
  return power(r, BigInt(blocks.length - at));
}

function power(base: bigint, exponent: bigint): bigint {
  if (exponent === 0n) return 1n;
  const half = power(base, exponent >> 1n);
  return mod(half * half * (exponent & 1n ? base : 1n));
}

function inverse(value: bigint): bigint {
  return power(value, P - 2n);
}

function mod(value: bigint): bigint {
  return ((value % P) + P) % P;
}

function fromBytes(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function toBytes(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(32, "0"), "hex").reverse();
}
