/**
 * The floor: what each primitive costs through shared/crypto, as the protocol calls it, and what a
 * message and a set-up cost in terms of them. What is measured beyond the floor is our own code.
 */

import { H } from "../../dist/shared/crypto/hash.js";
import {
  dh,
  dhKeyPair,
  kemDecapsulate,
  kemEncapsulate,
  kemKeyPair,
  open,
  seal,
  sign,
  signingKeyPair,
  systemRandom,
  tryOpen,
  verifySignature,
} from "../../dist/shared/crypto/sodium.js";
import { sampleSync } from "../lib/measure.mjs";

const EMPTY = new Uint8Array(0);
/** th 64 ‖ version 1 ‖ nonce 24 ‖ sealed header 57 ‖ commitment 32 */
const BODY_AD = systemRandom(178);
/** A frame of 4056 bytes without its head and tag: what 1 KiB of content is padded to. */
const BODY_BYTES = 4056 - 130;

function calls() {
  const key = systemRandom(32);
  const nonce = systemRandom(24);
  const kilobyte = systemRandom(1024);
  const body = systemRandom(BODY_BYTES);
  const header = systemRandom(41);
  const mine = dhKeyPair(systemRandom(32));
  const kem = kemKeyPair(systemRandom(32));
  const encapsulated = kemEncapsulate(kem.publicKey, systemRandom(64));
  const signer = signingKeyPair(systemRandom(32));
  const signature = sign(kilobyte, signer.secretKey);
  const sealedKilobyte = seal(key, nonce, kilobyte, BODY_AD);
  const sealedBody = seal(key, nonce, body, BODY_AD);
  const sealedHeader = seal(key, nonce, header, EMPTY);
  const other = systemRandom(32);
  return {
    "X25519 key pair": [50, () => dhKeyPair(key)],
    "X25519 agreement": [50, () => dh(mine.secretKey, mine.publicKey)],
    "X-Wing key pair": [30, () => kemKeyPair(key)],
    "X-Wing encapsulation": [30, () => kemEncapsulate(kem.publicKey, systemRandom(64))],
    "X-Wing decapsulation": [30, () => kemDecapsulate(encapsulated.ciphertext, kem.secretKey)],
    "Ed25519 signature": [50, () => sign(kilobyte, signer.secretKey)],
    "Ed25519 verification": [
      50,
      () => verifySignature(signature, kilobyte, signer.publicKey, "bench"),
    ],
    "XChaCha20-Poly1305 seal, 1 KiB": [500, () => seal(key, nonce, kilobyte, BODY_AD)],
    "XChaCha20-Poly1305 open, 1 KiB": [500, () => open(key, nonce, sealedKilobyte, BODY_AD)],
    "seal, body of a 4 KiB envelope": [300, () => seal(key, nonce, body, BODY_AD)],
    "open, body of a 4 KiB envelope": [300, () => open(key, nonce, sealedBody, BODY_AD)],
    "seal, header": [500, () => seal(key, nonce, header, EMPTY)],
    "open, header": [500, () => open(key, nonce, sealedHeader, EMPTY)],
    "open, header of another chain": [300, () => tryOpen(other, nonce, sealedHeader, EMPTY)],
    "H (BLAKE2b), 32 bytes": [2000, () => H(key, "mk", EMPTY, 32)],
    "random, 24 bytes": [2000, () => systemRandom(24)],
  };
}

/** @returns a function that measures each once: CPU microseconds per call by name */
export function primitives() {
  const table = Object.entries(calls());
  return () =>
    Object.fromEntries(table.map(([name, [times, call]]) => [name, sampleSync(times, call).cpuUs]));
}

const MESSAGE = {
  "H (BLAKE2b), 32 bytes": 8,
  "seal, header": 1,
  "open, header": 1,
  "seal, body of a 4 KiB envelope": 1,
  "open, body of a 4 KiB envelope": 1,
  "random, 24 bytes": 1,
};

/**
 * How often each is called. A KEM step comes once in ten messages of a ping-pong: eight root steps,
 * then one message with the proposed key, one with the ciphertext.
 */
export const COMPOSITION = {
  "one-way": MESSAGE,
  "ping-pong": {
    ...MESSAGE,
    "H (BLAKE2b), 32 bytes": 8 + 8,
    "open, header of another chain": 1,
    "X25519 key pair": 1,
    "X25519 agreement": 2,
    "X-Wing key pair": 0.1,
    "X-Wing encapsulation": 0.1,
    "X-Wing decapsulation": 0.1,
  },
  "set-up": {
    ...MESSAGE,
    "H (BLAKE2b), 32 bytes": 8 + 8 + 2 * 5,
    "X25519 key pair": 2 + 2,
    "X25519 agreement": 2 * 4 + 2,
    "X-Wing key pair": 2,
    "X-Wing encapsulation": 1,
    "X-Wing decapsulation": 1,
    "Ed25519 signature": 3,
    "Ed25519 verification": 3 + 2,
  },
};

/** CPU microseconds the primitives of one operation take, by one measurement of them. */
export function floorOf(operation, measured) {
  const entries = Object.entries(COMPOSITION[operation]);
  return entries.reduce((sum, [name, times]) => sum + times * measured[name], 0);
}
