/**
 * Blobs: clips, photos, voice and files, sealed chunk by chunk under a key of their own.
 *
 *      0        32          32 + 16384·n         Padmé of all before it
 *     +--------+-----------+---+----------------+
 *     | header | chunk 0   | … | random padding |     header = commitment to the key
 *     +--------+-----------+---+----------------+
 *
 *     chunk   nonce 24 ‖ sealed 16344 ‖ tag 16                                  16384, each
 *     inside  kind u8 ‖ used u16 ‖ elapsedMs u32 ‖ data, then zeros up to 16337
 *
 * Every chunk has full size, so its place is known and it opens alone. Its index is associated data, the
 * last one says that it is the last. A nonce is random and nothing is sealed twice: a sender that
 * lost track seals again under a fresh nonce, and never uses a keystream twice.
 * Pure: key, index and randomness in, bytes out. Normative text: docs/CRYPTOGRAPHY.md 10.
 */

import {
  ByteReader,
  type Bytes,
  copyExact,
  EMPTY,
  lp,
  type Random,
  u64,
  utf8,
  wipe,
} from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { H } from "../crypto/hash.ts";
import {
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  equalSecret,
  HashStream,
  seal,
  tryOpen,
} from "../crypto/sodium.ts";

/** Of one blob, and of nothing else; wiped by whoever holds it. */
export type BlobKey = Bytes<"BlobKey">;

export type ChunkKind = "data" | "last";

export interface Chunk {
  /** `last` ends the blob, and only it may be empty. */
  readonly kind: ChunkKind;
  /** At most `BLOB_CHUNK_DATA_BYTES`. */
  readonly data: Uint8Array;
  /** Of the recording, at the end of this chunk; 0 when it was not sealed while recording. */
  readonly elapsedMs: number;
}

export const BLOB_KEY_BYTES = 32;
export const BLOB_HEADER_BYTES = 32;
export const BLOB_HASH_BYTES = 32;
/** The largest envelope's size, and a power of two: whole pages of a disk, small beside a slow line. */
export const BLOB_CHUNK_BYTES = 16384;
/** kind 1 + used 2 + elapsedMs 4 */
const HEAD_BYTES = 7;
const PLAIN_BYTES: number = BLOB_CHUNK_BYTES - AEAD_NONCE_BYTES - AEAD_TAG_BYTES;
/** 16384 − 24 − 16 − 7 = 16337 */
export const BLOB_CHUNK_DATA_BYTES: number = PLAIN_BYTES - HEAD_BYTES;
/** 49 days, far beyond any recording. */
export const MAX_ELAPSED_MS = 0xffff_ffff;

const KIND_NUMBERS: Readonly<Record<ChunkKind, number>> = { data: 1, last: 2 };
const AD_LABEL = utf8("tumar/v1/blob");

export function parseBlobKey(bytes: Uint8Array): BlobKey {
  return copyExact(bytes, BLOB_KEY_BYTES, "blob key");
}

/** Draws random(32). */
export function generateBlobKey(random: Random): BlobKey {
  return parseBlobKey(random(BLOB_KEY_BYTES));
}

/**
 * The first 32 bytes of the blob. The seal alone does not bind a key: whoever sends could make bytes
 * that open under two. Nobody can make one header for two keys, so all who open it read the same.
 */
export function blobHeader(key: BlobKey): Uint8Array {
  return H(key, "blob.commitment", EMPTY, BLOB_HEADER_BYTES);
}

/** @throws TumarError BLOB_DAMAGED when these are not the first bytes of this key's blob */
export function checkBlobHeader(key: BlobKey, bytes: Uint8Array): void {
  if (!equalSecret(blobHeader(key), bytes)) throw damaged("the header is not of this key");
}

/** Where chunk `index`, from 0, begins in the blob. */
export function chunkOffset(index: number): number {
  const offset = BLOB_HEADER_BYTES + index * BLOB_CHUNK_BYTES;
  if (index < 0 || !Number.isSafeInteger(index) || !Number.isSafeInteger(offset)) {
    throw new RangeError("not the index of a chunk");
  }
  return offset;
}

/**
 * Chunks of one blob, both ways, with what they share made once: for a caller that has many.
 * Holds the derived key and the last plaintext until `wipe`.
 */
export class BlobCipher {
  readonly #key: Uint8Array;
  readonly #associated = lp(AD_LABEL, u64(0));
  readonly #plain = new Uint8Array(PLAIN_BYTES);
  readonly #view = new DataView(this.#plain.buffer);
  #isWiped = false;

  constructor(key: BlobKey) {
    this.#key = H(key, "blob.chunk", EMPTY, BLOB_KEY_BYTES);
  }

