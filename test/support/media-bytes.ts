/** Files and streams to send as media, and what was fetched as bytes. */

import type { Client } from "../../client/core/client.ts";
import type { SendMediaOptions } from "../../client/core/types.ts";
import type { MediaFile } from "../../client/media/source.ts";
import { concat, equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";

/** The same bytes for the same length; no two ranges of a page are equal. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function fileOf(bytes: Uint8Array): MediaFile {
  return {
    size: bytes.length,
    read: async (offset, length) => bytes.slice(offset, offset + length),
  };
}

const MADE_PERIOD = 65_521;
const MADE: Uint8Array = bytesOf(MADE_PERIOD);

/** Of any size, and never in memory as a whole: the same bytes over and over. */
export function madeFile(size: number): MediaFile {
  return {
    size,
    read: async (offset, length) => madeBytes(offset, Math.min(length, size - offset)),
  };
}

function madeBytes(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const from = (offset + at) % MADE_PERIOD;
    const piece = MADE.subarray(from, Math.min(MADE_PERIOD, from + length - at));
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** @throws RangeError unless these are all bytes of `madeFile(size)` */
export async function checkMade(pieces: AsyncIterable<Uint8Array>, size: number): Promise<void> {
  let at = 0;
  for await (const piece of pieces) {
    if (!equalBytes(piece, madeBytes(at, piece.length)))
      throw new RangeError(`other bytes at ${at}`);
    at += piece.length;
  }
  if (at !== size) throw new RangeError(`${at} bytes of ${size}`);
}

/** As a file that is sent as it is. */
export function asFile(bytes: Uint8Array, name = "notes.bin"): SendMediaOptions {
  return { kind: "file", source: fileOf(bytes), name };
}

/** A stream that is fed by the test. */
export class LiveSource implements AsyncIterable<Uint8Array> {
  readonly #pieces: (Uint8Array | Error | null)[] = [];
  #wake: () => void = () => undefined;

  /** An empty piece ends a segment. */
  push(bytes: Uint8Array): void {
    this.#put(bytes);
  }

  end(): void {
    this.#put(null);
  }

  fail(error: Error): void {
    this.#put(error);
  }

  #put(piece: Uint8Array | Error | null): void {
    this.#pieces.push(piece);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece === null) return;
      if (piece instanceof Error) throw piece;
      if (piece !== undefined) yield piece;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** All of it that is here, though it is not all. */
export async function openedSoFar(client: Client, id: Uint8Array): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of client.openMedia(id)) pieces.push(piece);
  } catch (error) {
    if (!(error instanceof TumarError) || error.code !== "BLOB_CUT_OFF") throw error;
  }
  return concat(...pieces);
}

/** All of it, to its end or to where it is cut off. */
export async function opened(
  client: Client,
  id: Uint8Array,
  part: "whole" | "preview" = "whole",
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of client.openMedia(id, { part })) pieces.push(piece);
  return concat(...pieces);
}
