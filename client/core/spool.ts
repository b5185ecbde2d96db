/**
 * Sealing into a spool: bytes of any number in, chunks in the blob storage out, in the order of the blob
 * (shared/e2ee/blob.ts). What is durable is never sealed again, whatever happens to the process, so
 * that every upload of it is of the same bytes.
 *
 * A storage that failed once may hold any part of what it was given: the spool is broken then, takes
 * nothing more, and is gone on with from what opens (`resume`).
 */

import { concat, type Random } from "../../shared/crypto/bytes.ts";
import {
  BLOB_CHUNK_DATA_BYTES,
  BlobCipher,
  type BlobHash,
  type BlobKey,
  blobHeader,
  type ChunkKind,
  MAX_ELAPSED_MS,
  paddedBlobBytes,
} from "../../shared/e2ee/blob.ts";
import type { BlobStorage } from "../vault/blob-storage.ts";
import { nothingFound, type ScannedBlob, scanBlob } from "./blob-scan.ts";

/** What a spool turned out to be. */
export interface SpoolEnd {
  readonly dataBytes: number;
  readonly sealedBytes: number;
  readonly hash: Uint8Array;
}

export interface SpoolMeans {
  readonly blobs: BlobStorage;
  readonly random: Random;
}

/** Sealed bytes that go to the disk at once. */
const BATCH_BYTES = 262_144;

export class Spool {
  readonly name: string;
  readonly #blobs: BlobStorage;
  readonly #cipher: BlobCipher;
  readonly #random: Random;
  readonly #hash: BlobHash;
  #chunks: number;
  #dataBytes: number;
  #elapsedMs: number;
  /** Sealed, in order, and not in the storage yet. */
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  /** Not sealed yet: at most one chunk. */
  readonly #pending = new Uint8Array(BLOB_CHUNK_DATA_BYTES);
  #pendingBytes = 0;
  #length: number;
  #durableBytes: number;
  /** Why it takes nothing more. */
  #fault: { readonly error: unknown } | undefined;

  private constructor(
    { blobs, random }: SpoolMeans,
    name: string,
    key: BlobKey,
    found: ScannedBlob,
  ) {
    this.name = name;
    this.#blobs = blobs;
    this.#cipher = new BlobCipher(key);
    this.#random = random;
    this.#hash = found.hash;
    this.#chunks = found.chunks;
    this.#dataBytes = found.dataBytes;
    this.#elapsedMs = found.elapsedMs;
    this.#length = found.bytes;
    this.#durableBytes = found.bytes;
    if (found.bytes === 0) this.#put(blobHeader(key));
  }

  /** In an empty blob. To be ended or given up. */
  static begin(means: SpoolMeans, name: string, key: BlobKey): Spool {
    return new Spool(means, name, key, nothingFound());
  }

  /** After what an earlier process left; what does not open is cut off. To be ended or given up. */
  static async resume(
    means: SpoolMeans,
    name: string,
    key: BlobKey,
  ): Promise<{ readonly spool: Spool; readonly found: ScannedBlob }> {
    const found = await scanBlob(means.blobs, name, key);
    await means.blobs.truncate(name, found.bytes);
    return { spool: new Spool(means, name, key, found), found };
  }

  /** Sealed bytes that survive anything. */
  get durableBytes(): number {
    return this.#durableBytes;
  }

  /** Bytes that wait for a chunk to be full. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Of plaintext, sealed or not. */
  get dataBytes(): number {
    return this.#dataBytes + this.#pendingBytes;
  }

  /** `elapsedMs` of the recording when these bytes were there. */
  async write(bytes: Uint8Array, elapsedMs = 0): Promise<void> {
    this.#checkSound();
    for (let at = 0; at < bytes.length; ) {
      // A full chunk waits for what follows it: only then it is known not to be the last.
      if (this.#pendingBytes === BLOB_CHUNK_DATA_BYTES) this.#sealPending("data");
      const taken = bytes.subarray(at, at + BLOB_CHUNK_DATA_BYTES - this.#pendingBytes);
      this.#pending.set(taken, this.#pendingBytes);
      this.#pendingBytes += taken.length;
      at += taken.length;
      this.#elapsedMs = Math.min(elapsedMs, MAX_ELAPSED_MS);
      if (this.#batchBytes >= BATCH_BYTES) await this.#save();
    }
  }

  /** Seals what waits, and makes all of it durable. */
  async flush(): Promise<void> {
    this.#checkSound();
    if (this.#pendingBytes > 0) this.#sealPending("data");
    await this.makeDurable();
  }

  /** What is sealed so far. */
  async makeDurable(): Promise<void> {
    this.#checkSound();
    if (this.#batchBytes === 0 && this.#length === this.#durableBytes) return;
    await this.#save();
    const length = this.#length;
    await this.#storing(() => this.#blobs.sync(this.name));
    this.#durableBytes = length;
  }

  /** The last chunk and the padding; durable when it resolves. */
  async end(): Promise<SpoolEnd> {
    this.#checkSound();
    this.#sealPending("last");
    return await this.pad();
  }

  /** Of what has its last chunk already. */
  async pad(): Promise<SpoolEnd> {
    this.#checkSound();
    const sealedBytes = paddedBlobBytes(this.#chunks);
    for (;;) {
      const left = sealedBytes - this.#length - this.#batchBytes;
      if (left <= 0) break;
      this.#put(this.#random(Math.min(left, BATCH_BYTES)));
      await this.#save();
    }
    await this.makeDurable();
    this.#cipher.wipe();
    return { dataBytes: this.#dataBytes, sealedBytes, hash: this.#hash.digest() };
  }

  /** Nothing more is put into it. */
  giveUp(): void {
    this.#hash.digest();
    this.#cipher.wipe();
    this.#pending.fill(0);
  }

  #sealPending(kind: ChunkKind): void {
    const data = this.#pending.subarray(0, this.#pendingBytes);
    const chunk = { kind, data, elapsedMs: this.#elapsedMs };
    this.#put(this.#cipher.seal(this.#chunks, chunk, this.#random));
    this.#chunks += 1;
    this.#dataBytes += this.#pendingBytes;
    this.#pending.fill(0);
    this.#pendingBytes = 0;
  }

  #put(sealed: Uint8Array): void {
    this.#hash.update(sealed);
    this.#batch.push(sealed);
    this.#batchBytes += sealed.length;
  }

  async #save(): Promise<void> {
    const bytes = concat(...this.#batch);
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#storing(() => this.#blobs.append(this.name, bytes));
    this.#length += bytes.length;
  }

  async #storing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fault ??= { error };
      throw error;
    }
  }

  /** @throws what broke it */
  #checkSound(): void {
    if (this.#fault !== undefined) throw this.#fault.error;
  }
}
