/**
 * Cleans a JPEG: only the segments that a decoder needs, and the compressed picture as it is.
 *
 *     SOI │ APP0 APP1 APP2 … │ DQT SOF DHT … │ SOS picture [RSTn picture …] │ … │ EOI │ what cameras add behind
 *
 * Kept are JFIF, the colour profile (APP2 `ICC_PROFILE`) and the colour transform (APP14 `Adobe`). EXIF leaves only its
 * orientation behind. What follows the end (second pictures, videos of "motion photos") goes.
 */

import { concat } from "../../shared/crypto/bytes.ts";
import { ascii, copyOf, startsWith } from "./bytes.ts";
import { type Cleaner, notRemovable, type Step } from "./cleaner.ts";
import { exifOrientation, orientationTiff } from "./exif.ts";

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP2 = 0xe2;
const APP14 = 0xee;
const APP15 = 0xef;
const COMMENT = 0xfe;
const EXIF = "Exif\0\0";
const JFIF = "JFIF\0";
/** Version, density and an embedded small copy of the picture, whose size comes last. */
const JFIF_BYTES = 16;
/** The compressed picture is searched for its end; so much at a time. */
const PICTURE_LOOK_BYTES = 16_384;

export class JpegCleaner implements Cleaner {
  isFound = false;
  isBegun = false;
  readonly droppedTracks = 0;
  readonly hasPicture = true;
  readonly durationMs = 0;
  #isInPicture = false;
  #isOver = false;

  step(head: Uint8Array, isEnd: boolean): Step {
    if (this.#isOver) {
      this.isFound = true;
      return { take: head.length, run: { bytes: Infinity, how: "drop" } };
    }
    if (this.#isInPicture) return this.#picture(head, isEnd);
    if (head.length < 4 && !isEnd) return { need: 4 };
    const marker = head[1] ?? 0;
    if (head[0] !== 0xff) throw notRemovable("it is no valid JPEG");
    if (marker === 0xff) return { take: 1 };
    if (marker === SOI || marker === EOI) return this.#border(head, marker);
    const bytes = 2 + (head[2] ?? 0) * 256 + (head[3] ?? 0);
    if (head.length < bytes) return { need: bytes };
    return this.#segment(copyOf(head, bytes), marker);
  }

  #border(head: Uint8Array, marker: number): Step {
    this.#isOver = marker === EOI;
    return { take: 2, put: copyOf(head, 2) };
  }

  #segment(segment: Uint8Array, marker: number): Step {
    if (segment.length < 4) throw notRemovable("it is no valid JPEG");
    const take = segment.length;
    if (marker === SOS) {
      this.isBegun = true;
      this.#isInPicture = true;
    }
    if ((marker < APP0 || marker > APP15) && marker !== COMMENT) return { take, put: segment };
    const put = keptSegment(segment, marker);
    if (put?.length !== take || !startsWith(segment, put)) this.isFound = true;
    return put === null ? { take } : { take, put };
  }

  /** Up to the next marker that is not one of the picture's own (a stuffed zero, a restart). */
  #picture(head: Uint8Array, isEnd: boolean): Step {
    if (head.length < PICTURE_LOOK_BYTES && !isEnd) return { need: PICTURE_LOOK_BYTES };
    let at = head.indexOf(0xff);
    while (at !== -1 && at + 1 < head.length && isWithinPicture(head[at + 1] ?? 0)) {
      at = head.indexOf(0xff, at + 1);
    }
    if (at === 0 && head.length > 1) {
      this.#isInPicture = false;
      return { take: 0 };
    }
    const take = at === -1 || (isEnd && at === head.length - 1) ? head.length : at;
    return { take, put: copyOf(head, take) };
  }
}

function isWithinPicture(marker: number): boolean {
  return marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7);
}

/** What stays of an application segment; null: nothing. */
function keptSegment(segment: Uint8Array, marker: number): Uint8Array | null {
  const starts = (name: string): boolean => ascii(segment, 4, name.length) === name;
  if (marker === APP0 && starts(JFIF)) return jfif(segment);
  if (marker === APP2 && starts("ICC_PROFILE\0")) return segment;
  if (marker === APP14 && starts("Adobe")) return segment;
  if (marker === APP1 && starts(EXIF)) return orientationSegment(segment);
  return null;
}

/** Without the small copy, which may show what was cut away. */
function jfif(segment: Uint8Array): Uint8Array {
  const bytes = copyOf(segment, 2 + JFIF_BYTES);
  bytes.set([0, JFIF_BYTES], 2);
  bytes.set([0, 0], 16);
  return bytes;
}

function orientationSegment(segment: Uint8Array): Uint8Array | null {
  const orientation = exifOrientation(segment.subarray(4 + EXIF.length));
  if (orientation === 1) return null;
  const tiff = orientationTiff(orientation);
  const head = new Uint8Array([0xff, APP1, 0, 2 + EXIF.length + tiff.length, ...bytesOf(EXIF)]);
  return concat(head, tiff);
}

function bytesOf(text: string): readonly number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
