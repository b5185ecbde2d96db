/**
 * A lock between processes that no crash leaves behind: the operating system's own file lock,
 * taken through SQLite on an empty file beside the vault (Node has no call for it).
 *
 * The kernel drops the lock when the process dies, so nothing here judges whether a holder is
 * alive. SQLite writes nothing: the file stays empty.
 */

import { closeSync, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { storageFault } from "../storage.ts";
import { Turns } from "../turns.ts";

/**
 * Closed ones stay here: from Node 24.21 on an addon compiled on the spot aborts the process when
 * its objects are collected outside any script (docs/adr/0010-node-24.md).
 */
const kept = new Set<Database.Database>();

const MIN_POLL_MS = 1;
const MAX_POLL_MS = 10;

export class FileLock {
  readonly #path: string;
  readonly #turns = new Turns();
  #database: Database.Database | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves to the release. @throws TumarError VAULT_BUSY after `waitMs`, VAULT_STORAGE */
  async take(waitMs: number): Promise<() => void> {
    const deadline = performance.now() + waitMs;
    const endTurn = await this.#turns.take(waitMs);
    try {
      await this.#poll(deadline);
    } catch (error) {
      endTurn();
      throw error;
    }
    return () => {
      this.#database?.exec("ROLLBACK");
      endTurn();
    };
  }

  /** Waits for the holder, then lets go of the file; the next `take` opens it again. */
  async close(): Promise<void> {
    const endTurn = await this.#turns.take(Number.POSITIVE_INFINITY);
    this.#database?.close();
    this.#database = undefined;
    endTurn();
  }

  async #poll(deadline: number): Promise<void> {
    for (let pollMs = MIN_POLL_MS; !this.#tryTake(); pollMs = Math.min(2 * pollMs, MAX_POLL_MS)) {
      if (performance.now() >= deadline) {
        throw new TumarError("VAULT_BUSY", "another process keeps the vault locked");
      }
      await delay(pollMs);
    }
  }

  #tryTake(): boolean {
    try {
      this.#database ??= openEmpty(this.#path);
      this.#database.exec("BEGIN EXCLUSIVE");
      return true;
    } catch (error) {
      if (error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY")) {
        return false;
      }
      throw storageFault("lock", error);
    }
  }
}

function openEmpty(path: string): Database.Database {
  createEmpty(path);
  const database = new Database(path, { timeout: 0, fileMustExist: true });
  kept.add(database);
  return database;
}

/**
 * Only a file just made is opened and closed here: closing any other descriptor of a locked file
 * would drop a lock this process holds (POSIX).
 */
function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
