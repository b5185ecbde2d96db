/**
 * KEM steps of the ratchet: when a device proposes an X-Wing key, what rides in a frame, and what
 * the other side mixes in.
 *
 *     KEM block = [public key 1216] ‖ [ciphertext 1120], as the header's flags say
 *
 * A proposal is always answered in the next sending chain of the peer. When to propose is a pure
 * function of the state, so that every client behaves alike (docs/adr has the measurement).
 */

import { concat, EMPTY, type Random } from "../crypto/bytes.ts";
import {
  AEAD_TAG_BYTES,
  KEM_CIPHERTEXT_BYTES,
  KEM_ENCAPSULATION_SEED_BYTES,
  KEM_PUBLIC_KEY_BYTES,
  KEM_SEED_BYTES,
  kemDecapsulate,
  kemEncapsulate,
  kemKeyPair,
  parseKemCiphertext,
  parseKemPublicKey,
  parseKemSecretKey,
} from "../crypto/sodium.ts";

export const KEM_FLAG_KEY = 0x01;
export const KEM_FLAG_CIPHERTEXT = 0x02;

/**
 * DH steps after which a new sending chain proposes a key, in padding or in a larger frame. A KEM
 * step costs as much as four DH steps; at one in ten messages of a ping-pong the whole stays
 * within the speed that was asked for (docs/adr).
 */
export const KEM_STEPS = 8;
/** For slow conversations: hours after which the next new chain proposes. */
export const KEM_HOURS = 24;

/** What the decision to propose looks at. */
export interface KemClock {
  /** Root steps since one last mixed a KEM secret (or since the handshake). */
  readonly steps: number;
  /** The hour of that step. */
  readonly hour: number;
  /** True while a proposal, ours or the peer's, has no answer: one KEM step at a time. */
  readonly outstanding: boolean;
}

/** Whether a new sending chain proposes a key. */
export function isKemDue(clock: KemClock, hour: number): boolean {
  if (clock.outstanding) return false;
  return clock.steps >= KEM_STEPS || hour - clock.hour >= KEM_HOURS;
}

/** Bytes a block takes in a frame, with its tag; 0 for none. */
export function sealedBlockBytes(hasKey: boolean, hasCiphertext: boolean): number {
  if (!hasKey && !hasCiphertext) return 0;
  const plain = (hasKey ? KEM_PUBLIC_KEY_BYTES : 0) + (hasCiphertext ? KEM_CIPHERTEXT_BYTES : 0);
  return plain + AEAD_TAG_BYTES;
}

export function blockFlags(block: Uint8Array): number {
  if (block.length === 0) return 0;
  if (block.length === KEM_PUBLIC_KEY_BYTES) return KEM_FLAG_KEY;
  if (block.length === KEM_CIPHERTEXT_BYTES) return KEM_FLAG_CIPHERTEXT;
  return KEM_FLAG_KEY | KEM_FLAG_CIPHERTEXT;
}

export function sealedBytesOfFlags(flags: number): number {
  return sealedBlockBytes((flags & KEM_FLAG_KEY) !== 0, (flags & KEM_FLAG_CIPHERTEXT) !== 0);
}

/** The sending side of a KEM step. Parts not used are empty. */
export interface KemOffer {
  readonly block: Uint8Array;
  readonly key: Uint8Array;
  readonly ciphertext: Uint8Array;
  /** Of the ciphertext: mixed into the root key. */
  readonly secret: Uint8Array;
  /** Of the key proposed: kept until the peer answers. */
  readonly seed: Uint8Array;
}

/** Draws `random(64)` for the answer, then `random(32)` for the proposal, each only when needed. */
export function offer(peerKey: Uint8Array, propose: boolean, random: Random): KemOffer {
  const answered = answer(peerKey, random);
  const seed = propose ? random(KEM_SEED_BYTES) : EMPTY;
  const key = propose ? kemKeyPair(seed).publicKey : EMPTY;
  return { ...answered, block: concat(key, answered.ciphertext), key, seed };
}

function answer(
  peerKey: Uint8Array,
  random: Random,
): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array } {
  if (peerKey.length === 0) return { ciphertext: EMPTY, secret: EMPTY };
  const { ciphertext, sharedSecret } = kemEncapsulate(
    parseKemPublicKey(peerKey),
    random(KEM_ENCAPSULATION_SEED_BYTES),
  );
  return { ciphertext, secret: sharedSecret };
}

/** The receiving side: the parts of an opened block. */
export function splitBlock(
  block: Uint8Array,
  flags: number,
): { readonly key: Uint8Array; readonly ciphertext: Uint8Array } {
  const split = (flags & KEM_FLAG_KEY) !== 0 ? KEM_PUBLIC_KEY_BYTES : 0;
  return { key: block.slice(0, split), ciphertext: block.slice(split) };
}

/** Implicit rejection: a wrong ciphertext gives a wrong secret, and only the body's AEAD tells. */
export function decapsulateWith(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return kemDecapsulate(parseKemCiphertext(ciphertext), parseKemSecretKey(seed));
}
