/** Section 9, envelopes: what a relay stores, wrapped under the key of a grant. */

import { concat, EMPTY } from "./bytes.ts";
import { blake2, open, seal } from "./primitives.ts";
import { demand } from "./refused.ts";

export const BUCKETS: readonly number[] = [1024, 4096, 16384];
const NONCE_BYTES = 24;
const TAG_BYTES = 16;

export function wrap(wrapKey: Uint8Array, nonce: Uint8Array, frame: Uint8Array): Uint8Array {
  return concat(nonce, seal(wrapKey, nonce, frame, EMPTY));
}

export function unwrap(wrapKey: Uint8Array, envelope: Uint8Array): Uint8Array {
  demand(BUCKETS.includes(envelope.length), "length of an envelope");
  return open(wrapKey, envelope.slice(0, NONCE_BYTES), envelope.slice(NONCE_BYTES), EMPTY);
}

export function envelopeId(envelope: Uint8Array): Uint8Array {
  return blake2(24, envelope);
}

export function frameBytes(bucket: number): number {
  return bucket - NONCE_BYTES - TAG_BYTES;
}
