/**
 * Where large ciphertexts lie beside a vault: what is on its way to a relay, and what was fetched from
 * one. Each blob is a row of bytes under a random name, which only grows at its end or is cut there.
 *
 * The adapters (memory, file, browser) know nothing of what is in them; every byte they are given is
 * sealed already. Their failures are VAULT_STORAGE. One suite holds for all of them
 * (test/client/vault/blob-storage-cases.ts).
 */

import { type Random, toHex } from "../../shared/crypto/bytes.ts";

/** One process at a time works on a blob; a dead one holds nothing. */
export interface BlobClaim {
  readonly name: string;
  release(): Promise<void>;
}

export interface BlobStorage {
  /** An empty blob under a new name, claimed before it can be seen. */
  create(): Promise<BlobClaim>;
  /** Null when somebody has it. Also for a name that nothing lies under (any more). */
  claim(name: string): Promise<BlobClaim | null>;
  /** Where it ends. Durable only after `sync`. */
  append(name: string, bytes: Uint8Array): Promise<void>;
  /** What was appended before survives a power cut. */
  sync(name: string): Promise<void>;
  /** Null when there is no such blob. */
  length(name: string): Promise<number | null>;
  /** Shorter than asked where the blob ends. */
  read(name: string, offset: number, length: number): Promise<Uint8Array>;
  /** Without effect on what is shorter. */
  truncate(name: string, length: number): Promise<void>;
  /** Also of what is not there. */
  delete(name: string): Promise<void>;
  /** In no order; also names that were claimed and hold nothing. */
  list(): Promise<readonly string[]>;
  /** Lets go of every claim; it may be used again. */
  close(): Promise<void>;
  /** Removes all, for an `init` that failed half-way. */
  destroy(): Promise<void>;
}

const NAME_BYTES = 16;

/** Says nothing: neither of what, nor of when. */
export function newBlobName(random: Random): string {
  return toHex(random(NAME_BYTES));
}
