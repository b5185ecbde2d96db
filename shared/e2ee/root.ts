/**
 * What an identity derives from its recovery phrase (docs/CRYPTOGRAPHY.md 2).
 *
 *     root             Ed25519 seed H(seed, "root", "", 32)
 *     capsule          X-Wing seed  H(seed, "capsule", "", 32)
 *     letterbox        H(seed, "letterbox", epoch u32, 64) = Ed25519 seed 32 ‖ X-Wing seed 32
 *     card secret c    H(seed, "card", epoch u32, 16)
 *     case key         Ed25519 seed H(seed, "case", desk root, 32)
 *     record owner i   Ed25519 seed H(seed, "owner", i u8, 32), i < 32
 *
 * None of the secrets stays on a phone: derive, sign or take the public half, wipe.
 */

import { type Bytes, copyExact, EMPTY, u8, u32, wipe } from "../crypto/bytes.ts";
import { H } from "../crypto/hash.ts";
import {
  type KemKeyPair,
  kemKeyPair,
  type SigningKeyPair,
  type SigningPublicKey,
  signingKeyPair,
} from "../crypto/sodium.ts";

export type CardSecret = Bytes<"CardSecret">;

export const ROOT_SEED_BYTES = 32;
export const CARD_SECRET_BYTES = 16;
/** Records an identity can own in its life; enough for one new status record a month for two years. */
export const OWNER_KEYS = 32;

export interface Letterbox {
  /** Owns the mailbox. */
  readonly mailbox: SigningKeyPair;
  readonly kem: KemKeyPair;
}

/** `seed` is `phraseSeed` of the recovery phrase, here and below. */
export function rootKeyPair(seed: Uint8Array): SigningKeyPair {
  return derivedSigningKey(seed, "root", EMPTY);
}

export function capsuleKeyPair(seed: Uint8Array): KemKeyPair {
  const kemSeed = derive(seed, "capsule", EMPTY, 32);
  const pair = kemKeyPair(kemSeed);
  wipe(kemSeed);
  return pair;
}

export function letterboxOf(seed: Uint8Array, epoch: number): Letterbox {
  const both = derive(seed, "letterbox", u32(epoch), 64);
  const letterbox = {
    mailbox: signingKeyPair(both.subarray(0, 32)),
    kem: kemKeyPair(both.subarray(32)),
  };
  wipe(both);
  return letterbox;
}

/** Epoch 0 first; the next one makes every card handed out before useless. */
export function cardSecret(seed: Uint8Array, epoch: number): CardSecret {
  return parseCardSecret(derive(seed, "card", u32(epoch), CARD_SECRET_BYTES));
}

export function caseKeyPair(seed: Uint8Array, deskRoot: SigningPublicKey): SigningKeyPair {
  return derivedSigningKey(seed, "case", deskRoot);
}

/** @throws RangeError unless 0 <= index < 32 */
export function recordOwnerKeyPair(seed: Uint8Array, index: number): SigningKeyPair {
  if (!Number.isInteger(index) || index < 0 || index >= OWNER_KEYS) {
    throw new RangeError("record owner keys are numbered 0 to 31");
  }
  return derivedSigningKey(seed, "owner", u8(index));
}

export function parseCardSecret(bytes: Uint8Array): CardSecret {
  return copyExact(bytes, CARD_SECRET_BYTES, "card secret");
}

function derivedSigningKey(seed: Uint8Array, label: string, message: Uint8Array): SigningKeyPair {
  const signingSeed = derive(seed, label, message, 32);
  const pair = signingKeyPair(signingSeed);
  wipe(signingSeed);
  return pair;
}

function derive(seed: Uint8Array, label: string, message: Uint8Array, length: number): Uint8Array {
  if (seed.length !== ROOT_SEED_BYTES) throw new RangeError("the seed has 32 bytes");
  return H(seed, label, message, length);
}
