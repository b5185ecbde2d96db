/** SQLite's result codes as errors of ours. */

import Database from "better-sqlite3";
import { TumarError } from "../../../shared/crypto/errors.ts";

/** A full disk, a quota, or a failed write or fsync: the transaction is rolled back, try later. */
export function isStorageFull(error: unknown): boolean {
  return (
    error instanceof Database.SqliteError &&
    (error.code === "SQLITE_FULL" || error.code.startsWith("SQLITE_IOERR"))
  );
}

/** The error as one of ours where it has a meaning to the operator; else the error itself. */
export function toStoreError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  if (isStorageFull(error)) {
    return new TumarError("STORAGE_FULL", "the store cannot write", { cause: error });
  }
  if (error.code.startsWith("SQLITE_CORRUPT") || error.code === "SQLITE_NOTADB") {
    return new TumarError("STORE_CORRUPT", "relay.sqlite is damaged", { cause: error });
  }
  if (error.code.startsWith("SQLITE_BUSY")) {
    return new TumarError("STORE_IN_USE", "relay.sqlite is locked", { cause: error });
  }
  return error;
}

/** Runs `work` and throws what `toStoreError` makes of its errors. */
export function withStoreErrors<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw toStoreError(error);
  }
}
