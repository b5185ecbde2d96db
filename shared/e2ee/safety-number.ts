/**
 * The safety number of two identities: what two people read to each other, equal on both sides.
 *
 *     H("", "safety", smaller root ‖ larger root, 60) as 12 groups of 5 bytes;
 *     a group is its 40-bit number modulo 100000, in five digits; groups are joined by a space
 */

import { ByteReader, compareBytes, concat, EMPTY } from "../crypto/bytes.ts";
import { H } from "../crypto/hash.ts";
import type { SigningPublicKey } from "../crypto/sodium.ts";

const GROUPS = 12;
const GROUP_BYTES = 5;
const GROUP_VALUES = 100_000;

/** "12345 67890 …": 60 digits. */
export function safetyNumber(a: SigningPublicKey, b: SigningPublicKey): string {
  const roots = [a, b].sort(compareBytes);
  const reader = new ByteReader(H(EMPTY, "safety", concat(...roots), GROUPS * GROUP_BYTES));
  return Array.from({ length: GROUPS }, () => {
    const value = reader.u8() * 2 ** 32 + reader.u32();
    return String(value % GROUP_VALUES).padStart(5, "0");
  }).join(" ");
}
