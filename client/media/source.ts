/**
 * Where the bytes of a photo, clip or voice recording come from: a file that can be read anywhere, or a stream that
 * is read once, in order, while it may still be growing.
 */

import { concat } from "../../shared/crypto/bytes.ts";

export interface MediaFile {
  readonly size: number;
  /** Fewer bytes than asked for only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Pieces of a stream have any size; an empty one ends a segment: what came before it is worth sending at once. */
export type MediaSource = AsyncIterable<Uint8Array> | MediaFile;

const READ_BYTES = 65_536;

export function isMediaFile(source: MediaSource): source is MediaFile {
  return "read" in source;
}

/** The bytes [from, to) of a file, in order. A file that shrinks while it is read ends early. */
export async function* fileBytes(
  file: MediaFile,
  from = 0,
  to: number = file.size,
): AsyncGenerator<Uint8Array> {
  for (let offset = from; offset < to; ) {
    const bytes = await file.read(offset, Math.min(READ_BYTES, to - offset));
    if (bytes.length === 0) return;
    yield bytes;
    offset += bytes.length;
  }
}

export interface Beginning {
  readonly head: Uint8Array;
  readonly stream: AsyncIterable<Uint8Array>;
  /** For whoever does not read the stream. */
  readonly close: () => Promise<void>;
}

/** The first bytes of a stream, and the whole of it with them: pieces and their order stay as they are. */
export async function beginningOf(
  source: AsyncIterable<Uint8Array>,
  count: number,
): Promise<Beginning> {
  const pieces = source[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  for (let length = 0; length < count; ) {
    const piece = await pieces.next();
    if (piece.done === true) break;
    seen.push(piece.value);
    length += piece.value.length;
  }
  return {
    head: concat(...seen).subarray(0, count),
    stream: again(seen, pieces),
    close: async () => void (await pieces.return?.()),
  };
}

/** What was seen already, then the rest. */
export async function* again(
  seen: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* seen;
    for (let piece = await rest.next(); piece.done !== true; piece = await rest.next()) {
      yield piece.value;
    }
  } finally {
    await rest.return?.();
  }
}

/** Small reads, many of them beside each other, from one piece of the file in memory. */
export function buffered(file: MediaFile): MediaFile {
  let held = { offset: 0, bytes: new Uint8Array() as Uint8Array };
  const holds = (offset: number, length: number): boolean =>
    offset >= held.offset && offset + length <= held.offset + held.bytes.length;
  return {
    size: file.size,
    async read(offset, length) {
      const wanted = Math.max(0, Math.min(length, file.size - offset));
      if (wanted > READ_BYTES) return await file.read(offset, wanted);
      if (!holds(offset, wanted)) held = { offset, bytes: await file.read(offset, READ_BYTES) };
      return held.bytes.subarray(offset - held.offset, offset - held.offset + wanted);
    },
  };
}

/** All of a stream in memory; null if it is longer than `limit`. */
export async function gathered(
  source: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<MediaFile | null> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > limit) return null;
    pieces.push(piece);
  }
  return fileOf(concat(...pieces));
}

export function fileOf(bytes: Uint8Array): MediaFile {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}
