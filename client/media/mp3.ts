/**
 * Cleans MP3: only frames of sound are copied. Tags before, between and behind them (ID3v2, ID3v1, APE, Lyrics3, whatever
 * comes next) are no frames.
 *
 * A frame is told by its header of 32 bits. Text of a tag can look like one, so that after anything that is no frame two
 * in a row are asked for, of the same kind as the first.
 */

import { ascii } from "./bytes.ts";
import { type Cleaner, notRemovable, type Step } from "./cleaner.ts";

const ID3_HEAD_BYTES = 10;
const HEADER_BYTES = 4;
/** Sync, version, layer and sample rate: the same in each frame of a recording. */
const KIND_MASK = 0xfffe0c00;
/** kbit/s by version (1, or 2 and 2.5) and layer (I, II, III). */
const RATES: readonly (readonly number[])[] = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const SAMPLES_PER_SECOND: readonly number[] = [44_100, 48_000, 32_000];
/** How far a frame is looked for before a file is taken for something else. */
const MAX_SEARCH_BYTES = 4 * 1024 * 1024;

interface Frame {
  readonly kind: number;
  readonly bytes: number;
  readonly seconds: number;
}

export class Mp3Cleaner implements Cleaner {
  isFound = false;
  isBegun = false;
  readonly droppedTracks = 0;
  readonly hasPicture = false;
  #seconds = 0;
  #kind = 0;
  #isInSync = false;
  #searched = 0;

  get durationMs(): number {
    return Math.round(this.#seconds * 1_000);
  }

  step(head: Uint8Array, isEnd: boolean): Step {
    if (head.length < ID3_HEAD_BYTES && !isEnd) return { need: ID3_HEAD_BYTES };
    if (ascii(head, 0, 3) === "ID3" && head.length >= ID3_HEAD_BYTES) return this.#tag(head);
    const frame = this.#frameAt(head, 0);
    if (frame === null) return this.#search(head);
    if (this.#isInSync) return this.#copied(frame);
    const look = frame.bytes + HEADER_BYTES;
    if (head.length < look && !isEnd) return { need: look };
    const next = readFrame(head, frame.bytes);
    const isLast = isEnd && head.length === frame.bytes;
    return next?.kind === frame.kind || isLast ? this.#copied(frame) : this.#search(head);
  }

  #frameAt(head: Uint8Array, offset: number): Frame | null {
    const frame = readFrame(head, offset);
    return frame !== null && (this.#kind === 0 || frame.kind === this.#kind) ? frame : null;
  }

  #copied({ kind, bytes, seconds }: Frame): Step {
    this.isBegun = true;
    this.#isInSync = true;
    this.#kind = kind;
    this.#searched = 0;
    this.#seconds += seconds;
    return { take: 0, run: { bytes, how: "copy" } };
  }

  /** The length has 7 bits in each byte; a copy of the head may follow. */
  #tag(head: Uint8Array): Step {
    this.isFound = true;
    this.#isInSync = false;
    const bytes = head.subarray(6, 10).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
    const footer = ((head[5] ?? 0) & 0x10) === 0 ? 0 : ID3_HEAD_BYTES;
    return { take: 0, run: { bytes: ID3_HEAD_BYTES + bytes + footer, how: "drop" } };
  }

  #search(head: Uint8Array): Step {
    this.isFound = true;
    this.#isInSync = false;
    const next = head.indexOf(0xff, 1);
    const take = next === -1 ? head.length : next;
    this.#searched += take;
    if (!this.isBegun && this.#searched > MAX_SEARCH_BYTES)
      throw notRemovable("it is no valid MP3");
    return { take };
  }
}

function readFrame(bytes: Uint8Array, offset: number): Frame | null {
  if (offset + HEADER_BYTES > bytes.length) return null;
  const header = new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
  const version = (header >>> 19) & 3;
  const layer = 4 - ((header >>> 17) & 3);
  const rate = (header >>> 12) & 15;
  const sampleRate = SAMPLES_PER_SECOND[(header >>> 10) & 3];
  const isFrame = header >>> 21 === 0x7ff && version !== 1 && layer !== 4;
  if (!isFrame || sampleRate === undefined || rate === 0 || rate === 15) return null;
  const isFirst = version === 3;
  const samplesPerSecond = sampleRate / (isFirst ? 1 : version === 2 ? 2 : 4);
  const bits = (RATES[(isFirst ? 0 : 3) + layer - 1]?.[rate] ?? 0) * 1_000;
  const padding = (header >>> 9) & 1;
  const samples = layer === 1 ? 384 : layer === 3 && !isFirst ? 576 : 1_152;
  const unit = layer === 1 ? 4 : 1;
  const length = (Math.floor((samples * bits) / 8 / samplesPerSecond / unit) + padding) * unit;
  return { kind: (header & KIND_MASK) >>> 0, bytes: length, seconds: samples / samplesPerSecond };
}
