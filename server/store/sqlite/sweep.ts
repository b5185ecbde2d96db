/**
 * The sweep of the embedded engine: removes what has expired, a slice per transaction, so that no
 * commit waits longer than a slice takes; then empties the WAL, which holds deleted bytes until
 * then.
 */

import type { Database, Statement } from "better-sqlite3";
import type { StoreLimits } from "../limits.ts";
import type { SweepReport } from "../store.ts";
import type { Envelopes } from "./envelopes.ts";
import { KINDS, type Mailboxes } from "./mailboxes.ts";
import type { Records } from "./records.ts";

const SLICE_ROWS = 500;
/** A mailbox may hold 2,000 envelopes: few at once. */
const SLICE_OWNERS = 4;

interface IdRow {
  readonly id: number;
}

interface TombstoneRow {
  readonly key: Uint8Array;
  readonly day: number;
}

export interface SweptTables {
  readonly mailboxes: Mailboxes;
  readonly envelopes: Envelopes;
  readonly records: Records;
}

/** One slice: returns the rows removed and whether there may be more. */
type Slice = () => { readonly removed: number; readonly more: boolean };

export class Sweeper {
  readonly #database: Database;
  readonly #afterSlice: () => void;
  readonly #limits: StoreLimits;
  readonly #mailboxes: Mailboxes;
  readonly #envelopes: Envelopes;
  readonly #records: Records;
  readonly #expireEnvelopes: Statement<[number, number]>;
  readonly #expirePairs: Statement<[number, number]>;
  readonly #emptyTaken: Statement<[number, number]>;
  readonly #forgetBlobUse: Statement<[number, number]>;
  readonly #selectTombstones: Statement<[Uint8Array, number], TombstoneRow>;
  readonly #deleteTombstone: Statement<[Uint8Array]>;
  readonly #selectMailboxes: Statement<[number, number, number], IdRow>;
  readonly #selectRecords: Statement<[number, number], IdRow>;
  /** Tombstones have no index by day: all are looked at when the day is another than before (or
   * one was made for a day that is over: the clock was set back). */
  #tombstonesSweptDay = -1;

  /** `afterSlice` drops what is remembered of rows that may be gone. */
  constructor(
    database: Database,
    limits: StoreLimits,
    { mailboxes, envelopes, records }: SweptTables,
    afterSlice: () => void,
  ) {
    this.#database = database;
    this.#afterSlice = afterSlice;
    this.#limits = limits;
    this.#mailboxes = mailboxes;
    this.#envelopes = envelopes;
    this.#records = records;
    this.#expireEnvelopes = database.prepare(
      `delete from envelope where id in (
         select id from envelope indexed by envelope_expiry where expiry_day < ? limit ?)`,
    );
    this.#expirePairs = database.prepare(
      "delete from pair where id in (select id from pair where not_after < ? limit ?)",
    );
    this.#emptyTaken = database.prepare(
      `update pair set token = null, sealed = x'' where id in (
         select id from pair where token is not null and taken_day < ? limit ?)`,
    );
    this.#forgetBlobUse = database.prepare(
      `update deposit_grant set blob_day = 0, blob_bytes = 0 where id in (
         select id from deposit_grant indexed by deposit_grant_blobs
         where blob_day > 0 and blob_day < ? limit ?)`,
    );
    this.#selectTombstones = database.prepare(
      "select key, day from tombstone where key > ? order by key limit ?",
    );
    this.#deleteTombstone = database.prepare("delete from tombstone where key = ?");
    this.#selectMailboxes = database.prepare(
      "select id from mailbox where kind = ? and used_day < ? limit ?",
    );
    this.#selectRecords = database.prepare("select id from record where written_day < ? limit ?");
  }

  async sweep(day: number): Promise<SweepReport> {
    const envelopes = await this.#all(() => deleted(this.#expireEnvelopes, day));
    const prekeys = await this.#all(() => deleted(this.#expirePairs, day));
    await this.#all(() => deleted(this.#emptyTaken, day - 1));
    await this.#all(() => deleted(this.#forgetBlobUse, day));
    const tombstones = await this.#sweepTombstones(day);
    let mailboxes = 0;
    for (const kind of KINDS.keys()) mailboxes += await this.#all(() => this.#unused(kind, day));
    const records = await this.#all(() => this.#unwritten(day));
    this.#database.exec("pragma wal_checkpoint(TRUNCATE)");
    return { mailboxes, envelopes, tombstones, records, prekeys };
  }

  async #all(slice: Slice): Promise<number> {
    const inTransaction = this.#database.transaction(slice);
    let total = 0;
    for (;;) {
      const { removed, more } = inTransaction();
      if (removed > 0) this.#afterSlice();
      total += removed;
      if (!more) return total;
      await letCommitsRun();
    }
  }

  async #sweepTombstones(day: number): Promise<number> {
    if (day === this.#tombstonesSweptDay && this.#envelopes.earliestTombstone >= day) return 0;
    this.#envelopes.earliestTombstone = Number.POSITIVE_INFINITY;
    let after: Uint8Array = new Uint8Array(0);
    const total = await this.#all(() => {
      const rows = this.#selectTombstones.all(after, SLICE_ROWS);
      const old = rows.filter((row) => row.day < day);
      for (const { key } of old) this.#deleteTombstone.run(key);
      after = rows.at(-1)?.key ?? after;
      return { removed: old.length, more: rows.length === SLICE_ROWS };
    });
    this.#tombstonesSweptDay = day;
    return total;
  }

  #unused(kind: number, day: number): ReturnType<Slice> {
    const life = this.#limits.mailboxDays[KINDS[kind] ?? "device"];
    const rows = this.#selectMailboxes.all(kind, day - life, SLICE_OWNERS);
    for (const { id } of rows) this.#mailboxes.deleteById(id);
    return { removed: rows.length, more: rows.length === SLICE_OWNERS };
  }

  #unwritten(day: number): ReturnType<Slice> {
    const rows = this.#selectRecords.all(day - this.#limits.recordDays, SLICE_OWNERS);
    for (const { id } of rows) this.#records.deleteById(id);
    return { removed: rows.length, more: rows.length === SLICE_OWNERS };
  }
}

function deleted(statement: Statement<[number, number]>, day: number): ReturnType<Slice> {
  const removed = statement.run(day, SLICE_ROWS).changes;
  return { removed, more: removed === SLICE_ROWS };
}

function letCommitsRun(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
