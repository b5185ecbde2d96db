/**
 * Section 7, the bytes of a ratchet frame:
 *
 *     01 ‖ header nonce 24 ‖ sealed header 57 ‖ commitment 32 ‖ sealed KEM block ‖ sealed body
 */

import { concat, decode, EMPTY, equal, pad, type Reader, u8, u32, unpad } from "./bytes.ts";
import { SUITE } from "./prekeys.ts";
import { H, open, seal, tryOpen } from "./primitives.ts";
import { demand } from "./refused.ts";
import { CIPHERTEXT_BYTES, PUBLIC_KEY_BYTES } from "./x-wing.ts";

const RATCHET_FRAME = 0x01;
const HEADER_ASSOCIATED = concat(u8(RATCHET_FRAME), u8(SUITE));
const TAG_BYTES = 16;
const KEM_KEY_FLAG = 1;
const KEM_CIPHERTEXT_FLAG = 2;

export interface KemBlock {
  readonly proposal: Uint8Array | undefined;
  readonly answer: Uint8Array | undefined;
}

export interface Header {
  readonly ratchetKey: Uint8Array;
  readonly pn: number;
  readonly n: number;
  readonly flags: number;
}

export interface Frame {
  readonly bytes: Uint8Array;
  readonly nonce: Uint8Array;
  readonly sealedHeader: Uint8Array;
  readonly commitment: Uint8Array;
  readonly tail: Uint8Array;
}

export function splitFrame(bytes: Uint8Array): Frame {
  return decode(bytes, (reader) => {
    demand(reader.u8() === RATCHET_FRAME, "kind of a frame");
    return {
      bytes,
      nonce: reader.take(24),
      sealedHeader: reader.take(57),
      commitment: reader.take(32),
      tail: reader.rest(),
    };
  });
}

export function openHeader(frame: Frame, headerKey: Uint8Array): Header | undefined {
  const plain = tryOpen(headerKey, frame.nonce, frame.sealedHeader, HEADER_ASSOCIATED);
  return plain === undefined ? undefined : decode(plain, readHeader);
}

function readHeader(reader: Reader): Header {
  const header = {
    ratchetKey: reader.take(32),
    pn: reader.u32(),
    n: reader.u32(),
    flags: reader.u8(),
  };
  demand((header.flags & ~(KEM_KEY_FLAG | KEM_CIPHERTEXT_FLAG)) === 0, "flags of a header");
  return header;
}

function blockBytes(flags: number): number {
  if (flags === 0) return 0;
  const key = (flags & KEM_KEY_FLAG) === 0 ? 0 : PUBLIC_KEY_BYTES;
  const ciphertext = (flags & KEM_CIPHERTEXT_FLAG) === 0 ? 0 : CIPHERTEXT_BYTES;
  return key + ciphertext + TAG_BYTES;
}

function blockKey(headerKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return H(headerKey, "pq", nonce, 32);
}

export function openKemBlock(frame: Frame, header: Header, headerKey: Uint8Array): KemBlock {
  const length = blockBytes(header.flags);
  if (length === 0) return { proposal: undefined, answer: undefined };
  demand(frame.tail.length >= length, "ends within the KEM block");
  const key = blockKey(headerKey, frame.nonce);
  const plain = open(key, frame.nonce, frame.tail.slice(0, length), frame.sealedHeader);
  return decode(plain, (reader) => ({
    proposal: (header.flags & KEM_KEY_FLAG) === 0 ? undefined : reader.take(PUBLIC_KEY_BYTES),
    answer: (header.flags & KEM_CIPHERTEXT_FLAG) === 0 ? undefined : reader.take(CIPHERTEXT_BYTES),
  }));
}

function bodyKey(messageKey: Uint8Array, nonce: Uint8Array) {
  const both = H(messageKey, "msg", nonce, 56);
  return { key: both.slice(0, 32), nonce: both.slice(32) };
}

export function commitmentOf(messageKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return H(messageKey, "com", nonce, 32);
}

export function openBody(
  frame: Frame,
  header: Header,
  messageKey: Uint8Array,
  transcriptHash: Uint8Array,
): Uint8Array {
  demand(equal(commitmentOf(messageKey, frame.nonce), frame.commitment), "commitment");
  const length = blockBytes(header.flags);
  const before = frame.bytes.slice(0, frame.bytes.length - frame.tail.length + length);
  const { key, nonce } = bodyKey(messageKey, frame.nonce);
  return unpad(open(key, nonce, frame.tail.slice(length), concat(transcriptHash, before)));
}

export interface ToSeal {
  readonly transcriptHash: Uint8Array;
  readonly headerKey: Uint8Array;
  readonly messageKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly header: Omit<Header, "flags">;
  readonly block: KemBlock;
  readonly content: Uint8Array;
  readonly frameBytes: number;
}

export function sealFrame(parts: ToSeal): Uint8Array {
  const { nonce, headerKey, messageKey, block } = parts;
  const sealedHeader = seal(headerKey, nonce, headerBytes(parts), HEADER_ASSOCIATED);
  const plainBlock = concat(block.proposal ?? EMPTY, block.answer ?? EMPTY);
  const sealedBlock =
    plainBlock.length === 0
      ? EMPTY
      : seal(blockKey(headerKey, nonce), nonce, plainBlock, sealedHeader);
  const commitment = commitmentOf(messageKey, nonce);
  const before = concat(u8(RATCHET_FRAME), nonce, sealedHeader, commitment, sealedBlock);
  const padded = pad(parts.content, parts.frameBytes - before.length - TAG_BYTES);
  const body = bodyKey(messageKey, nonce);
  const sealed = seal(body.key, body.nonce, padded, concat(parts.transcriptHash, before));
  return concat(before, sealed);
}

function headerBytes({ header, block }: ToSeal): Uint8Array {
  const flags =
    (block.proposal === undefined ? 0 : KEM_KEY_FLAG) +
    (block.answer === undefined ? 0 : KEM_CIPHERTEXT_FLAG);
  return concat(header.ratchetKey, u32(header.pn), u32(header.n), u8(flags));
}
