/**
 * Cleans Ogg (Opus, Vorbis, Theora) in place, page by page: the comment header of each stream keeps its length and
 * says nothing; the pages it lies on get new checksums. RFC 3533, RFC 7845 5.2, Vorbis I 5.
 *
 *     page: OggS │ version │ flags │ position u64 │ stream u32 │ number u32 │ CRC u32 │ count │ lengths │ packets
 */

import { ascii, copyOf } from "./bytes.ts";
import { type Cleaner, notRemovable, type Step } from "./cleaner.ts";

const HEAD_BYTES = 27;
const CHECKSUM_AT = 22;
const LENGTHS_AT = 27;
/** A packet whose last part is this long goes on in the next. */
const FULL_PART_BYTES = 255;

interface Codec {
  /** How the first packet begins. */
  readonly sign: string;
  /** What a comment header begins with, and what stands after its two empty lists. */
  readonly comment: string;
  readonly closing: string;
  readonly isPicture: boolean;
}

const CODECS: readonly Codec[] = [
  { sign: "OpusHead", comment: "OpusTags", closing: "", isPicture: false },
  { sign: "\x01vorbis", comment: "\x03vorbis", closing: "\x01", isPicture: false },
  { sign: "\x80theora", comment: "\x81theora", closing: "", isPicture: true },
];
/** Two lengths of 32 bits: no name of the writer, no comments. */
const EMPTY_LISTS = "\0".repeat(8);
const OPUS_RATE = 48_000;

interface LogicalStream {
  readonly codec: Codec;
  readonly samplesPerSecond: number;
  /** Of the packet that comes next, and what of it is written already. */
  packet: number;
  written: number;
}

export class OggCleaner implements Cleaner {
  isFound = false;
  isBegun = false;
  readonly droppedTracks = 0;
  hasPicture = false;
  durationMs = 0;
  readonly #streams = new Map<number, LogicalStream>();

  step(head: Uint8Array, isEnd: boolean): Step {
    if (head.length < HEAD_BYTES) return { need: HEAD_BYTES };
    if (ascii(head, 0, 4) !== "OggS") return this.#noPage(head, isEnd);
    const parts = head[HEAD_BYTES - 1] ?? 0;
    if (head.length < HEAD_BYTES + parts) return { need: HEAD_BYTES + parts };
    const lengths = head.subarray(LENGTHS_AT, LENGTHS_AT + parts);
    const bytes = lengths.reduce((sum, length) => sum + length, HEAD_BYTES + parts);
    if (head.length < bytes) return { need: bytes };
    const page = copyOf(head, bytes);
    this.#clean(page, HEAD_BYTES + parts);
    return { take: bytes, put: page };
  }

  #noPage(head: Uint8Array, isEnd: boolean): Step {
    if (!this.isBegun || !isEnd) throw notRemovable("it is no valid Ogg");
    this.isFound = true;
    return { take: head.length };
  }

  #clean(page: Uint8Array, dataAt: number): void {
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    const serial = view.getUint32(14, true);
    const stream = this.#streams.get(serial) ?? this.#begin(serial, page.subarray(dataAt));
    const isChanged = this.#packets(stream, page, dataAt);
    this.#position(stream, view);
    if (!isChanged) return;
    this.isFound = true;
    view.setUint32(CHECKSUM_AT, 0);
    view.setUint32(CHECKSUM_AT, checksum(page), true);
  }

  #begin(serial: number, data: Uint8Array): LogicalStream {
    const codec = CODECS.find(({ sign }) => ascii(data, 0, sign.length) === sign);
    if (codec === undefined)
      throw notRemovable("it holds something that is neither Opus nor Vorbis");
    if (codec.isPicture) this.hasPicture = true;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const isVorbis = codec.comment === "\x03vorbis" && data.length >= 16;
    const other = codec.isPicture ? 0 : OPUS_RATE;
    const samplesPerSecond = isVorbis ? view.getUint32(12, true) : other;
    const stream = { codec, samplesPerSecond, packet: 0, written: 0 };
    this.#streams.set(serial, stream);
    return stream;
  }

  /** Goes through the parts of the packets on a page; true if it changed one. */
  #packets(stream: LogicalStream, page: Uint8Array, dataAt: number): boolean {
    let isChanged = false;
    let at = dataAt;
    for (const length of page.subarray(LENGTHS_AT, dataAt)) {
      if (stream.packet === 1) {
        isChanged = writeComment(stream, page.subarray(at, at + length)) || isChanged;
      }
      if (length < FULL_PART_BYTES) stream.packet += 1;
      if (stream.packet > 1) this.isBegun = true;
      at += length;
    }
    return isChanged;
  }

  #position({ samplesPerSecond }: LogicalStream, view: DataView): void {
    const samples = Number(view.getBigInt64(6, true));
    if (samples <= 0 || samplesPerSecond === 0) return;
    const durationMs = Math.round((samples * 1_000) / samplesPerSecond);
    if (Number.isSafeInteger(durationMs)) this.durationMs = Math.max(this.durationMs, durationMs);
  }
}

/** The next part of an empty comment header; zeros behind it. True if it was not that before. */
function writeComment(stream: LogicalStream, part: Uint8Array): boolean {
  const { comment, closing } = stream.codec;
  const wanted = comment + EMPTY_LISTS + closing;
  let isChanged = false;
  for (let index = 0; index < part.length; index++) {
    const at = stream.written + index;
    const byte = at < wanted.length ? wanted.charCodeAt(at) : 0;
    isChanged ||= part[index] !== byte;
    part[index] = byte;
  }
  stream.written += part.length;
  return isChanged;
}

/** CRC-32 of Ogg: polynomial 0x04c11db7, from the highest bit, begun with zero. */
function checksum(page: Uint8Array): number {
  let crc = 0;
  for (const byte of page) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}
