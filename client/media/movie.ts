/**
 * Cleans MP4, MOV, 3GP and M4A in place, with the index (`moov`) before the recording, as a stream has it.
 *
 *     ftyp │ moov │ mdat            or, in fragments,     ftyp │ moov │ moof mdat │ moof mdat │ …
 *
 * Of the recording itself only what the index names as picture or sound is copied. `withIndexFirst` turns the files of
 * phones, which have their index at the end, into that order: then every prefix plays, and the samples are the same.
 */

import { concat } from "../../shared/crypto/bytes.ts";
import { type Box, MAX_BOX_HEADER_BYTES, readBoxHeader } from "./boxes.ts";
import { copyOf } from "./bytes.ts";
import { type Cleaner, MAX_STRUCTURE_BYTES, notRemovable, type Run, type Step } from "./cleaner.ts";
import type { Chunk } from "./movie-chunks.ts";
import { cleanFragment, cleanMovie, type MovieIndex } from "./movie-index.ts";
import type { MediaFile } from "./source.ts";

/** `mfra` and `sidx` are indexes of fragments. */
const PLAIN = new Set(["ftyp", "styp", "sidx", "ssix", "mfra"]);
/** A phone writes five. */
const MAX_TOP_BOXES = 10_000;

export class MovieCleaner implements Cleaner {
  isFound = false;
  isBegun = false;
  droppedTracks = 0;
  hasPicture = false;
  durationMs = 0;
  #offset = 0;
  #isFragmented = false;
  /** What is to be copied of the recording, in order, in a file that is not fragmented. */
  #kept: readonly Range[] = [];
  #mediaEnd = 0;

  step(head: Uint8Array, isEnd: boolean): Step {
    const step = this.#offset < this.#mediaEnd ? this.#media() : this.#box(head, isEnd);
    if ("need" in step) return step;
    this.#offset += step.take + (step.run?.bytes ?? 0);
    return step;
  }

