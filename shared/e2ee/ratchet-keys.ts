/**
 * The key schedule of the ratchet: root step, chain step, message keys, and the sealed header.
 * Pure functions of bytes; every result is a new array.
 *
 * Normative text: docs/CRYPTOGRAPHY.md 7.
 */

import { EMPTY, lp } from "../crypto/bytes.ts";
import { H } from "../crypto/hash.ts";
import { AEAD_KEY_BYTES } from "../crypto/sodium.ts";

export const KEY_BYTES = 32;
export const COMMITMENT_BYTES = 32;

export interface RootStep {
  readonly rootKey: Uint8Array;
  readonly chainKey: Uint8Array;
  readonly nextHeaderKey: Uint8Array;
}

/** What one step mixes into the root key; absent parts are empty. */
export interface RootInput {
  readonly dh: Uint8Array;
  readonly kemSecret: Uint8Array;
  readonly kemKey: Uint8Array;
  readonly kemCiphertext: Uint8Array;
}

export function rootStep(rootKey: Uint8Array, input: RootInput): RootStep {
  const mixed = lp(input.dh, input.kemSecret, input.kemKey, input.kemCiphertext);
  const p = H(rootKey, "dr.root", mixed, 64);
  return {
    rootKey: H(p, "rk", EMPTY, KEY_BYTES),
    chainKey: H(p, "ck", EMPTY, KEY_BYTES),
    nextHeaderKey: H(p, "nhk", EMPTY, KEY_BYTES),
  };
}

export function messageKey(chainKey: Uint8Array): Uint8Array {
  return H(chainKey, "mk", EMPTY, KEY_BYTES);
}

export function nextChainKey(chainKey: Uint8Array): Uint8Array {
  return H(chainKey, "ck", EMPTY, KEY_BYTES);
}

/** Key and nonce depend on the frame's random nonce: a rolled-back state repeats no keystream. */
export function bodyKeys(
  key: Uint8Array,
  headerNonce: Uint8Array,
): { readonly key: Uint8Array; readonly nonce: Uint8Array; readonly commitment: Uint8Array } {
  const material = H(key, "msg", headerNonce, 56);
  return {
    key: material.subarray(0, AEAD_KEY_BYTES),
    nonce: material.subarray(AEAD_KEY_BYTES),
    commitment: H(key, "com", headerNonce, COMMITMENT_BYTES),
  };
}

/** The key of the KEM block of the frame with this nonce. */
export function kemBlockKey(headerKey: Uint8Array, headerNonce: Uint8Array): Uint8Array {
  return H(headerKey, "pq", headerNonce, AEAD_KEY_BYTES);
}
