/**
 * The embedded engine of the Store port: one SQLite file, DIR/relay.sqlite, in this process.
 *
 * Each commit is one transaction, on disk when `commit` resolves. When the disk is full or fails,
 * the whole commit is rolled back and each of its operations gets STORAGE_FULL.
 */

import type { Database } from "better-sqlite3";
import type { ErrorCode } from "../../../shared/crypto/errors.ts";
import type { StoreLimits } from "../limits.ts";
import { dayOf, refused } from "../rules.ts";
import type {
  Counts,
  GrowBlob,
  MailboxHandle,
  Operation,
  RecordPart,
  Result,
  Store,
  StoredBlob,
  SweepReport,
  WaitingEnvelope,
} from "../store.ts";
import { Blobs } from "./blobs.ts";
import { Envelopes } from "./envelopes.ts";
import { KeyedIds } from "./keyed-ids.ts";
import { MailboxCache } from "./mailbox-cache.ts";
import { Mailboxes } from "./mailboxes.ts";
import { openDatabase } from "./open-database.ts";
import { Prekeys } from "./prekeys.ts";
import { Records } from "./records.ts";
import { isStorageFull, toStoreError, withStoreErrors } from "./sqlite-errors.ts";
import { Sweeper } from "./sweep.ts";

export interface SqliteStoreOptions {
  /** Path of relay.sqlite; made when it is not there. Its directory must exist. */
  readonly file: string;
  /** The 32 bytes of store.key. */
  readonly key: Uint8Array;
  readonly limits: StoreLimits;
  /** How long to wait for a process that is still closing the file; 5 s when not given. */
  readonly busyMs?: number;
  /** Largest size of the file in pages of 4 KiB; no bound when not given. */
  readonly maxPages?: number;
}

const COUNTS = `select
  (select count(*) from mailbox) as mailboxes,
  (select count(*) from deposit_grant) as grants,
  (select count(*) from envelope) as envelopes,
  (select count(*) from tombstone) as tombstones,
  (select count(*) from record) as records,
  (select count(*) from pair) as prekeys,
  (select count(*) from blob) as blobs`;

/** @throws TumarError STORE_IN_USE, STORE_CORRUPT, STORE_TOO_NEW, STORE_KEY_WRONG, STORAGE_FULL */
export function openSqliteStore(options: SqliteStoreOptions): SqliteStore {
  const ids = new KeyedIds(options.key);
  const database = openDatabase({ file: options.file, ids, busyMs: options.busyMs ?? 5000 });
  if (options.maxPages !== undefined) database.exec(`pragma max_page_count = ${options.maxPages}`);
  return new SqliteStore(database, options.limits, ids);
}

export class SqliteStore implements Store {
  readonly #database: Database;
  readonly #cache = new MailboxCache();
  readonly #mailboxes: Mailboxes;
  readonly #envelopes: Envelopes;
  readonly #records: Records;
  readonly #prekeys: Prekeys;
  readonly #blobs: Blobs;
  readonly #sweeper: Sweeper;
  readonly #applyAll: (operations: readonly Operation[]) => readonly Result[];

  constructor(database: Database, limits: StoreLimits, ids: KeyedIds) {
    this.#database = database;
    this.#mailboxes = new Mailboxes(database, limits, ids, this.#cache);
    this.#envelopes = new Envelopes(database, limits, ids, this.#mailboxes, this.#cache.hot);
    this.#records = new Records(database, limits, ids);
    this.#prekeys = new Prekeys(database, limits, ids, this.#records);
    this.#blobs = new Blobs(database, limits, ids, this.#mailboxes);
    const tables = {
      mailboxes: this.#mailboxes,
      envelopes: this.#envelopes,
      records: this.#records,
    };
    this.#sweeper = new Sweeper(database, limits, tables, () => this.#cache.clear());
    this.#applyAll = database.transaction((operations: readonly Operation[]) =>
      operations.map((operation) => this.#apply(operation)),
    );
  }

  async commit(operations: readonly Operation[]): Promise<readonly Result[]> {
    this.#cache.trim();
    try {
      return this.#applyAll(operations);
    } catch (error) {
      this.#cache.clear();
      this.#blobs.forget();
      if (isStorageFull(error)) return operations.map(() => refused("STORAGE_FULL"));
      throw toStoreError(error);
    }
  }

  async mailbox(mailbox: Uint8Array): Promise<MailboxHandle | undefined> {
    return withStoreErrors(() => this.#mailboxes.find(mailbox)?.id);
  }

  async waiting(
    mailbox: Uint8Array,
    afterSeq: number,
    limit: number,
  ): Promise<readonly WaitingEnvelope[]> {
    return withStoreErrors(() => this.#envelopes.waiting(mailbox, afterSeq, limit));
  }

  async record(recordId: Uint8Array): Promise<readonly RecordPart[] | undefined> {
    return withStoreErrors(() => this.#records.record(recordId));
  }

  async blob(blobId: Uint8Array): Promise<StoredBlob | undefined> {
    return withStoreErrors(() => this.#blobs.blob(blobId));
  }

  async growthRefusal(growth: GrowBlob): Promise<ErrorCode | undefined> {
    return withStoreErrors(() => this.#blobs.growthRefusal(growth));
  }

  async expiredBlobs(day: number, limit: number): Promise<readonly string[]> {
    return withStoreErrors(() => this.#blobs.expired(day, limit));
  }

  async knownBlobs(names: readonly string[]): Promise<ReadonlySet<string>> {
    return withStoreErrors(() => this.#blobs.known(names));
  }

  async counts(): Promise<Counts> {
    return withStoreErrors(() => this.#database.prepare<[], Counts>(COUNTS).get() ?? NOTHING);
  }

  async sweep({ hour }: { readonly hour: number }): Promise<SweepReport> {
    try {
      return await this.#sweeper.sweep(dayOf(hour));
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** Empties the WAL, so that nothing deleted stays in the files. */
  async close(): Promise<void> {
    try {
      withStoreErrors(() => this.#database.exec("pragma wal_checkpoint(TRUNCATE)"));
    } finally {
      this.#database.close();
    }
  }

  #apply(operation: Operation): Result {
    switch (operation.type) {
      case "createMailbox":
        return this.#mailboxes.create(operation);
      case "useMailbox":
        return this.#mailboxes.use(operation);
      case "deleteMailbox":
        return this.#mailboxes.delete(operation.mailbox);
      case "putGrant":
        return this.#mailboxes.putGrant(operation);
      case "revokeGrant":
        return this.#mailboxes.revokeGrant(operation);
      case "deposit":
        return this.#envelopes.deposit(operation);
      case "acknowledge":
        return this.#envelopes.acknowledge(operation);
      case "putRecord":
        return this.#records.put(operation);
      case "setWriters":
        return this.#records.setWriters(operation);
      case "publishPrekeys":
        return this.#prekeys.publish(operation);
      case "takePrekeys":
        return this.#prekeys.take(operation);
      case "createBlob":
        return this.#blobs.create(operation);
      case "growBlob":
        return this.#blobs.grow(operation);
      case "pinBlob":
        return this.#blobs.pin(operation);
      case "unpinBlob":
        return this.#blobs.unpin(operation);
      case "dropBlob":
        return this.#blobs.drop(operation);
      default:
        return operation satisfies never;
    }
  }
}

const NOTHING: Counts = {
  mailboxes: 0,
  grants: 0,
  envelopes: 0,
  tombstones: 0,
  records: 0,
  prekeys: 0,
  blobs: 0,
};
