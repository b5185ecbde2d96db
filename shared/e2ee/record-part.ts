/**
 * One writer's part of a record, and the one-time pairs that hang on it: what the relay stores and
 * cannot read (docs/CRYPTOGRAPHY.md 4).
 *
 *     part  = nonce 24 ‖ XChaCha20-Poly1305(read key, nonce, padded content, AD)
 *     AD    = lp(label, relay hash, record id, writer pk, version u64)
 *     pad   = content ‖ 0x80 ‖ 0x00… to a multiple of 512
 *     pair  = nonce 24 ‖ XChaCha20-Poly1305(H(read key, "pile", writer pk, 32), nonce, pair 1320,
 *             lp("tumar/v1/pile", relay hash, record id, writer pk))            (1360 bytes)
 *
 * The associated data ties the bytes to their place: a relay cannot move a part to another record,
 * writer, version or relay.
 */

import { type Bytes, concat, copyExact, lp, type Random, u64, utf8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { H } from "../crypto/hash.ts";
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  open,
  type SigningPublicKey,
  seal,
} from "../crypto/sodium.ts";
import {
  decodePrekeyPair,
  encodePrekeyPair,
  PREKEY_PAIR_BYTES,
  type PrekeyPair,
} from "./prekeys.ts";
import type { RelayHash } from "./relay-address.ts";

export type RecordId = Bytes<"RecordId">;
export type ReadKey = Bytes<"ReadKey">;

export type RecordKind = "front" | "front2" | "status";

/** One record at one relay: what a reader must know to find and open it. */
export interface RecordKeys {
  readonly kind: RecordKind;
  readonly relay: RelayHash;
  readonly id: RecordId;
  readonly readKey: ReadKey;
}

/** Which part, as the relay names it beside the bytes. */
export interface PartPlace {
  readonly writer: SigningPublicKey;
  readonly version: number;
}

export const RECORD_ID_BYTES = 24;
export const READ_KEY_BYTES = 32;
/** Parts differ in size by relays and hosts; the step hides most of that. */
export const PART_STEP_BYTES = 512;
/** Nonce 24 and tag 16. */
export const PART_OVERHEAD_BYTES = 40;
/** 24 + 1320 + 16 */
export const SEALED_PAIR_BYTES = 1360;
const PAD_MARK = 0x80;

export function parseRecordId(bytes: Uint8Array): RecordId {
  return copyExact(bytes, RECORD_ID_BYTES, "record id");
}

export function parseReadKey(bytes: Uint8Array): ReadKey {
  return copyExact(bytes, READ_KEY_BYTES, "read key");
}

export function sealPart(
  keys: RecordKeys,
  place: PartPlace,
  content: Uint8Array,
  random: Random,
): Uint8Array {
  const nonce = random(AEAD_NONCE_BYTES);
  return concat(nonce, seal(keys.readKey, nonce, pad(content), partData(keys, place)));
}

/** The content, without its padding. @throws TumarError CANNOT_OPEN, MALFORMED */
export function openPart(keys: RecordKeys, place: PartPlace, part: Uint8Array): Uint8Array {
  if (part.length < PART_OVERHEAD_BYTES || (part.length - PART_OVERHEAD_BYTES) % PART_STEP_BYTES) {
    throw new TumarError("MALFORMED", "a part of a record has no such size");
  }
  const nonce = part.subarray(0, AEAD_NONCE_BYTES);
  const box = part.subarray(AEAD_NONCE_BYTES);
  return unpad(open(keys.readKey, nonce, box, partData(keys, place)));
}

export function sealPair(
  keys: RecordKeys,
  writer: SigningPublicKey,
  pair: PrekeyPair,
  random: Random,
): Uint8Array {
  const nonce = random(AEAD_NONCE_BYTES);
  const box = seal(pileKey(keys, writer), nonce, encodePrekeyPair(pair), pileData(keys, writer));
  return concat(nonce, box);
}

/** Untrusted: `verifyPrekeyBundle` checks its signature. @throws TumarError CANNOT_OPEN, MALFORMED */
export function openPair(
  keys: RecordKeys,
  writer: SigningPublicKey,
  sealed: Uint8Array,
): PrekeyPair {
  if (sealed.length !== AEAD_NONCE_BYTES + PREKEY_PAIR_BYTES + AEAD_TAG_BYTES) {
    throw new TumarError("MALFORMED", "a sealed pair has no such size");
  }
  const nonce = sealed.subarray(0, AEAD_NONCE_BYTES);
  const box = sealed.subarray(AEAD_NONCE_BYTES);
  return decodePrekeyPair(open(pileKey(keys, writer), nonce, box, pileData(keys, writer)));
}

function partData({ kind, relay, id }: RecordKeys, { writer, version }: PartPlace): Uint8Array {
  return lp(utf8(`tumar/v1/${kind}`), relay, id, writer, u64(version));
}

function pileKey({ readKey }: RecordKeys, writer: SigningPublicKey): Uint8Array {
  return H(readKey, "pile", writer, AEAD_KEY_BYTES);
}

function pileData({ relay, id }: RecordKeys, writer: SigningPublicKey): Uint8Array {
  return lp(utf8("tumar/v1/pile"), relay, id, writer);
}

function pad(content: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil((content.length + 1) / PART_STEP_BYTES) * PART_STEP_BYTES);
  out.set(content);
  out[content.length] = PAD_MARK;
  return out;
}

function unpad(padded: Uint8Array): Uint8Array {
  const end = padded.findLastIndex((byte) => byte !== 0);
  if (padded[end] !== PAD_MARK || padded.length - end > PART_STEP_BYTES) {
    throw new TumarError("MALFORMED", "wrong padding in a part of a record");
  }
  return padded.subarray(0, end);
}
