/**
 * A vault in a browser: IndexedDB, one record per 16 KiB, each commit one transaction with strict
 * durability; the lock is a Web Lock, which the browser drops with the page that held it.
 *
 * Needs a secure context (https or localhost). What the browser's own database leaves on flash is
 * beyond us (docs/VAULT.md, "What it does not protect").
 */

import { concat } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { done, IndexedDatabase } from "./indexed-db.ts";
import { type ByteRange, type Patch, storageFault, type VaultStorage } from "./storage.ts";

const RECORD_BYTES = 16 * 1024;
const RECORDS = "records";

export class BrowserStorage implements VaultStorage {
  readonly #name: string;
  readonly #database: IndexedDatabase;

  constructor(name: string) {
    this.#name = `tumar-${name}`;
    this.#database = new IndexedDatabase(this.#name, [RECORDS]);
  }

  exists(): Promise<boolean> {
    return this.#run("readonly", async (records) => (await done(records.count())) > 0);
  }

  create(image: Uint8Array): Promise<void> {
    return this.#run("readwrite", async (records) => {
      if ((await done(records.count())) > 0) {
        throw new TumarError("VAULT_EXISTS", "a vault is there already");
      }
      putImage(records, image);
    });
  }

  readAll(): Promise<Uint8Array> {
    return this.#run("readonly", async (records) => {
      const all: Uint8Array[] = await done(records.getAll());
      if (all.length === 0) throw missing();
      return concat(...all);
    });
  }

  readRanges(ranges: readonly ByteRange[]): Promise<Uint8Array[]> {
    return this.#run("readonly", (records) =>
      Promise.all(ranges.map(({ offset, length }) => readRange(records, offset, length))),
    );
  }

  patch(patches: readonly Patch[]): Promise<void> {
    return this.#run("readwrite", async (records) => {
      for (const { offset, bytes } of patches) await writeRange(records, offset, bytes);
    });
  }

  replace(image: Uint8Array): Promise<void> {
    return this.#run("readwrite", async (records) => {
      records.clear();
      putImage(records, image);
    });
  }

  /** A wait of 0 asks once. */
  lock(waitMs: number): Promise<() => Promise<void>> {
    const wait = waitMs > 0 ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true };
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request(this.#name, wait, (lock) => {
        if (!lock) throw new DOMException("not available", "TimeoutError");
        return new Promise<void>((release) => {
          resolve(async () => {
            release();
            await held;
          });
        });
      });
      held.catch((cause: unknown) => reject(lockFault(cause)));
    });
  }

  async close(): Promise<void> {}

  async destroy(): Promise<void> {
    await this.#database.remove();
  }

  #run<T>(mode: IDBTransactionMode, work: (records: IDBObjectStore) => Promise<T>): Promise<T> {
    return this.#database.run(mode, (store) => work(store(RECORDS)));
  }
}

function putImage(records: IDBObjectStore, image: Uint8Array): void {
  for (let at = 0; at < image.length; at += RECORD_BYTES) {
    records.put(image.slice(at, at + RECORD_BYTES), at / RECORD_BYTES);
  }
}

async function readRecord(records: IDBObjectStore, index: number): Promise<Uint8Array> {
  const record: Uint8Array | undefined = await done(records.get(index));
  if (record) return record;
  if (index === 0) throw missing();
  return new Uint8Array(0);
}

/** A vault's ranges never cross a record: every boundary of the layout is a multiple of it. */
async function readRange(
  records: IDBObjectStore,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const start = offset % RECORD_BYTES;
  if (start + length > RECORD_BYTES) throw new RangeError("a range crosses records");
  const record = await readRecord(records, (offset - start) / RECORD_BYTES);
  return record.slice(start, start + length);
}

async function writeRange(
  records: IDBObjectStore,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  const start = offset % RECORD_BYTES;
  const index = (offset - start) / RECORD_BYTES;
  const record = await readRecord(records, index);
  if (start + bytes.length > record.length) throw new RangeError("a patch crosses records");
  record.set(bytes, start);
  records.put(record, index);
}

function missing(): TumarError {
  return new TumarError("VAULT_MISSING", "there is no vault");
}

function lockFault(cause: unknown): TumarError {
  const isLate = cause instanceof DOMException && cause.name === "TimeoutError";
  if (!isLate) return storageFault("lock", cause);
  return new TumarError("VAULT_BUSY", "another page keeps the vault locked", { cause });
}
