/**
 * A vault in memory: for tests and for a borrowed device, where nothing may stay behind. Several
 * storages opened on one `MemoryDisk` behave as several processes on one file.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import { type ByteRange, type Patch, storageFault, type VaultStorage } from "./storage.ts";
import { Turns } from "./turns.ts";

export class MemoryDisk {
  image: Uint8Array | undefined;
  readonly turns: Turns = new Turns();
}

export class MemoryStorage implements VaultStorage {
  readonly #disk: MemoryDisk;

  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
  }

  async exists(): Promise<boolean> {
    return this.#disk.image !== undefined;
  }

  async create(image: Uint8Array): Promise<void> {
    if (this.#disk.image) throw new TumarError("VAULT_EXISTS", "a vault is there already");
    this.#disk.image = image.slice();
  }

  async readAll(): Promise<Uint8Array> {
    return this.#image().slice();
  }

  async readRanges(ranges: readonly ByteRange[]): Promise<Uint8Array[]> {
    const image = this.#image();
    return ranges.map(({ offset, length }) => image.slice(offset, offset + length));
  }

  async patch(patches: readonly Patch[]): Promise<void> {
    const image = this.#image();
    for (const { offset, bytes } of patches) {
      if (offset + bytes.length > image.length) throw storageFault("write", "past the end");
      image.set(bytes, offset);
    }
  }

  async replace(image: Uint8Array): Promise<void> {
    this.#disk.image = image.slice();
  }

  async lock(waitMs: number): Promise<() => Promise<void>> {
    const endTurn = await this.#disk.turns.take(waitMs);
    return async () => endTurn();
  }

  async close(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#disk.image = undefined;
  }

  #image(): Uint8Array {
    if (!this.#disk.image) throw new TumarError("VAULT_MISSING", "there is no vault");
    return this.#disk.image;
  }
}
