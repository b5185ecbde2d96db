/** Requests of blobs as tests of the relay make them, over whatever carries frames. */

import { EMPTY } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import type { BlobSliceFrame, BlobStateFrame, RelayFrame } from "../../shared/wire/frames.ts";
import { blobIdOf } from "../../shared/wire/ids.ts";
import { MAX_BLOB_SLICE_BYTES } from "../../shared/wire/limits.ts";
import type { Request } from "./bare-client.ts";
import { EXPIRY_DAY } from "./bare-mailbox.ts";

/** Sends one request and gives its answer; an `error` frame is thrown as AnswerError. */
export type Ask = (request: Request) => Promise<RelayFrame>;

export interface CreateOptions {
  readonly claimedBytes?: number;
  readonly expiryDay?: number;
  readonly puzzleNonce?: Uint8Array;
}

/** One blob as its sender has it. */
export class BareUpload {
  readonly uploadId: Uint8Array;
  readonly blobId: Uint8Array;
  readonly #ask: Ask;
  readonly #depositId: Uint8Array;

  constructor(ask: Ask, depositId: Uint8Array, uploadId: Uint8Array = systemRandom(24)) {
    this.#ask = ask;
    this.#depositId = depositId;
    this.uploadId = uploadId;
    this.blobId = blobIdOf(uploadId);
  }

  create(options: CreateOptions = {}): Promise<BlobStateFrame> {
    const { claimedBytes = 0, expiryDay = EXPIRY_DAY, puzzleNonce = EMPTY } = options;
    const { uploadId } = this;
    const depositId = this.#depositId;
    return this.#state({
      type: "blob.create",
      depositId,
      uploadId,
      expiryDay,
      claimedBytes,
      puzzleNonce,
    });
  }

  append(offset: number, bytes: Uint8Array, isLast = false): Promise<BlobStateFrame> {
    return this.#state(this.appendFrame(offset, bytes, isLast));
  }

  appendFrame(offset: number, bytes: Uint8Array, isLast = false): Request {
    const { uploadId } = this;
    const depositId = this.#depositId;
    return { type: "blob.append", depositId, uploadId, offset, isLast, bytes };
  }

  head(): Promise<BlobStateFrame> {
    return this.#state({ type: "blob.head", blobId: this.blobId });
  }

  async get(offset: number, length: number): Promise<BlobSliceFrame> {
    const { blobId } = this;
    const answer = await this.#ask({ type: "blob.get", blobId, offset, length });
    if (answer.type !== "blob.slice") throw new TypeError(`${answer.type} is no slice`);
    return answer;
  }

  /** All in pieces of `slice` bytes, the last one as the end. */
  async upload(bytes: Uint8Array, slice: number = MAX_BLOB_SLICE_BYTES): Promise<void> {
    for (let at = 0; at < bytes.length; at += slice) {
      const piece = bytes.subarray(at, at + slice);
      await this.append(at, piece, at + slice >= bytes.length);
    }
  }

  /** All that is there. */
  async download(slice: number = MAX_BLOB_SLICE_BYTES): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let at = 0; ; ) {
      const { bytes, storedBytes } = await this.get(at, slice);
      parts.push(bytes);
      at += bytes.length;
      if (at >= storedBytes) return Uint8Array.from(Buffer.concat(parts));
    }
  }

  async #state(request: Request): Promise<BlobStateFrame> {
    const answer = await this.#ask(request);
    if (answer.type !== "blob.state") throw new TypeError(`${answer.type} is no state`);
    return answer;
  }
}
