/**
 * What a vault needs from the place it is kept in: one array of bytes that can be read in part,
 * patched in place, replaced as a whole, and locked across processes.
 *
 * The adapters (memory, file, browser) know nothing of the format. Their failures are
 * VAULT_MISSING, VAULT_EXISTS, VAULT_BUSY or VAULT_STORAGE.
 */

import { TumarError } from "../../shared/crypto/errors.ts";

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface VaultStorage {
  exists(): Promise<boolean>;
  /** Atomic and durable. @throws TumarError VAULT_EXISTS, leaving what is there untouched. */
  create(image: Uint8Array): Promise<void>;
  /** The whole image; a new array each time. @throws TumarError VAULT_MISSING */
  readAll(): Promise<Uint8Array>;
  /** All ranges from the same image; shorter than asked where the image ends. */
  readRanges(ranges: readonly ByteRange[]): Promise<Uint8Array[]>;
  /** Overwrites inside the image and returns once durable. Not atomic: a crash may tear it. */
  patch(patches: readonly Patch[]): Promise<void>;
  /** Durable; after a crash either the old or the new image is there, whole. */
  replace(image: Uint8Array): Promise<void>;
  /**
   * Excludes every other process and every other storage object on the same place; a dead holder
   * holds nothing. Resolves to the release. @throws TumarError VAULT_BUSY after `waitMs`
   */
  lock(waitMs: number): Promise<() => Promise<void>>;
  /** Lets go of what the adapter keeps open; it may be used again. */
  close(): Promise<void>;
  /** Removes the vault and all that belongs to it, for an `init` that failed half-way. */
  destroy(): Promise<void>;
}

/** Wraps what an adapter's platform throws; the cause stays for the log, the message names no path. */
export function storageFault(doing: string, cause: unknown): TumarError {
  if (cause instanceof TumarError) return cause;
  return new TumarError("VAULT_STORAGE", `the vault's storage failed: ${doing}`, { cause });
}
