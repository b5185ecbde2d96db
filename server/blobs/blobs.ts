/**
 * Blobs at the relay: their files, their rows in the store, and who writes and reads them now.
 *
 * The row says how long a blob is, the file has its bytes; `growBlob` is committed after the bytes are
 * on disk, so that the row never says more than the file has. Bytes that wait for the disk are counted:
 * whoever brings them is not read while there are too many.
 */

import { join } from "node:path";
import { TumarError } from "../../shared/crypto/errors.ts";
import { hourOf } from "../clock.ts";
import { dayOf, mapKey, refused } from "../store/rules.ts";
import type { CreateBlob, Result, StoredBlob } from "../store/store.ts";
import { BlobFiles } from "./blob-files.ts";
import { ByteBudget } from "./byte-budget.ts";
import { FreeSpace } from "./free-space.ts";
import { Quiet } from "./quiet.ts";
import type { Append, AppendOutcome } from "./upload.ts";
import { type BlobsParts, Uploads } from "./uploads.ts";

/** Bytes of all appends that wait for the disk. */
export const MAX_PENDING_BYTES: number = 16 * 1024 * 1024;
/** Dropped at once by a sweep, between which commits go on. */
const SLICE_BLOBS = 100;

export class Blobs {
  /** Bytes that wait for the disk. */
  readonly pending: ByteBudget = new ByteBudget(MAX_PENDING_BYTES);
  readonly #parts: BlobsParts;
  readonly #files: BlobFiles;
  readonly #free: FreeSpace;
  readonly #quiet: Quiet;
  readonly #uploads: Uploads;
  /** Blobs that are being made, by id: whoever asks for one waits. */
  readonly #creating = new Map<string, Promise<unknown>>();
  #work = 0;
  readonly #onIdle: (() => void)[] = [];

  constructor(parts: BlobsParts) {
    const { config, clock, timer } = parts;
    this.#parts = parts;
    this.#files = new BlobFiles(join(config.DATA, "blobs"), () => hourOf(clock()));
    this.#free = new FreeSpace(config.DATA, config.BLOB_FREE_BYTES, timer);
    this.#quiet = new Quiet(clock, timer);
    this.#uploads = new Uploads({
      ...parts,
      files: this.#files,
      free: this.#free,
      quiet: this.#quiet,
      state: (blobId) => this.state(blobId),
    });
  }

  async create(operation: CreateBlob): Promise<Result<StoredBlob>> {
    const id = mapKey(operation.blobId);
    const creating = this.#make(operation);
    this.#creating.set(id, creating);
    try {
      return await creating;
    } finally {
      if (this.#creating.get(id) === creating) this.#creating.delete(id);
    }
  }

  /** Resolves when the bytes are on disk and counted, or refused. Rejects when the store does. */
  async append(blobId: Uint8Array, append: Append): Promise<AppendOutcome> {
    return await this.#working(() => this.#uploads.append(blobId, append));
  }

  /** undefined when there is no such blob. */
  async state(blobId: Uint8Array): Promise<StoredBlob | undefined> {
    await this.#creating.get(mapKey(blobId));
    return await this.#parts.store.blob(blobId);
  }

  /** At most `length` bytes from `offset` on; undefined when the file has lost them. */
  async read(
    { name, storedBytes }: StoredBlob,
    offset: number,
    length: number,
  ): Promise<Uint8Array | undefined> {
    const bytes = Math.min(length, storedBytes - offset);
    if (bytes <= 0) return new Uint8Array(0);
    try {
      return await this.#working(() => this.#files.read(name, offset, bytes));
    } catch (error) {
      if (!(error instanceof TumarError) || error.code !== "STORE_CORRUPT") throw error;
      this.#parts.logger.unexpected(error);
      return undefined;
    }
  }

  /** Seconds since it grew last, at least. */
  quietSeconds(blob: StoredBlob): number {
    return this.#quiet.secondsOf(blob);
  }

  /** Removes what has expired, slice by slice until `isOver`; the number of blobs. */
  async sweep(hour: number, isOver: () => boolean = () => false): Promise<number> {
    const day = dayOf(hour);
    let removed = 0;
    while (!isOver()) {
      const names = await this.#parts.store.expiredBlobs(day, SLICE_BLOBS);
      const gone = await Promise.all(names.map((name) => this.#drop(name, day)));
      removed += gone.filter((isGone) => isGone).length;
      if (names.length < SLICE_BLOBS || gone.includes(false)) break;
    }
    return removed;
  }

  /** Removes files that no blob has: what a kill left. To be called before anything is taken in. */
  async removeOrphans(): Promise<number> {
    let removed = 0;
    for await (const names of this.#files.names()) {
      const known = await this.#parts.store.knownBlobs(names);
      for (const name of names) {
        if (known.has(name)) continue;
        await this.#files.remove(name);
        removed += 1;
      }
    }
    return removed;
  }

  /** Resolves when nothing is being written or read. */
  async drain(): Promise<void> {
    while (this.#work > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle.push(resolve);
      });
    }
  }

  async close(): Promise<void> {
    await this.drain();
    await this.#files.close();
  }

  /** False, and logged, when the store does not forget it. */
  async #drop(name: string, day: number): Promise<boolean> {
    const dropped = await this.#parts.commits.submit({ type: "dropBlob", name, day });
    if (!dropped.ok) {
      this.#parts.logger.write("error", "sweep-failed", { code: dropped.code });
      return false;
    }
    if (dropped.value) await this.#files.remove(name);
    return dropped.value;
  }

  async #make(operation: CreateBlob): Promise<Result<StoredBlob>> {
    const { commits, store } = this.#parts;
    const known = await store.blob(operation.blobId);
    // not asked for the claim: answers would tell strangers how much is free
    if (known === undefined && !(await this.#free.has(0))) return refused("STORAGE_FULL");
    const result = await commits.submit(operation);
    if (result.ok && known === undefined) this.#quiet.grew(result.value.name);
    return result;
  }

  async #working<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#work += 1;
    try {
      return await work();
    } finally {
      this.#work -= 1;
      if (this.#work === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  }
}
