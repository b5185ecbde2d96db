/**
 * One-time pairs in the embedded engine. Runs inside the transaction of a commit.
 *
 * A taken pair keeps its row until its last day: first with the token, so that a lost answer can
 * be asked for again; then emptied, so that a late retry of the publication cannot bring it back.
 */

import type { Database, Statement } from "better-sqlite3";
import { compareBytes } from "../../../shared/crypto/bytes.ts";
import type { StoreLimits } from "../limits.ts";
import { done, refused } from "../rules.ts";
import type { PrekeyPair, PublishPrekeys, Result, TakenPair, TakePrekeys } from "../store.ts";
import type { KeyedIds } from "./keyed-ids.ts";
import type { Records } from "./records.ts";

interface PairRow {
  readonly pair_id: number;
  readonly not_after: number;
  readonly sealed: Uint8Array;
}

export class Prekeys {
  readonly #limits: StoreLimits;
  readonly #ids: KeyedIds;
  readonly #records: Records;
  readonly #countFree: Statement<[number, number], { readonly n: number }>;
  readonly #exists: Statement<[number, number], { readonly id: number }>;
  readonly #insert: Statement<[number, number, number, Uint8Array]>;
  readonly #selectTaken: Statement<[number, Uint8Array], PairRow>;
  readonly #takeOne: Statement<[number, Uint8Array, number, number], PairRow>;
  readonly #setTakes: Statement<[number, number, number]>;

  constructor(database: Database, limits: StoreLimits, ids: KeyedIds, records: Records) {
    this.#limits = limits;
    this.#ids = ids;
    this.#records = records;
    this.#countFree = database.prepare(
      `select count(*) as n from pair
       where writer = ? and taken_day is null and not_after >= ?`,
    );
    this.#exists = database.prepare("select id from pair where writer = ? and pair_id = ?");
    this.#insert = database.prepare(
      "insert into pair (writer, pair_id, not_after, sealed) values (?, ?, ?, ?)",
    );
    this.#selectTaken = database.prepare(
      "select pair_id, not_after, sealed from pair where writer = ? and token = ?",
    );
    this.#takeOne = database.prepare(
      `update pair set taken_day = ?, token = ? where id = (
         select min(id) from pair where writer = ? and taken_day is null and not_after >= ?
       ) returning pair_id, not_after, sealed`,
    );
    this.#setTakes = database.prepare("update record set takes_day = ?, takes = ? where id = ?");
  }

  publish(operation: PublishPrekeys): Result<number> {
    const { recordId, day } = operation;
    const record = this.#records.find(recordId);
    const writer = record && this.#records.findWriter(record, recordId, operation.writer);
    if (record === undefined || writer === undefined) return refused("REFUSED");
    const fresh = new Map<number, PrekeyPair>();
    for (const pair of operation.pairs) {
      const isKnown = this.#exists.get(writer.id, pair.pairId) !== undefined;
      if (!isKnown && !fresh.has(pair.pairId)) fresh.set(pair.pairId, pair);
    }
    const left = this.#left(writer.id, day);
    if (this.#isTooMuch(operation, left + fresh.size)) return refused("LIMIT_REACHED");
    for (const { pairId, notAfter, sealed } of fresh.values()) {
      this.#insert.run(writer.id, pairId, notAfter, sealed);
    }
    this.#records.touch(record, day);
    return done(this.#left(writer.id, day));
  }

  take({ recordId, token, day }: TakePrekeys): Result<readonly TakenPair[]> {
    const record = this.#records.find(recordId);
    if (record === undefined) return refused("REFUSED");
    const key = this.#ids.token(recordId, token);
    const before = this.#each(recordId, record.id, (writer) => this.#selectTaken.get(writer, key));
    if (before.length > 0) return done(before);
    const takes = record.takes_day === day ? record.takes : 0;
    if (takes >= this.#limits.prekeyTakesPerDay) return refused("QUOTA");
    this.#setTakes.run(day, takes + 1, record.id);
    return done(
      this.#each(recordId, record.id, (writer) => this.#takeOne.get(day, key, writer, day)),
    );
  }

  /** What `pick` finds for each writer, sorted by writer. */
  #each(
    recordId: Uint8Array,
    record: number,
    pick: (writer: number) => PairRow | undefined,
  ): TakenPair[] {
    return this.#records
      .writersOf(record)
      .flatMap((row) => {
        const pair = pick(row.id);
        return pair ? [toTaken(this.#records.unmask(recordId, row), pair)] : [];
      })
      .sort((a, b) => compareBytes(a.writer, b.writer));
  }

  #left(writer: number, day: number): number {
    return this.#countFree.get(writer, day)?.n ?? 0;
  }

  #isTooMuch({ pairs }: PublishPrekeys, left: number): boolean {
    return (
      pairs.length > this.#limits.prekeysPerPublish ||
      left > this.#limits.prekeyPairs ||
      pairs.some(({ sealed }) => sealed.length > this.#limits.prekeyBytes)
    );
  }
}

function toTaken(writer: Uint8Array, { pair_id, not_after, sealed }: PairRow): TakenPair {
  return {
    writer,
    pairId: pair_id,
    notAfter: not_after,
    sealed: new Uint8Array(sealed.buffer, sealed.byteOffset, sealed.length),
  };
}