  /** Draws random(24); the result is fresh memory. @throws RangeError for what no chunk holds */
  seal(index: number, chunk: Chunk, random: Random): Uint8Array {
    const associated = this.#associatedData(index);
    this.#write(chunk);
    const nonce = random(AEAD_NONCE_BYTES);
    const sealed = new Uint8Array(BLOB_CHUNK_BYTES);
    sealed.set(nonce);
    sealed.set(seal(this.#key, nonce, this.#plain, associated), AEAD_NONCE_BYTES);
    return sealed;
  }

  /**
   * `data` is fresh memory of the caller.
   * @throws TumarError BLOB_DAMAGED when it is not chunk `index` of this key's blob, whole and unchanged;
   *   MALFORMED when whoever has the key sealed what is no chunk
   */
  open(index: number, sealed: Uint8Array): Chunk {
    const associated = this.#associatedData(index);
    if (sealed.length !== BLOB_CHUNK_BYTES) throw damaged("a chunk is not whole");
    const nonce = sealed.subarray(0, AEAD_NONCE_BYTES);
    const plain = tryOpen(this.#key, nonce, sealed.subarray(AEAD_NONCE_BYTES), associated);
    if (plain === undefined) throw damaged("a chunk does not open in its place");
    return readChunk(plain);
  }

  /** After it every call is a TypeError. */
  wipe(): void {
    this.#isWiped = true;
    wipe(this.#key, this.#plain);
  }

  #write({ kind, data, elapsedMs }: Chunk): void {
    if (data.length > BLOB_CHUNK_DATA_BYTES || (data.length === 0 && kind === "data")) {
      throw new RangeError("a chunk holds 1 to 16337 bytes, the last one 0 to 16337");
    }
    if (!Number.isInteger(elapsedMs) || elapsedMs < 0 || elapsedMs > MAX_ELAPSED_MS) {
      throw new RangeError("elapsedMs is a u32");
    }
    this.#view.setUint8(0, KIND_NUMBERS[kind]);
    this.#view.setUint16(1, data.length);
    this.#view.setUint32(3, elapsedMs);
    this.#plain.set(data, HEAD_BYTES);
    this.#plain.fill(0, HEAD_BYTES + data.length);
  }

  #associatedData(index: number): Uint8Array {
    if (this.#isWiped) throw new TypeError("this cipher has been wiped");
    chunkOffset(index);
    this.#associated.set(u64(index), this.#associated.length - 8);
    return this.#associated;
  }
}

/** One chunk, as `BlobCipher.seal`. */
export function sealChunk(key: BlobKey, index: number, chunk: Chunk, random: Random): Uint8Array {
  return withCipher(key, (cipher) => cipher.seal(index, chunk, random));
}

/** One chunk, as `BlobCipher.open`. */
export function openChunk(key: BlobKey, index: number, sealed: Uint8Array): Chunk {
  return withCipher(key, (cipher) => cipher.open(index, sealed));
}

/**
 * Bytes of a whole blob of so many chunks, padding included. Padmé (Nikitin et al., PETS 2019, 4.2): of
 * the length's binary digits only the first log2(log2) are kept, so a size tells O(log log) bits.
 */
export function paddedBlobBytes(chunkCount: number): number {
  if (chunkCount < 1) throw new RangeError("a blob has at least one chunk");
  const length = chunkOffset(chunkCount);
  const exponent = length.toString(2).length - 1;
  const kept = exponent.toString(2).length;
  const step = 2 ** (exponent - kept);
  return Math.ceil(length / step) * step;
}

/** True for the size of a whole blob that may hold so many bytes of data: one chunk in full, or one a byte. */
export function isBlobSize(sealedBytes: number, dataBytes: number): boolean {
  const most = Math.floor((sealedBytes - BLOB_HEADER_BYTES) / BLOB_CHUNK_BYTES);
  if (most < 1 || paddedBlobBytes(most) !== sealedBytes) return false;
  const least = Math.max(1, Math.ceil(dataBytes / BLOB_CHUNK_DATA_BYTES));
  return most >= least && paddedBlobBytes(Math.min(most, dataBytes + 1)) === sealedBytes;
}

/** BLAKE2b-256 over all bytes of a blob in order, header and padding too. `digest` ends it. */
export class BlobHash {
  readonly #stream = new HashStream(BLOB_HASH_BYTES);

  update(bytes: Uint8Array): void {
    this.#stream.update(bytes);
  }

  digest(): Uint8Array {
    return this.#stream.digest();
  }
}

function readChunk(plain: Uint8Array): Chunk {
  const reader = new ByteReader(plain);
  const kind = kindOf(reader.u8());
  const used = reader.u16();
  const elapsedMs = reader.u32();
  if (used > reader.remaining) throw new TumarError("MALFORMED", "a chunk ends before its data");
  if (used === 0 && kind === "data") throw new TumarError("MALFORMED", "a chunk without data");
  const data = reader.take(used);
  if (!isZero(reader.rest())) throw new TumarError("MALFORMED", "a chunk is not filled with zeros");
  return { kind, data, elapsedMs };
}

function kindOf(number: number): ChunkKind {
  if (number === KIND_NUMBERS.data) return "data";
  if (number === KIND_NUMBERS.last) return "last";
  throw new TumarError("MALFORMED", "unknown kind of chunk");
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function withCipher<T>(key: BlobKey, work: (cipher: BlobCipher) => T): T {
  const cipher = new BlobCipher(key);
  try {
    return work(cipher);
  } finally {
    cipher.wipe();
  }
}

function damaged(why: string): TumarError {
  return new TumarError("BLOB_DAMAGED", why);
}
