/**
 * The bytes of a ratchet frame: sealing one, and opening its header, KEM block and body.
 *
 *      0      1                25                  82                114
 *     +------+----------------+-------------------+-----------------+-------------+-------------+
 *     | 0x01 | header nonce   | sealed header     | commitment      | [KEM block] | sealed body |
 *     |      | (24)           | (41 + 16)         | (32)            | (+ 16)      | (+ 16)      |
 *     +------+----------------+-------------------+-----------------+-------------+-------------+
 *
 * The commitment has a fixed place, so that a frame can be named by who cannot open its header.
 * Normative text: docs/CRYPTOGRAPHY.md 7.
 */

import { concat, EMPTY, type Random } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  DH_KEY_BYTES,
  type DhPublicKey,
  equalSecret,
  parseDhPublicKey,
  seal,
  tryOpen,
} from "../crypto/sodium.ts";
import { SUITE } from "./prekeys.ts";
import {
  blockFlags,
  KEM_FLAG_CIPHERTEXT,
  KEM_FLAG_KEY,
  sealedBytesOfFlags,
} from "./ratchet-kem.ts";
import { bodyKeys, COMMITMENT_BYTES, kemBlockKey, messageKey } from "./ratchet-keys.ts";
import type { RatchetState } from "./ratchet-state.ts";

export const RATCHET_VERSION = 0x01;
export const HEADER_BYTES: number = DH_KEY_BYTES + 4 + 4 + 1;
export const SEALED_HEADER_BYTES: number = HEADER_BYTES + AEAD_TAG_BYTES;
export const COMMITMENT_OFFSET: number = 1 + AEAD_NONCE_BYTES + SEALED_HEADER_BYTES;
const HEAD_BYTES: number = COMMITMENT_OFFSET + COMMITMENT_BYTES;
/** A frame is this much longer than padded content, without a KEM block. */
export const FRAME_OVERHEAD_BYTES: number = HEAD_BYTES + AEAD_TAG_BYTES;
/** The one byte of padding that is always there. */
export const PAD_BYTES = 1;

const HEADER_AD: Uint8Array = Uint8Array.of(RATCHET_VERSION, SUITE);

export interface Header {
  readonly peerKey: DhPublicKey;
  readonly previous: number;
  readonly number: number;
  readonly flags: number;
}

export function cannotDecrypt(): TumarError {
  return new TumarError("CANNOT_DECRYPT", "cannot decrypt");
}

/** Draws random(24) for the header nonce. */
export function sealFrame(
  state: RatchetState,
  plaintext: Uint8Array,
  frameBytes: number,
  random: Random,
): { readonly frame: Uint8Array; readonly commitment: Uint8Array } {
  const nonce = random(AEAD_NONCE_BYTES);
  const keys = bodyKeys(messageKey(state.sendChainKey), nonce);
  const sealedHeader = seal(state.sendHeaderKey, nonce, headerOf(state), HEADER_AD);
  const block = sealBlock(state, nonce, sealedHeader);
  const prefix = Uint8Array.of(RATCHET_VERSION);
  const associatedData = concat(
    state.transcript,
    prefix,
    nonce,
    sealedHeader,
    keys.commitment,
    block,
  );
  const head = associatedData.subarray(state.transcript.length);
  const padded = new Uint8Array(frameBytes - head.length - AEAD_TAG_BYTES);
  padded.set(plaintext);
  padded[plaintext.length] = 0x80;
  const body = seal(keys.key, keys.nonce, padded, associatedData);
  return { frame: concat(head, body), commitment: keys.commitment };
}

function headerOf(state: RatchetState): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(state.own.publicKey);
  view.setUint32(DH_KEY_BYTES, state.previousSent);
  view.setUint32(DH_KEY_BYTES + 4, state.sent);
  header[HEADER_BYTES - 1] = blockFlags(state.kemBlock);
  return header;
}

function sealBlock(state: RatchetState, nonce: Uint8Array, sealedHeader: Uint8Array): Uint8Array {
  if (state.kemBlock.length === 0) return EMPTY;
  const key = kemBlockKey(state.sendHeaderKey, nonce);
  return seal(key, nonce, state.kemBlock, sealedHeader);
}

export function openHeader(headerKey: Uint8Array, frame: Uint8Array): Header | undefined {
  if (headerKey.length === 0) return undefined;
  const nonce = frame.subarray(1, 1 + AEAD_NONCE_BYTES);
  const sealed = frame.subarray(1 + AEAD_NONCE_BYTES, COMMITMENT_OFFSET);
  const header = tryOpen(headerKey, nonce, sealed, HEADER_AD);
  return header === undefined ? undefined : parseHeader(header);
}

function parseHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint8(HEADER_BYTES - 1);
  if ((flags & ~(KEM_FLAG_KEY | KEM_FLAG_CIPHERTEXT)) !== 0) throw cannotDecrypt();
  return {
    peerKey: parseDhPublicKey(bytes.subarray(0, DH_KEY_BYTES)),
    previous: view.getUint32(DH_KEY_BYTES),
    number: view.getUint32(DH_KEY_BYTES + 4),
    flags,
  };
}

export function openBlock(headerKey: Uint8Array, header: Header, frame: Uint8Array): Uint8Array {
  if (header.flags === 0) return EMPTY;
  const nonce = frame.subarray(1, 1 + AEAD_NONCE_BYTES);
  const sealedHeader = frame.subarray(1 + AEAD_NONCE_BYTES, COMMITMENT_OFFSET);
  const sealed = frame.subarray(HEAD_BYTES, HEAD_BYTES + sealedBytesOfFlags(header.flags));
  const block = tryOpen(kemBlockKey(headerKey, nonce), nonce, sealed, sealedHeader);
  if (block === undefined) throw cannotDecrypt();
  return block;
}

export function openBody(
  transcript: Uint8Array,
  key: Uint8Array,
  header: Header,
  frame: Uint8Array,
): Uint8Array {
  const keys = bodyKeys(key, frame.subarray(1, 1 + AEAD_NONCE_BYTES));
  if (!equalSecret(keys.commitment, frame.subarray(COMMITMENT_OFFSET, HEAD_BYTES))) {
    throw cannotDecrypt();
  }
  const bodyAt = HEAD_BYTES + sealedBytesOfFlags(header.flags);
  const associatedData = concat(transcript, frame.subarray(0, bodyAt));
  const padded = tryOpen(keys.key, keys.nonce, frame.subarray(bodyAt), associatedData);
  if (padded === undefined) throw cannotDecrypt();
  return unpad(padded);
}

/** A view of the content before the last 0x80. */
function unpad(padded: Uint8Array): Uint8Array {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end--;
  if (padded[end] !== 0x80) throw cannotDecrypt();
  return padded.subarray(0, end);
}
