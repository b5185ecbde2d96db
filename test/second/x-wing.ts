/**
 * X-Wing (draft-connolly-cfrg-xwing-kem), composed here from ML-KEM-768, X25519 and SHA3-256:
 *
 *     seed 32 → SHAKE256, 96 bytes → d ‖ z ‖ sk_X        public key  pk_M 1184 ‖ pk_X 32
 *     ss = SHA3-256(ss_M ‖ ss_X ‖ ct_X ‖ pk_X ‖ label)    ciphertext  ct_M 1088 ‖ ct_X 32
 *
 * The 64-byte encapsulation seed is the ML-KEM message, then the X25519 secret.
 */

import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { concat, fromHex } from "./bytes.ts";
import { agree, agreementPublicKey, sha3, shake256 } from "./primitives.ts";
import { demand } from "./refused.ts";

export const PUBLIC_KEY_BYTES = 1216;
export const CIPHERTEXT_BYTES = 1120;
const ML_KEM_KEY_BYTES = 1184;
const ML_KEM_CIPHERTEXT_BYTES = 1088;
const LABEL = fromHex("5c2e2f2f5e5c");

export interface Encapsulation {
  readonly ciphertext: Uint8Array;
  readonly shared: Uint8Array;
}

function expand(seed: Uint8Array) {
  const wide = shake256(seed, 96);
  const mlKem = ml_kem768.keygen(wide.slice(0, 64));
  return { mlKem, secret: wide.slice(64) };
}

export function kemPublicKey(seed: Uint8Array): Uint8Array {
  const { mlKem, secret } = expand(seed);
  return concat(mlKem.publicKey, agreementPublicKey(secret));
}

export function decapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  demand(ciphertext.length === CIPHERTEXT_BYTES, "length of a KEM ciphertext");
  const { mlKem, secret } = expand(seed);
  const classical = ciphertext.slice(ML_KEM_CIPHERTEXT_BYTES);
  const first = ml_kem768.decapsulate(
    ciphertext.slice(0, ML_KEM_CIPHERTEXT_BYTES),
    mlKem.secretKey,
  );
  return combine(first, agree(secret, classical), classical, agreementPublicKey(secret));
}

export function encapsulate(publicKey: Uint8Array, seed: Uint8Array): Encapsulation {
  demand(publicKey.length === PUBLIC_KEY_BYTES, "length of a KEM key");
  const peer = publicKey.slice(ML_KEM_KEY_BYTES);
  const secret = seed.slice(32);
  const classical = agreementPublicKey(secret);
  const first = ml_kem768.encapsulate(publicKey.slice(0, ML_KEM_KEY_BYTES), seed.slice(0, 32));
  return {
    ciphertext: concat(first.cipherText, classical),
    shared: combine(first.sharedSecret, agree(secret, peer), classical, peer),
  };
}

function combine(...parts: readonly Uint8Array[]): Uint8Array {
  return sha3(concat(...parts, LABEL));
}
