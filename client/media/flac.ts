/**
 * Cleans FLAC in place (RFC 9639): `fLaC │ blocks │ frames`. Of the blocks only the description of the stream and its
 * seek table are kept; comments, pictures, cue sheets and what programs add become padding of the same length.
 */

import { ascii, copyOf } from "./bytes.ts";
import { type Cleaner, notRemovable, type Step } from "./cleaner.ts";

const SIGN_BYTES = 4;
const BLOCK_HEAD_BYTES = 4;
const STREAM_INFO = 0;
const PADDING = 1;
const SEEK_TABLE = 3;
const LAST = 0x80;
/** Up to the number of samples. */
const STREAM_INFO_BYTES = 18;

export class FlacCleaner implements Cleaner {
  isFound = false;
  isBegun = false;
  readonly droppedTracks = 0;
  readonly hasPicture = false;
  durationMs = 0;
  #isSigned = false;

  step(head: Uint8Array): Step {
    if (this.isBegun) return { take: 0, run: { bytes: Infinity, how: "copy" } };
    if (head.length < SIGN_BYTES) return { need: SIGN_BYTES };
    if (!this.#isSigned) {
      this.#isSigned = ascii(head, 0, SIGN_BYTES) === "fLaC";
      if (!this.#isSigned) throw notRemovable("it is no valid FLAC");
      return { take: SIGN_BYTES, put: copyOf(head, SIGN_BYTES) };
    }
    return this.#block(head);
  }

  #block(head: Uint8Array): Step {
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const first = view.getUint8(0);
    const bytes = view.getUint32(0) & 0xffffff;
    const type = first & ~LAST;
    if (type === STREAM_INFO) {
      const look = BLOCK_HEAD_BYTES + STREAM_INFO_BYTES;
      if (head.length < look) return { need: look };
      this.#streamInfo(view);
    }
    if ((first & LAST) !== 0) this.isBegun = true;
    if (type === STREAM_INFO || type === SEEK_TABLE) {
      return { take: 0, run: { bytes: BLOCK_HEAD_BYTES + bytes, how: "copy" } };
    }
    if (type !== PADDING) this.isFound = true;
    const put = copyOf(head, BLOCK_HEAD_BYTES);
    put[0] = (first & LAST) | PADDING;
    return { take: BLOCK_HEAD_BYTES, put, run: { bytes, how: "zero" } };
  }

  /** 20 bits of samples in a second, then 8 of channels and width, then 36 of their number. */
  #streamInfo(view: DataView): void {
    const samplesPerSecond = view.getUint32(BLOCK_HEAD_BYTES + 10) >>> 12;
    const high = view.getUint8(BLOCK_HEAD_BYTES + 13) & 0x0f;
    const samples = high * 2 ** 32 + view.getUint32(BLOCK_HEAD_BYTES + 14);
    if (samplesPerSecond > 0) this.durationMs = Math.round((samples * 1_000) / samplesPerSecond);
  }
}
