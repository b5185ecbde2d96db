/**
 * Cleans WebP and WAV in place: chunks `type │ length u32 little-endian │ data │ pad to even`. Chunks that are not
 * needed become `JUNK` of zeros, which readers pass over, so that the length of the whole stays true.
 */

import { ascii, copyOf, startsWith } from "./bytes.ts";
import { type Cleaner, notRemovable, type Step } from "./cleaner.ts";
import { exifOrientation, orientationTiff } from "./exif.ts";

const HEADER_BYTES = 12;
const CHUNK_HEAD_BYTES = 8;
const JUNK = [0x4a, 0x55, 0x4e, 0x4b];
/** In the first byte of `VP8X`. */
const HAS_EXIF = 0x08;
const HAS_XMP = 0x04;

abstract class RiffCleaner implements Cleaner {
  isFound = false;
  isBegun = false;
  readonly droppedTracks = 0;
  abstract readonly hasPicture: boolean;
  durationMs = 0;
  #isHeaderDone = false;
  #left = 0;

  step(head: Uint8Array, isEnd: boolean): Step {
    if (!this.#isHeaderDone) return this.#header(head);
    if (this.#left < CHUNK_HEAD_BYTES) return this.#behind(head);
    if (head.length < CHUNK_HEAD_BYTES) return { need: CHUNK_HEAD_BYTES };
    const bytes = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
    const padded = CHUNK_HEAD_BYTES + bytes + (bytes & 1);
    const step = this.chunk(ascii(head, 0, 4), head, padded, isEnd);
    if (!("need" in step)) this.#left -= padded;
    return step;
  }

  /** What becomes of a chunk of `padded` bytes with its head. */
  protected abstract chunk(type: string, head: Uint8Array, padded: number, isEnd: boolean): Step;

  protected copied(padded: number): Step {
    return { take: 0, run: { bytes: padded, how: "copy" } };
  }

  protected junk(head: Uint8Array, padded: number): Step {
    if (ascii(head, 0, 4) !== "JUNK") this.isFound = true;
    const put = copyOf(head, CHUNK_HEAD_BYTES);
    put.set(JUNK);
    const rest = padded - CHUNK_HEAD_BYTES;
    return { take: CHUNK_HEAD_BYTES, put, run: { bytes: rest, how: "zero" } };
  }

  #header(head: Uint8Array): Step {
    if (head.length < HEADER_BYTES) return { need: HEADER_BYTES };
    this.#isHeaderDone = true;
    const bytes = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
    // A recorder that does not know the length yet writes zero or the largest number.
    const isUnknown = bytes === 0 || bytes === 0xffffffff || ascii(head, 0, 4) === "RF64";
    this.#left = isUnknown ? Infinity : bytes - 4;
    return { take: HEADER_BYTES, put: copyOf(head, HEADER_BYTES) };
  }

  #behind(head: Uint8Array): Step {
    this.isFound = true;
    return { take: head.length, run: { bytes: Infinity, how: "drop" } };
  }
}

const WEBP_KEPT = new Set(["VP8 ", "VP8L", "ALPH", "ANIM", "ANMF", "ICCP"]);

export class WebpCleaner extends RiffCleaner {
  readonly hasPicture = true;
  /** Known only after a first pass: the flag that tells of EXIF comes before it. */
  orientation: number;

  constructor(orientation = 1) {
    super();
    this.orientation = orientation;
  }

  protected override chunk(type: string, head: Uint8Array, padded: number, isEnd: boolean): Step {
    if (type === "VP8 " || type === "VP8L" || type === "ANMF") this.isBegun = true;
    if (WEBP_KEPT.has(type)) return this.copied(padded);
    if (type === "VP8X") return this.#features(head, padded);
    if (type !== "EXIF") return this.junk(head, padded);
    if (head.length < padded && !isEnd) return { need: padded };
    return this.#exif(head, padded);
  }

  /** The chunks that the flags tell of count as found, not the flags. */
  #features(head: Uint8Array, padded: number): Step {
    if (head.length < CHUNK_HEAD_BYTES + 1) return { need: CHUNK_HEAD_BYTES + 1 };
    const put = copyOf(head, CHUNK_HEAD_BYTES + 1);
    const flags = put[CHUNK_HEAD_BYTES] ?? 0;
    const kept = flags & ~HAS_XMP & ~(this.orientation === 1 ? HAS_EXIF : 0);
    put[CHUNK_HEAD_BYTES] = kept;
    return { take: put.length, put, run: { bytes: Math.max(0, padded - put.length), how: "copy" } };
  }

  #exif(head: Uint8Array, padded: number): Step {
    const block = head.subarray(CHUNK_HEAD_BYTES, padded);
    const tiff = ascii(block, 0, 6) === "Exif\0\0" ? block.subarray(6) : block;
    this.orientation = exifOrientation(tiff);
    const room = padded - CHUNK_HEAD_BYTES;
    const kept = orientationTiff(this.orientation);
    if (this.orientation === 1 || kept.length > room || head.length < padded) {
      return this.junk(head, padded);
    }
    const put = new Uint8Array(padded);
    put.set(head.subarray(0, CHUNK_HEAD_BYTES));
    put.set(kept, CHUNK_HEAD_BYTES);
    if (!startsWith(head, put)) this.isFound = true;
    return { take: padded, put };
  }
}

/** `ds64` has the lengths of files over 4 GiB. */
const WAV_KEPT = new Set(["fmt ", "fact", "data", "ds64", "slnt"]);

export class WavCleaner extends RiffCleaner {
  readonly hasPicture = false;
  #bytesPerSecond = 0;

  protected override chunk(type: string, head: Uint8Array, padded: number, isEnd: boolean): Step {
    if (type === "fmt " && head.length < 20 && !isEnd) return { need: 20 };
    if (type === "fmt " && head.length >= 20) {
      this.#bytesPerSecond = new DataView(head.buffer, head.byteOffset).getUint32(16, true);
    }
    if (type === "data") {
      if (this.#bytesPerSecond === 0) throw notRemovable("it is no valid WAV");
      this.isBegun = true;
      const bytes = padded - CHUNK_HEAD_BYTES;
      if (bytes < 0xfffffff0) this.durationMs = Math.round((bytes * 1000) / this.#bytesPerSecond);
      // Without a length the sound goes on to the end.
      if (bytes === 0 || bytes >= 0xfffffff0) return this.copied(Infinity);
    }
    return WAV_KEPT.has(type) ? this.copied(padded) : this.junk(head, padded);
  }
}
