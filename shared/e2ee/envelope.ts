/**
 * Envelopes: what a relay sees. Always exactly 1024, 4096 or 16384 bytes, uniformly random to
 * whoever lacks the grant's wrap key, and different at every relay.
 *
 *      0               24                                     bucket
 *     +---------------+---------------------------------------+
 *     | wrap nonce    | sealed frame (bucket − 40, + 16 tag)  |
 *     +---------------+---------------------------------------+
 *
 * Normative text: docs/CRYPTOGRAPHY.md 9.
 */

import { type Bytes, concat, EMPTY, type Random } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, blake2b, open, seal } from "../crypto/sodium.ts";
import type { WrapKey } from "./grant.ts";

export type EnvelopeId = Bytes<"EnvelopeId">;

export const BUCKETS = [1024, 4096, 16384] as const;
export type Bucket = (typeof BUCKETS)[number];

export const ENVELOPE_OVERHEAD_BYTES: number = AEAD_NONCE_BYTES + AEAD_TAG_BYTES;
export const ENVELOPE_ID_BYTES = 24;

/** A frame fills its envelope: 984, 4056 or 16344 bytes. */
export function frameBytesOf(bucket: Bucket): number {
  return bucket - ENVELOPE_OVERHEAD_BYTES;
}

export function isBucket(length: number): length is Bucket {
  return BUCKETS.some((bucket) => bucket === length);
}

/** The smallest bucket whose frame has `bytes`; undefined beyond the largest. */
export function bucketFor(bytes: number): Bucket | undefined {
  return BUCKETS.find((bucket) => frameBytesOf(bucket) >= bytes);
}

/** Draws random(24). @throws RangeError when the frame fills no bucket. */
export function wrapFrame(wrapKey: WrapKey, frame: Uint8Array, random: Random): Uint8Array {
  if (!isBucket(frame.length + ENVELOPE_OVERHEAD_BYTES)) {
    throw new RangeError("a frame fills one of the buckets");
  }
  const nonce = random(AEAD_NONCE_BYTES);
  return concat(nonce, seal(wrapKey, nonce, frame, EMPTY));
}

/** @throws TumarError MALFORMED for a wrong size, CANNOT_OPEN for a wrong key or changed bytes */
export function unwrapFrame(wrapKey: WrapKey, envelope: Uint8Array): Uint8Array {
  if (!isBucket(envelope.length)) throw new TumarError("MALFORMED", "not the size of an envelope");
  const nonce = envelope.subarray(0, AEAD_NONCE_BYTES);
  return open(wrapKey, nonce, envelope.subarray(AEAD_NONCE_BYTES), EMPTY);
}

export function envelopeId(envelope: Uint8Array): EnvelopeId {
  return blake2b(ENVELOPE_ID_BYTES, envelope) as EnvelopeId;
}
