/**
 * The blobs that are being written now: one `Upload` for each, as long as an append through it is
 * not answered, and what it needs of the files and of the store.
 */

import { type ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import type { ReceiptProof } from "../../shared/wire/receipt.ts";
import { type Clock, hourOf } from "../clock.ts";
import type { SettingValues } from "../config-table.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { GroupCommit } from "../store/group-commit.ts";
import { mapKey } from "../store/rules.ts";
import type { GrowBlob, Store, StoredBlob } from "../store/store.ts";
import type { BlobFiles } from "./blob-files.ts";
import type { FreeSpace } from "./free-space.ts";
import type { Quiet } from "./quiet.ts";
import {
  type Append,
  type AppendOutcome,
  type Growth,
  Upload,
  type UploadParts,
} from "./upload.ts";

/** Of a disk that is full: expected, and the same again and again. */
const FULL_CODES: readonly unknown[] = ["ENOSPC", "EDQUOT"];

export interface BlobsParts {
  readonly config: SettingValues;
  readonly clock: Clock;
  readonly timer: Clock;
  readonly store: Store;
  readonly commits: GroupCommit<ReceiptProof>;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface UploadsParts extends BlobsParts {
  readonly files: BlobFiles;
  readonly free: FreeSpace;
  readonly quiet: Quiet;
  /** The blob as it is once those that make it have been answered. */
  state(blobId: Uint8Array): Promise<StoredBlob | undefined>;
}

interface Entry {
  readonly upload: Promise<Upload | undefined>;
  /** Appends that are not answered yet. */
  users: number;
}

export class Uploads {
  readonly #parts: UploadsParts;
  /** By blob id. */
  readonly #entries = new Map<string, Entry>();
  /** Whether the disk was found full when it was written to last. */
  #isFull = false;

  constructor(parts: UploadsParts) {
    this.#parts = parts;
  }

  /** Resolves when the bytes are on disk and counted, or refused. Rejects when the store does. */
  async append(blobId: Uint8Array, append: Append): Promise<AppendOutcome> {
    const id = mapKey(blobId);
    const entry = this.#entries.get(id) ?? { upload: this.#open(blobId), users: 0 };
    this.#entries.set(id, entry);
    entry.users += 1;
    try {
      const upload = await entry.upload;
      if (upload !== undefined) return await upload.append(append);
      this.#forget(id, entry);
      return { ok: false, code: "REFUSED", storedBytes: 0 };
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#forget(id, entry);
    }
  }

  /** Told once while it lasts when the disk is full; each time when it fails otherwise. */
  #noteFailure(error: unknown): void {
    const isStorage = error instanceof TumarError && error.code === "STORAGE_FULL";
    const cause = isStorage ? (error.cause ?? error) : error;
    const { code } = cause as { readonly code?: unknown };
    if (FULL_CODES.includes(code)) this.#noteFull(String(code));
    else this.#parts.logger.unexpected(cause);
  }

  #noteFull(code: string): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#parts.logger.write("error", "blobs-full", { code });
  }

  #forget(id: string, entry: Entry): void {
    if (this.#entries.get(id) === entry) this.#entries.delete(id);
  }

  async #open(blobId: Uint8Array): Promise<Upload | undefined> {
    const blob = await this.#parts.state(blobId);
    return blob && new Upload(blob, this.#uploadParts(blobId, blob.name));
  }

  #uploadParts(blobId: Uint8Array, name: string): UploadParts {
    const { config, clock, timer, store, commits, metrics, files, free, quiet } = this.#parts;
    const operationOf = (growth: Growth): GrowBlob => {
      return { type: "growBlob", blobId, hour: hourOf(clock()), ...growth };
    };
    return {
      limits: { blobBytes: config.BLOB_MAX_BYTES },
      refusal: async (growth) => {
        const refusal = await store.growthRefusal(operationOf(growth));
        if (refusal !== undefined) return refusal;
        const added = growth.to - growth.from;
        if (added === 0 || (await free.has(added))) return undefined;
        this.#noteFull("ENOSPC");
        return "STORAGE_FULL";
      },
      write: async (piece) => {
        const beganMs = timer();
        await files.write(name, piece);
        this.#isFull = false;
        metrics.blobFlushed((timer() - beganMs) / 1000);
      },
      commit: async (growth) => {
        const result = await commits.submit(operationOf(growth));
        const added = growth.to - growth.from;
        if (result.ok && (added > 0 || growth.isLast)) {
          free.wrote(added);
          quiet.grew(name);
          metrics.blobGrew(added, growth.isLast);
        }
        return result;
      },
      cut: async () => {
        const blob = await store.blob(blobId);
        if (blob === undefined) await files.remove(name);
        else await files.cut(name, blob.storedBytes);
        return blob;
      },
      codeOf: (error) => this.#codeOf(error),
      after: (ms, act) => {
        const timeout = setTimeout(act, ms);
        return () => clearTimeout(timeout);
      },
    };
  }

  /** A blob that has lost bytes is gone: its sender begins another. */
  #codeOf(error: unknown): ErrorCode {
    this.#noteFailure(error);
    const code = error instanceof TumarError ? error.code : "INTERNAL";
    if (code === "STORAGE_FULL") return code;
    return code === "STORE_CORRUPT" ? "REFUSED" : "INTERNAL";
  }
}
