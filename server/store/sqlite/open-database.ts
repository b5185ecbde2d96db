/**
 * Opens DIR/relay.sqlite: settings, schema version, and the checks that refuse a foreign, newer,
 * damaged or already opened file with a typed error, before anything is changed.
 *
 * WAL with synchronous=FULL: a commit is on disk when it returns. Exclusive locking: the counters
 * this process keeps in memory stay true because nobody else can write, and the WAL index lives in
 * memory (no -shm file). secure_delete overwrites what is deleted; temp_store keeps sorts off the
 * disk. auto_vacuum is off: freed pages are zeroed and used again, and vacuuming would only move
 * live envelopes about.
 */

import { chmodSync, closeSync, existsSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { equalBytes } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { keepAlive } from "./keep-alive.ts";
import type { KeyedIds } from "./keyed-ids.ts";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";
import { withStoreErrors } from "./sqlite-errors.ts";

const CACHE_KIB = 64 * 1024;
/** Pages of WAL at which a commit copies them into the main file: 16 MiB. */
const CHECKPOINT_PAGES = 4096;

export interface OpenOptions {
  readonly file: string;
  readonly ids: KeyedIds;
  /** How long to wait for another process that is closing the file. */
  readonly busyMs: number;
}

/** @throws TumarError STORE_IN_USE, STORE_CORRUPT, STORE_TOO_NEW, STORE_KEY_WRONG, STORAGE_FULL */
export function openDatabase({ file, ids, busyMs }: OpenOptions): Database.Database {
  const isNew = !existsSync(file);
  const database = withStoreErrors(() => openKept(file, busyMs));
  try {
    withStoreErrors(() => {
      configure(database);
      if (isNew) makePrivate(file);
      migrate(database, ids);
      checkKey(database, ids);
    });
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Everything prepared on it is kept, too; settings go through exec, which makes no object. */
function openKept(file: string, busyMs: number): Database.Database {
  const database = keepAlive(new Database(file, { timeout: busyMs }));
  const prepare = database.prepare.bind(database);
  database.prepare = ((sql: string) => keepAlive(prepare(sql))) as typeof database.prepare;
  return database;
}

function configure(database: Database.Database): void {
  database.exec("pragma locking_mode = EXCLUSIVE");
  checkFile(database);
  database.exec("pragma journal_mode = WAL");
  database.exec("pragma synchronous = FULL");
  database.exec("pragma secure_delete = ON");
  database.exec("pragma temp_store = MEMORY");
  database.exec("pragma trusted_schema = OFF");
  database.exec(`pragma cache_size = -${CACHE_KIB}`);
  database.exec(`pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
}

function checkFile(database: Database.Database): void {
  const version = numberPragma(database, "user_version");
  const isEmpty = numberPragma(database, "schema_version") === 0;
  if (!isEmpty && numberPragma(database, "application_id") !== APPLICATION_ID) {
    throw new TumarError("STORE_CORRUPT", "relay.sqlite was not made by a relay");
  }
  if (version > MIGRATIONS.length) {
    throw new TumarError("STORE_TOO_NEW", "relay.sqlite has a newer schema", {
      details: { found: version, known: MIGRATIONS.length },
    });
  }
}

function numberPragma(database: Database.Database, name: string): number {
  return Number(database.prepare(`pragma ${name}`).pluck().get());
}

/** Owner only; the WAL inherits the mode. The directory entry is made durable too. */
function makePrivate(file: string): void {
  chmodSync(file, 0o600);
  const directory = openSync(dirname(file), "r");
  fsyncSync(directory);
  closeSync(directory);
}

function migrate(database: Database.Database, ids: KeyedIds): void {
  const version = numberPragma(database, "user_version");
  if (version === MIGRATIONS.length) return;
  database.transaction(() => {
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    if (version === 0) {
      database.exec(`pragma application_id = ${APPLICATION_ID}`);
      database.prepare("insert into meta (id, key_check) values (1, ?)").run(ids.check());
    }
    database.exec(`pragma user_version = ${MIGRATIONS.length}`);
  })();
}

function checkKey(database: Database.Database, ids: KeyedIds): void {
  const row = database.prepare<[], { key_check: Uint8Array }>("select key_check from meta").get();
  if (row === undefined) throw new TumarError("STORE_CORRUPT", "relay.sqlite has no key check");
  if (!equalBytes(row.key_check, ids.check())) {
    throw new TumarError("STORE_KEY_WRONG", "store.key does not belong to relay.sqlite");
  }
}
