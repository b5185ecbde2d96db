/**
 * Fetching one blob: what the relay has goes into the storage chunk by chunk, each opened in its place
 * before it is kept. What was kept stays, whatever fails later, also for another process.
 */

import { concat, EMPTY, equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import {
  BLOB_CHUNK_BYTES,
  BLOB_HEADER_BYTES,
  BlobCipher,
  type BlobHash,
  blobHeader,
  type Chunk,
  chunkOffset,
  paddedBlobBytes,
} from "../../shared/e2ee/blob.ts";
import type { BlobStorage } from "../vault/blob-storage.ts";
import { type ScannedBlob, scanBlob } from "./blob-scan.ts";
import type { ReceivedPartRow } from "./state/received-media.ts";

/** What came did not open; from there on it is asked for once more. */
export class DamagedChunk extends Error {
  readonly offset: number;
  /** What it comes to when it comes so again. */
  readonly fault: TumarError;

  constructor(offset: number, fault: TumarError) {
    super("a chunk does not open", { cause: fault });
    this.offset = offset;
    this.fault = fault;
  }
}

export class FetchedPart {
  readonly #blobs: BlobStorage;
  readonly #row: ReceivedPartRow;
  readonly #store: string;
  readonly #cipher: BlobCipher;
  readonly #hash: BlobHash;
  #isHashEnded = false;
  #isWhole = false;
  #bytes: number;
  /** Of these, in the storage. */
  #keptBytes: number;
  #chunks: number;
  #dataBytes: number;
  #elapsedMs: number;
  #hasLast: boolean;
  /** Of a chunk that has not come whole. */
  #rest = EMPTY;

  private constructor(blobs: BlobStorage, row: ReceivedPartRow, found: ScannedBlob) {
    this.#blobs = blobs;
    this.#row = row;
    this.#store = row.store;
    this.#cipher = new BlobCipher(row.key);
    this.#hash = found.hash;
    this.#bytes = found.bytes;
    this.#keptBytes = found.bytes;
    this.#chunks = found.chunks;
    this.#dataBytes = found.dataBytes;
    this.#elapsedMs = found.elapsedMs;
    this.#hasLast = found.hasLast;
  }

  /** Goes on after what is in the storage; of that, what does not open is cut off. To be closed. */
  static async open(blobs: BlobStorage, row: ReceivedPartRow): Promise<FetchedPart> {
    const found = await scanBlob(blobs, row.store, row.key);
    await blobs.truncate(row.store, found.bytes);
    return new FetchedPart(blobs, row, found);
  }

  /** Here and opened: where the next bytes belong. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The same, but never all of it before `finish` has found it whole. */
  get checkedBytes(): number {
    const { sealedBytes } = this.#row;
    const isAll = sealedBytes > 0 && this.#keptBytes >= sealedBytes;
    return isAll && !this.#isWhole ? sealedBytes - 1 : this.#keptBytes;
  }

  /** Its end was not known when this began. */
  get isGrowing(): boolean {
    return this.#row.sealedBytes === 0;
  }

  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  close(): void {
    if (!this.#isHashEnded) this.#digest();
    this.#cipher.wipe();
  }

  /** The next bytes, in order. @throws DamagedChunk; TumarError BLOB_MISMATCH, VAULT_STORAGE */
  async add(bytes: Uint8Array): Promise<void> {
    let all = this.#rest.length === 0 ? bytes : concat(this.#rest, bytes);
    const kept: Uint8Array[] = [];
    try {
      for (let next = this.#next(all); next !== undefined; next = this.#next(all)) {
        kept.push(next);
        all = all.subarray(next.length);
      }
    } finally {
      this.#rest = all.slice();
      await this.#keep(kept);
    }
  }

  /**
   * All that the relay has was added. Padding is all that a relay can have changed by now.
   * @throws DamagedChunk when it is whole and not what its manifest says: its padding is to come once more
   */
  async finish(): Promise<void> {
    await this.#blobs.sync(this.#store);
    const { sealedBytes, dataBytes, hash } = this.#row;
    if (sealedBytes === 0 || this.#bytes < sealedBytes) return;
    const isSame = this.#hasLast && this.#dataBytes === dataBytes;
    this.#isWhole = isSame && equalBytes(this.#digest(), hash);
    if (this.#isWhole) return;
    this.#bytes = chunkOffset(this.#chunks);
    this.#keptBytes = this.#bytes;
    await this.#blobs.truncate(this.#store, this.#bytes);
    throw new DamagedChunk(this.#bytes, mismatch("what came is not what the manifest names"));
  }

  #digest(): Uint8Array {
    this.#isHashEnded = true;
    return this.#hash.digest();
  }

  /** The next header, chunk or piece of padding, if it is there whole and good. */
  #next(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length === 0) return undefined;
    if (this.#bytes === 0) return this.#header(bytes);
    if (this.#hasLast) return this.#padding(bytes);
    if (bytes.length < BLOB_CHUNK_BYTES) return undefined;
    const sealed = bytes.subarray(0, BLOB_CHUNK_BYTES);
    const { kind, data, elapsedMs } = this.#open(sealed);
    this.#chunks += 1;
    this.#dataBytes += data.length;
    this.#elapsedMs = elapsedMs;
    this.#hasLast = kind === "last";
    this.#checkLengths();
    this.#took(sealed);
    return sealed;
  }

  #header(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length < BLOB_HEADER_BYTES) return undefined;
    const header = bytes.subarray(0, BLOB_HEADER_BYTES);
    if (!equalBytes(header, blobHeader(this.#row.key))) {
      throw new DamagedChunk(0, mismatch("the blob is not of the key that the manifest names"));
    }
    this.#took(header);
    return header;
  }

  /** Nobody can tell whether it is good before all of it is there. */
  #padding(bytes: Uint8Array): Uint8Array {
    const end = paddedBlobBytes(this.#chunks);
    if (this.#bytes + bytes.length > end) throw mismatch("the blob goes on after its end");
    this.#took(bytes);
    return bytes;
  }

  #open(sealed: Uint8Array): Chunk {
    try {
      return this.#cipher.open(this.#chunks, sealed);
    } catch (error) {
      if (error instanceof TumarError && error.code === "BLOB_DAMAGED") {
        throw new DamagedChunk(chunkOffset(this.#chunks), error);
      }
      // It opened, so its sender made it, and made it wrong.
      throw mismatch("a chunk does not have its form", error);
    }
  }

  #checkLengths(): void {
    const { sealedBytes, dataBytes } = this.#row;
    if (sealedBytes === 0) return;
    const least = this.#hasLast ? this.#chunks : this.#chunks + 1;
    const isLonger = chunkOffset(least) > sealedBytes || this.#dataBytes > dataBytes;
    const endsWrong =
      this.#hasLast &&
      (this.#dataBytes !== dataBytes || paddedBlobBytes(this.#chunks) !== sealedBytes);
    if (isLonger || endsWrong) throw mismatch("the blob has not the lengths of its manifest");
  }

  #took(sealed: Uint8Array): void {
    this.#hash.update(sealed);
    this.#bytes += sealed.length;
  }

  async #keep(pieces: readonly Uint8Array[]): Promise<void> {
    if (pieces.length === 0) return;
    const bytes = concat(...pieces);
    await this.#blobs.append(this.#store, bytes);
    this.#keptBytes += bytes.length;
  }
}

export function mismatch(why: string, cause?: unknown): TumarError {
  return new TumarError("BLOB_MISMATCH", why, cause === undefined ? {} : { cause });
}
