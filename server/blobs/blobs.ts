/**
 * Blobs at the relay: their files, their rows in the store, and who writes and reads them now.
 *
 * The row says how long a blob is, the file has its bytes; `growBlob` is committed after the bytes are
 * on disk, so that the row never says more than the file has. Bytes that wait for the disk are counted:
 * whoever brings them is not read while there are too many.
 */

import { join } from "node:path";
import { type ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import type { ReceiptProof } from "../../shared/wire/receipt.ts";
import { type Clock, hourOf } from "../clock.ts";
import type { SettingValues } from "../config-table.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { GroupCommit } from "../store/group-commit.ts";
import { dayOf, mapKey } from "../store/rules.ts";
import type { CreateBlob, Result, Store, StoredBlob } from "../store/store.ts";
import { BlobFiles } from "./blob-files.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Quiet } from "./quiet.ts";
import { type Append, type AppendOutcome, Upload, type UploadParts } from "./upload.ts";

/** Bytes of all appends that wait for the disk. */
export const MAX_PENDING_BYTES: number = 16 * 1024 * 1024;
/** Dropped at once by a sweep, between which commits go on. */
const SLICE_BLOBS = 100;

export interface BlobsParts {
  readonly config: SettingValues;
  readonly clock: Clock;
  readonly timer: Clock;
  readonly store: Store;
  readonly commits: GroupCommit<ReceiptProof>;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export class Blobs {
  /** Bytes that wait for the disk. */
  readonly pending: ByteBudget = new ByteBudget(MAX_PENDING_BYTES);
  readonly #parts: BlobsParts;
  readonly #files: BlobFiles;
  readonly #quiet: Quiet;
  /** Blobs that are being made, by id: whoever asks for one waits. */
  readonly #creating = new Map<string, Promise<unknown>>();
  /** Blobs that are being written, by id. */
  readonly #uploads = new Map<string, Promise<Upload | undefined>>();
  #work = 0;
  readonly #onIdle: (() => void)[] = [];

  constructor(parts: BlobsParts) {
    this.#parts = parts;
    this.#files = new BlobFiles(join(parts.config.DATA, "blobs"));
    this.#quiet = new Quiet(parts.clock, parts.timer);
  }

  async create(operation: CreateBlob): Promise<Result<StoredBlob>> {
    const id = mapKey(operation.blobId);
    const creating = this.#parts.commits.submit(operation);
    this.#creating.set(id, creating);
    try {
      return await creating;
    } finally {
      if (this.#creating.get(id) === creating) this.#creating.delete(id);
    }
  }

  /** Resolves when the bytes are on disk and counted, or refused. Rejects when the store does. */
  async append(blobId: Uint8Array, append: Append): Promise<AppendOutcome> {
    return await this.#working(async () => {
      const upload = await this.#upload(blobId);
      if (upload === undefined) return { ok: false, code: "REFUSED", storedBytes: 0 };
      return await upload.append(append);
    });
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

  /** Removes what has expired; the number of blobs. */
  async sweep(hour: number): Promise<number> {
    const { store, commits } = this.#parts;
    const day = dayOf(hour);
    let removed = 0;
    for (;;) {
      const names = await store.expiredBlobs(day, SLICE_BLOBS);
      for (const name of names) {
        const dropped = await commits.submit({ type: "dropBlob", name, day });
        if (!dropped.ok) return removed;
        await this.#files.remove(name);
        removed += 1;
      }
      if (names.length < SLICE_BLOBS) return removed;
    }
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

  #upload(blobId: Uint8Array): Promise<Upload | undefined> {
    const id = mapKey(blobId);
    const known = this.#uploads.get(id);
    if (known !== undefined) return known;
    const opening = this.#openUpload(id, blobId);
    this.#uploads.set(id, opening);
    opening.then(
      (upload) => upload ?? this.#uploads.delete(id),
      () => this.#uploads.delete(id),
    );
    return opening;
  }

  async #openUpload(id: string, blobId: Uint8Array): Promise<Upload | undefined> {
    const blob = await this.state(blobId);
    if (blob === undefined) return undefined;
    return new Upload(blob, this.#uploadParts(id, blobId, blob.name));
  }

  /** Expired while it was being written: the last write may have made its file again. */
  async #removeIfGone(blobId: Uint8Array, name: string): Promise<void> {
    if ((await this.#parts.store.blob(blobId)) === undefined) await this.#files.remove(name);
  }

  #uploadParts(id: string, blobId: Uint8Array, name: string): UploadParts {
    const { config, clock, timer, commits, metrics } = this.#parts;
    return {
      limits: { blobBytes: config.BLOB_MAX_BYTES },
      write: async (piece) => {
        const beganMs = timer();
        await this.#files.write(name, { ...piece, hour: hourOf(clock()) });
        metrics.blobFlushed((timer() - beganMs) / 1000);
      },
      commit: async (growth) => {
        const hour = hourOf(clock());
        const result = await commits.submit({ type: "growBlob", blobId, hour, ...growth });
        if (result.ok) {
          this.#quiet.grew(result.value.name);
          metrics.blobGrew(growth.to - growth.from, growth.isLast);
        } else if (result.code === "REFUSED") {
          await this.#removeIfGone(blobId, name);
        }
        return result;
      },
      codeOf: (error) => this.#codeOf(error),
      after: (ms, act) => {
        const timeout = setTimeout(act, ms);
        return () => clearTimeout(timeout);
      },
      onIdle: () => this.#uploads.delete(id),
    };
  }

  /** A blob that has lost bytes is gone: its sender begins another. */
  #codeOf(error: unknown): ErrorCode {
    const code = error instanceof TumarError ? error.code : "INTERNAL";
    if (code === "STORAGE_FULL") return code;
    this.#parts.logger.unexpected(error);
    return code === "STORE_CORRUPT" ? "REFUSED" : "INTERNAL";
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
