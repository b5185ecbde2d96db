/**
 * The primitives of section 1 over node:crypto and the noble libraries; none of them comes from
 * the library the project itself builds on.
 */

import { createHash } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { argon2id } from "@noble/hashes/argon2.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { concat, EMPTY, text, u8 } from "./bytes.ts";
import { demand, Refused } from "./refused.ts";

/** BLAKE2b of output length n; keyed unless the key is empty. */
export function blake2(n: number, message: Uint8Array, key: Uint8Array = EMPTY): Uint8Array {
  return blake2b(message, key.length === 0 ? { dkLen: n } : { dkLen: n, key });
}

/** H(k, label, m, n) of section 1. */
export function H(key: Uint8Array, label: string, message: Uint8Array, n: number): Uint8Array {
  const full = text(`tumar/v1/${label}`);
  return blake2(n, concat(u8(full.length), full, message), key);
}

export function sha3(message: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha3-256").update(message).digest());
}

export function shake256(message: Uint8Array, length: number): Uint8Array {
  const hash = createHash("shake256", { outputLength: length });
  return Uint8Array.from(hash.update(message).digest());
}

/** XChaCha20-Poly1305: ciphertext, then the tag. */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  return xchacha20poly1305(key, nonce, associated).encrypt(plaintext);
}

export function open(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  try {
    return xchacha20poly1305(key, nonce, associated).decrypt(sealed);
  } catch (cause) {
    throw new Refused("CANNOT_DECRYPT", "does not open", { cause });
  }
}

/** The opened bytes, or undefined where another key may still fit. */
export function tryOpen(...args: Parameters<typeof open>): Uint8Array | undefined {
  try {
    return open(...args);
  } catch {
    return undefined;
  }
}

export function signingPublicKey(seed: Uint8Array): Uint8Array {
  return ed25519.getPublicKey(seed);
}

export function sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return ed25519.sign(message, seed);
}

/** RFC 8032 strictly: canonical S and points, no key of small order. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): void {
  let right = false;
  try {
    const smallOrder = ed25519.Point.fromBytes(publicKey).isSmallOrder();
    right = !smallOrder && ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch (cause) {
    throw new Refused("BAD_SIGNATURE", "signature", { cause });
  }
  demand(right, "signature", "BAD_SIGNATURE");
}

export function agreementPublicKey(secret: Uint8Array): Uint8Array {
  return x25519.getPublicKey(secret);
}

/** Refuses a public key with bit 255 set, and an all-zero result. */
export function agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  demand(((publicKey[31] ?? 0x80) & 0x80) === 0, "bit 255", "CANNOT_DECRYPT");
  try {
    return x25519.getSharedSecret(secret, publicKey);
  } catch (cause) {
    throw new Refused("CANNOT_DECRYPT", "agreement", { cause });
  }
}

/** Argon2id with the phrase's parameters: 64 MiB, t = 3, p = 1, 32 bytes. */
export function stretch(password: Uint8Array, salt: Uint8Array): Uint8Array {
  return argon2id(password, salt, { m: 65536, t: 3, p: 1, dkLen: 32, version: 0x13 });
}
