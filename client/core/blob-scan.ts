/**
 * What of a blob lies in the storage, looked at from the beginning: every chunk is opened in its place.
 * For going on after another process, of which nobody knows how it ended.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import {
  BLOB_CHUNK_BYTES,
  BLOB_HEADER_BYTES,
  BlobCipher,
  BlobHash,
  type BlobKey,
  blobHeader,
  chunkOffset,
  paddedBlobBytes,
} from "../../shared/e2ee/blob.ts";
import type { BlobStorage } from "../vault/blob-storage.ts";

export interface ScannedBlob {
  /** From the beginning, all of them good; what follows is not. */
  readonly bytes: number;
  readonly chunks: number;
  /** Of plaintext. */
  readonly dataBytes: number;
  /** Of the last chunk. */
  readonly elapsedMs: number;
  /** The last chunk is among them; after it comes padding, which nothing can be told of. */
  readonly hasLast: boolean;
  /** Over `bytes`, to go on with. */
  readonly hash: BlobHash;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** In an empty one. */
export function nothingFound(): ScannedBlob {
  const hash = new BlobHash();
  return { bytes: 0, chunks: 0, dataBytes: 0, elapsedMs: 0, hasLast: false, hash };
}

/** Read at once. */
const CHUNKS_AT_ONCE = 16;

export async function scanBlob(
  blobs: BlobStorage,
  name: string,
  key: BlobKey,
): Promise<ScannedBlob> {
  const found: Mutable<ScannedBlob> = nothingFound();
  const { hash } = found;
  const header = await blobs.read(name, 0, BLOB_HEADER_BYTES);
  if (!isHeader(key, header)) return found;
  hash.update(header);
  found.bytes = BLOB_HEADER_BYTES;
  const cipher = new BlobCipher(key);
  try {
    for await (const [index, sealed] of storedChunks(blobs, name)) {
      const chunk = attempt(() => cipher.open(index, sealed));
      if (chunk === undefined) break;
      hash.update(sealed);
      found.chunks = index + 1;
      found.bytes = chunkOffset(found.chunks);
      found.dataBytes += chunk.data.length;
      found.elapsedMs = chunk.elapsedMs;
      found.hasLast = chunk.kind === "last";
      if (!found.hasLast) continue;
      found.bytes = await addPadding(blobs, name, found.chunks, hash);
      break;
    }
  } finally {
    cipher.wipe();
  }
  return found;
}

function isHeader(key: BlobKey, bytes: Uint8Array): boolean {
  return equalBytes(blobHeader(key), bytes);
}

/** Of a chunk's size, in order, as they lie there: padding too, which is none. */
export async function* storedChunks(
  blobs: BlobStorage,
  name: string,
): AsyncGenerator<readonly [index: number, sealed: Uint8Array]> {
  for (let index = 0; ; ) {
    const read = await blobs.read(name, chunkOffset(index), CHUNKS_AT_ONCE * BLOB_CHUNK_BYTES);
    const count = Math.floor(read.length / BLOB_CHUNK_BYTES);
    for (let at = 0; at < count; at++, index++) {
      yield [index, read.subarray(at * BLOB_CHUNK_BYTES, (at + 1) * BLOB_CHUNK_BYTES)];
    }
    if (count < CHUNKS_AT_ONCE) return;
  }
}

async function addPadding(
  blobs: BlobStorage,
  name: string,
  chunks: number,
  hash: BlobHash,
): Promise<number> {
  const end = paddedBlobBytes(chunks);
  let at = chunkOffset(chunks);
  while (at < end) {
    const bytes = await blobs.read(name, at, Math.min(end - at, CHUNKS_AT_ONCE * BLOB_CHUNK_BYTES));
    if (bytes.length === 0) break;
    hash.update(bytes);
    at += bytes.length;
  }
  return at;
}

/** Undefined when it does not open. */
function attempt<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof TumarError) return undefined;
    throw error;
  }
}
