/**
 * Cleans a PNG: chunks `length │ type │ data │ CRC`, of which only those that draw the picture are copied. EXIF leaves
 * only its orientation behind; what follows the end goes.
 */

import { concat } from "../../shared/crypto/bytes.ts";
import { ascii, copyOf, startsWith } from "./bytes.ts";
import { type Cleaner, notRemovable, type Step } from "./cleaner.ts";
import { exifOrientation, orientationTiff } from "./exif.ts";

const SIGNATURE_BYTES = 8;
/** Length, type and CRC. */
const FRAME_BYTES = 12;
/** The picture, its colours and transparency, and the frames of an animated one. */
const KEPT = new Set([
  ...["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "cICP", "sBIT"],
  ...["bKGD", "pHYs", "mDCV", "cLLI", "acTL", "fcTL", "fdAT"],
]);

export class PngCleaner implements Cleaner {
  isFound = false;
  isBegun = false;
  readonly droppedTracks = 0;
  readonly hasPicture = true;
  readonly durationMs = 0;
  #isOver = false;
  #isSigned = false;

  step(head: Uint8Array, isEnd: boolean): Step {
    if (this.#isOver) {
      this.isFound = true;
      return { take: head.length, run: { bytes: Infinity, how: "drop" } };
    }
    if (head.length < FRAME_BYTES) return { need: FRAME_BYTES };
    if (!this.#isSigned) {
      this.#isSigned = true;
      return { take: SIGNATURE_BYTES, put: copyOf(head, SIGNATURE_BYTES) };
    }
    return this.#chunk(head, isEnd);
  }

  #chunk(head: Uint8Array, isEnd: boolean): Step {
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    const type = ascii(head, 4, 4);
    if (!/^[A-Za-z]{4}$/u.test(type) || length > 0x7fffffff)
      throw notRemovable("it is no valid PNG");
    if (type === "IDAT") this.isBegun = true;
    if (type === "IEND") this.#isOver = true;
    const bytes = FRAME_BYTES + length;
    if (KEPT.has(type)) return { take: 0, run: { bytes, how: "copy" } };
    if (type !== "eXIf" || (isEnd && head.length < bytes)) {
      this.isFound = true;
      return { take: 0, run: { bytes, how: "drop" } };
    }
    if (head.length < bytes) return { need: bytes };
    const orientation = exifOrientation(head.subarray(8, bytes - 4));
    const put = orientation === 1 ? new Uint8Array() : exifChunk(orientation);
    if (put.length !== bytes || !startsWith(head, put)) this.isFound = true;
    return { take: bytes, put };
  }
}

function exifChunk(orientation: number): Uint8Array {
  const tiff = orientationTiff(orientation);
  const named = concat(new Uint8Array([0x65, 0x58, 0x49, 0x66]), tiff);
  const frame = new DataView(new ArrayBuffer(8));
  frame.setUint32(0, tiff.length);
  frame.setUint32(4, crc32(named));
  const bytes = new Uint8Array(frame.buffer);
  return concat(bytes.subarray(0, 4), named, bytes.subarray(4));
}

/** CRC-32 of PNG (ISO 3309), bit by bit: it is done once for 30 bytes. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
