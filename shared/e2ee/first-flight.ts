/**
 * The bytes before the ratchet frame in every message of an initiator that has no answer yet.
 *
 *      0      1       2        6        10        14      46          1166     1168
 *     +------+-------+--------+--------+---------+-------+-----------+--------+----------------+-------+
 *     | 0x02 | suite | SPK id | KEM id | pair id | EK_A  | ct (1120) | length | sealed identity| frame |
 *     |      |       | u32    | u32    | u32     | (32)  |           | u16    | block          |       |
 *     +------+-------+--------+--------+---------+-------+-----------+--------+----------------+-------+
 *      `------------------------- head, 1166 bytes ----------------'
 *
 * The pair id is 0 when no one-time pair is used; otherwise the KEM id is the pair's id.
 * Normative text: docs/CRYPTOGRAPHY.md 6.
 */

import { ByteReader, concat, EMPTY, u8, u16, u32 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { H } from "../crypto/hash.ts";
import {
  AEAD_TAG_BYTES,
  DH_KEY_BYTES,
  type DhPublicKey,
  KEM_CIPHERTEXT_BYTES,
  type KemCiphertext,
  parseDhPublicKey,
  parseKemCiphertext,
} from "../crypto/sodium.ts";
import { SUITE } from "./prekeys.ts";

export const FIRST_FLIGHT_VERSION = 0x02;
/** 1 + 1 + 4 + 4 + 4 + 32 + 1120 */
export const FIRST_FLIGHT_HEAD_BYTES = 1166;
export const HEAD_HASH_BYTES = 32;

/** Which of the responder's prekeys the initiator used. */
export interface PrekeyIds {
  readonly spk: number;
  readonly kem: number;
  /** 0 when the KEM key is the last-resort one. */
  readonly pair: number;
}

export interface FirstFlight {
  /** A copy: what is hashed and authenticated. */
  readonly head: Uint8Array;
  readonly ids: PrekeyIds;
  readonly ephemeral: DhPublicKey;
  readonly ciphertext: KemCiphertext;
  readonly sealedIdentity: Uint8Array;
  /** The ratchet frame; a view of the input. */
  readonly frame: Uint8Array;
}

export function encodeHead(
  ids: PrekeyIds,
  ephemeral: DhPublicKey,
  ciphertext: KemCiphertext,
): Uint8Array {
  return concat(
    u8(FIRST_FLIGHT_VERSION),
    u8(SUITE),
    u32(ids.spk),
    u32(ids.kem),
    u32(ids.pair),
    ephemeral,
    ciphertext,
  );
}

/** Head, length and sealed identity block: what is put before each ratchet frame. */
export function encodePrefix(head: Uint8Array, sealedIdentity: Uint8Array): Uint8Array {
  return concat(head, u16(sealedIdentity.length), sealedIdentity);
}

/** @throws TumarError MALFORMED, BAD_KEY */
export function decodeFirstFlight(bytes: Uint8Array): FirstFlight {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== FIRST_FLIGHT_VERSION || reader.u8() !== SUITE) {
    throw new TumarError("MALFORMED", "not a first flight of a known suite");
  }
  const ids = { spk: reader.u32(), kem: reader.u32(), pair: reader.u32() };
  if (ids.pair !== 0 && ids.kem !== ids.pair) {
    throw new TumarError("MALFORMED", "a pair is named by one id");
  }
  const ephemeral = parseDhPublicKey(reader.take(DH_KEY_BYTES));
  const ciphertext = parseKemCiphertext(reader.take(KEM_CIPHERTEXT_BYTES));
  const sealedIdentity = reader.take(reader.u16()).slice();
  if (sealedIdentity.length <= AEAD_TAG_BYTES) {
    throw new TumarError("MALFORMED", "identity block is missing");
  }
  const head = bytes.slice(0, FIRST_FLIGHT_HEAD_BYTES);
  return { head, ids, ephemeral, ciphertext, sealedIdentity, frame: reader.rest() };
}

/** By this a receiver knows the repeats and replays of a first flight. */
export function headHash(head: Uint8Array): Uint8Array {
  return H(EMPTY, "ff", head, HEAD_HASH_BYTES);
}