  #box(head: Uint8Array, isEnd: boolean): Step {
    if (head.length < MAX_BOX_HEADER_BYTES && !isEnd) return { need: MAX_BOX_HEADER_BYTES };
    const header = readBoxHeader(head);
    if (header === null) return this.#noBox(head, isEnd);
    const { type, headerBytes, bytes } = header;
    if (type === "moov" && !this.isBegun) return this.#index(head, headerBytes + bytes);
    if (type === "moof") return this.#fragment(head, headerBytes + bytes);
    const put = copyOf(head, headerBytes);
    if (type === "mdat") return this.#mediaBegins(put, bytes);
    if (PLAIN.has(type)) return { take: headerBytes, put, run: { bytes, how: "copy" } };
    if (type !== "free" && type !== "skip" && type !== "wide") this.isFound = true;
    put.set([0x66, 0x72, 0x65, 0x65], 4);
    return { take: headerBytes, put, run: { bytes, how: "zero" } };
  }

  /** Behind the recording some cameras add what is no box; a stream that broke off ends in a header. */
  #noBox(head: Uint8Array, isEnd: boolean): Step {
    if (!this.isBegun || (this.#isFragmented && !isEnd)) throw notRemovable("it is no valid MP4");
    this.isFound = true;
    return { take: head.length, run: { bytes: Infinity, how: "drop" } };
  }

  #index(head: Uint8Array, bytes: number): Step {
    if (head.length < bytes) return { need: bytes };
    const put = copyOf(head, bytes);
    const index = cleanMovie(put);
    this.isFound ||= index.isFound;
    this.droppedTracks = index.droppedTracks;
    this.hasPicture = index.hasPicture;
    this.durationMs = index.durationMs;
    this.#isFragmented = index.isFragmented;
    if (index.isFragmented && index.droppedTracks > 0) {
      throw notRemovable("tracks other than picture and sound are woven into it");
    }
    this.#kept = ranges(index);
    this.isBegun = true;
    return { take: bytes, put };
  }

  #fragment(head: Uint8Array, bytes: number): Step {
    if (!this.isBegun) throw notRemovable("its index comes last");
    if (head.length < bytes) return { need: bytes };
    const put = copyOf(head, bytes);
    this.isFound = cleanFragment(put) || this.isFound;
    return { take: bytes, put, isSegment: true };
  }

  #mediaBegins(put: Uint8Array, bytes: number): Step {
    if (!this.isBegun) throw notRemovable("its index comes last");
    if (this.#isFragmented) return { take: put.length, put, run: { bytes, how: "copy" } };
    this.#mediaEnd = this.#offset + put.length + bytes;
    return { take: put.length, put };
  }

  /** The next piece of the recording that is copied as a whole, or blanked as a whole. */
  #media(): Step {
    const next = this.#nextRange();
    const isInside = next !== undefined && next.from <= this.#offset;
    const end = Math.min(this.#mediaEnd, (isInside ? next.to : next?.from) ?? Infinity);
    const run: Run = { bytes: end - this.#offset, how: isInside ? "copy" : "zero" };
    return { take: 0, run };
  }

  #range = 0;

  #nextRange(): Range | undefined {
    while ((this.#kept[this.#range]?.to ?? Infinity) <= this.#offset) this.#range += 1;
    return this.#kept[this.#range];
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Chunks that touch or overlap are one range. */
function ranges({ chunks }: MovieIndex): readonly Range[] {
  const ordered = [...chunks].sort((a, b) => a.offset - b.offset);
  const joined: { from: number; to: number }[] = [];
  for (const [index, { offset, bytes }] of ordered.entries()) {
    const end = bytes === Infinity ? (ordered[index + 1]?.offset ?? Infinity) : offset + bytes;
    const last = joined.at(-1);
    if (last !== undefined && offset <= last.to) last.to = Math.max(last.to, end);
    else joined.push({ from: offset, to: end });
  }
  return joined;
}

/** The same recording with its index first; the file itself if it is so already. @throws TumarError METADATA_NOT_REMOVABLE */
export async function withIndexFirst(file: MediaFile): Promise<MediaFile> {
  const boxes: Box[] = [];
  for await (const box of topBoxes(file)) {
    // With the index before the recording nothing has to move, whatever comes behind.
    if (box.type === "moov" && !boxes.some(isRecording)) return file;
    boxes.push(box);
    if (boxes.length > MAX_TOP_BOXES) throw notRemovable("it has boxes without end");
  }
  const moov = boxes.findIndex(({ type }) => type === "moov");
  if (moov === -1) throw notRemovable("it broke off before its index was written");
  if (boxes.some(({ type }) => type === "moof")) throw notRemovable("its index comes last");
  return await reordered(file, boxes, moov, boxes.filter(isRecording));
}

function isRecording({ type }: Box): boolean {
  return type === "mdat" || type === "moof";
}

async function reordered(
  file: MediaFile,
  boxes: readonly Box[],
  moov: number,
  media: readonly Box[],
): Promise<MediaFile> {
  const box = boxes[moov];
  if (box === undefined || box.to - box.from > MAX_STRUCTURE_BYTES) {
    throw notRemovable("its index is larger than any camera makes");
  }
  const index = copyOf(await file.read(box.from, box.to - box.from));
  const head = boxes.filter(({ type }) => type === "ftyp").slice(0, 1);
  let at = head.reduce((sum, { from, to }) => sum + to - from, 0) + index.length;
  const moved = media.map(({ from, to }) => {
    const by = at - from;
    at += to - from;
    return { from, to, by };
  });
  moveChunks(index, cleanMovie(copyOf(index)).chunks, moved);
  return joinedFile(file, [...head, { bytes: index }, ...media]);
}

function moveChunks(
  index: Uint8Array,
  chunks: readonly Chunk[],
  media: readonly { readonly from: number; readonly to: number; readonly by: number }[],
): void {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  for (const { offset, writtenAt, width } of chunks) {
    const part = media.find(({ from, to }) => offset >= from && offset < to);
    if (part === undefined) throw notRemovable("its index names what is not there");
    const moved = offset + part.by;
    if (width === 8) view.setBigUint64(writtenAt, BigInt(moved));
    else if (moved <= 0xffffffff) view.setUint32(writtenAt, moved);
    else throw notRemovable("it is too long for its index");
  }
}

type Part = { readonly from: number; readonly to: number } | { readonly bytes: Uint8Array };

function joinedFile(file: MediaFile, parts: readonly Part[]): MediaFile {
  const length = (part: Part): number =>
    "bytes" in part ? part.bytes.length : part.to - part.from;
  return {
    size: parts.reduce((sum, part) => sum + length(part), 0),
    async read(offset, count) {
      const found: Uint8Array[] = [];
      let from = offset;
      let left = count;
      for (const part of parts) {
        const taken = Math.min(left, Math.max(0, length(part) - from));
        if (taken > 0) found.push(await readPart(file, part, from, taken));
        from = Math.max(0, from - length(part));
        left -= taken;
      }
      return found.length === 1 && found[0] !== undefined ? found[0] : concat(...found);
    },
  };
}

async function readPart(
  file: MediaFile,
  part: Part,
  from: number,
  count: number,
): Promise<Uint8Array> {
  if ("bytes" in part) return part.bytes.subarray(from, from + count);
  return await file.read(part.from + from, count);
}

async function* topBoxes(file: MediaFile): AsyncGenerator<Box> {
  for (let offset = 0; offset < file.size; ) {
    const header = readBoxHeader(await file.read(offset, MAX_BOX_HEADER_BYTES));
    if (header === null) return;
    const { type, headerBytes, bytes } = header;
    const to = Math.min(file.size, offset + headerBytes + bytes);
    yield { type, from: offset, body: offset + headerBytes, to };
    offset = to;
  }
}
