/**
 * Receipts: one signature of the relay identity key for a whole commit of deposits.
 *
 *     leaf = H("", "receipt.leaf", envelope id 24 ‖ u32 size ‖ u64 hour, 32)
 *     node = H("", "receipt.node", left 32 ‖ right 32, 32); a missing right half is 32 zero bytes
 *     signature = Ed25519 over lp("tumar/v1/receipt", relay identity key, root)
 *
 * A tree has 1 to 128 leaves; a larger commit makes several. A receipt names the envelope by its
 * hash only: it proves that these bytes were stored, and tells a reader nothing else.
 */

import { concat, EMPTY, lp, u32, u64, utf8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { H } from "../crypto/hash.ts";
import {
  isSignatureValid,
  type Signature,
  type SigningKeyPair,
  type SigningPublicKey,
  sign,
} from "../crypto/sodium.ts";
import { MAX_RECEIPT_LEAVES } from "./limits.ts";

const HASH_BYTES = 32;
const MISSING = new Uint8Array(HASH_BYTES);
const LABEL = utf8("tumar/v1/receipt");

export interface Stored {
  readonly envelopeId: Uint8Array;
  /** Bytes of the envelope. */
  readonly size: number;
  /** Hour since 1970 of its first deposit. */
  readonly hour: number;
}

/** What the depositor is given beside the hour. */
export interface ReceiptProof {
  readonly index: number;
  readonly path: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

/** One proof for each of `stored`, in its order: 1 to 128 of one commit. */
export function signReceipts(
  stored: readonly Stored[],
  identity: SigningKeyPair,
): readonly ReceiptProof[] {
  if (stored.length < 1 || stored.length > MAX_RECEIPT_LEAVES) {
    throw new RangeError("a receipt tree has 1 to 128 leaves");
  }
  const levels = treeOf(stored.map(leafOf));
  const signature = signRoot(levels.at(-1)?.[0] ?? MISSING, identity);
  return stored.map((_, index) => ({ index, path: pathOf(levels, index), signature }));
}

/** @throws TumarError BAD_RECEIPT when it does not prove that this relay stored exactly that. */
export function verifyReceipt(
  receipt: ReceiptProof,
  stored: Stored,
  identity: SigningPublicKey,
): void {
  const { index, path, signature } = receipt;
  if (index >= 2 ** path.length) throw new TumarError("BAD_RECEIPT", "index is beyond the path");
  const root = path.reduce(
    (hash, other, level) => (isRightHalf(index, level) ? nodeOf(other, hash) : nodeOf(hash, other)),
    leafOf(stored),
  );
  if (!isSignatureValid(signature, lp(LABEL, identity, root), identity)) {
    throw new TumarError("BAD_RECEIPT", "the receipt does not verify");
  }
}

function signRoot(root: Uint8Array, identity: SigningKeyPair): Signature {
  return sign(lp(LABEL, identity.publicKey, root), identity.secretKey);
}

/** Leaves first, the root alone last. */
function treeOf(leaves: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const levels = [leaves];
  let level = leaves;
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      above.push(nodeOf(level[i] ?? MISSING, level[i + 1] ?? MISSING));
    }
    levels.push(above);
    level = above;
  }
  return levels;
}

function pathOf(levels: readonly (readonly Uint8Array[])[], index: number): readonly Uint8Array[] {
  return levels.slice(0, -1).map((level, height) => level[(index >> height) ^ 1] ?? MISSING);
}

function isRightHalf(index: number, level: number): boolean {
  return ((index >> level) & 1) === 1;
}

function leafOf({ envelopeId, size, hour }: Stored): Uint8Array {
  return H(EMPTY, "receipt.leaf", concat(envelopeId, u32(size), u64(hour)), HASH_BYTES);
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return H(EMPTY, "receipt.node", concat(left, right), HASH_BYTES);
}
