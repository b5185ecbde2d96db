/**
 * Blobs in memory: for tests and for a borrowed device, where nothing may stay behind. Several
 * storages opened on one `MemoryBlobs` behave as several processes on one folder; closing one of them
 * is the end of its process.
 */

import { concat } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { type BlobClaim, type BlobStorage, newBlobName } from "./blob-storage.ts";
import { storageFault } from "./storage.ts";

interface MemoryBlob {
  readonly pieces: Uint8Array[];
  length: number;
}

export class MemoryBlobs {
  readonly blobs: Map<string, MemoryBlob> = new Map();
  readonly claimed: Set<string> = new Set();
}

export class MemoryBlobStorage implements BlobStorage {
  readonly #place: MemoryBlobs;
  readonly #own = new Set<string>();

  constructor(place: MemoryBlobs = new MemoryBlobs()) {
    this.#place = place;
  }

  async create(): Promise<BlobClaim> {
    const name = newBlobName(systemRandom);
    this.#place.blobs.set(name, { pieces: [], length: 0 });
    return this.#hold(name);
  }

  async claim(name: string): Promise<BlobClaim | null> {
    return this.#place.claimed.has(name) ? null : this.#hold(name);
  }

  async append(name: string, bytes: Uint8Array): Promise<void> {
    const blob = this.#blob(name);
    blob.pieces.push(bytes.slice());
    blob.length += bytes.length;
  }

  async sync(): Promise<void> {}

  async length(name: string): Promise<number | null> {
    return this.#place.blobs.get(name)?.length ?? null;
  }

  async read(name: string, offset: number, length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const piece of this.#blob(name).pieces) {
      const start = Math.max(0, offset - at);
      const end = Math.min(piece.length, offset + length - at);
      if (start < end) parts.push(piece.subarray(start, end));
      at += piece.length;
    }
    return concat(...parts);
  }

  async truncate(name: string, length: number): Promise<void> {
    const blob = this.#blob(name);
    if (blob.length <= length) return;
    const kept = await this.read(name, 0, length);
    blob.pieces.splice(0, blob.pieces.length, kept);
    blob.length = length;
  }

  async delete(name: string): Promise<void> {
    this.#place.blobs.delete(name);
  }

  async list(): Promise<readonly string[]> {
    return [...this.#place.blobs.keys()];
  }

  async close(): Promise<void> {
    for (const name of this.#own) this.#place.claimed.delete(name);
    this.#own.clear();
  }

  async destroy(): Promise<void> {
    await this.close();
    this.#place.blobs.clear();
  }

  #hold(name: string): BlobClaim {
    this.#place.claimed.add(name);
    this.#own.add(name);
    const release = async (): Promise<void> => {
      if (this.#own.delete(name)) this.#place.claimed.delete(name);
    };
    return { name, release };
  }

  #blob(name: string): MemoryBlob {
    const blob = this.#place.blobs.get(name);
    if (blob === undefined) throw storageFault("read or write a blob", undefined);
    return blob;
  }
}
