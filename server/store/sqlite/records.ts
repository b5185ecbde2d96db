/** Records and their writers in the embedded engine. Runs inside the transaction of a commit. */

import type { Database, Statement } from "better-sqlite3";
import { compareBytes, equalBytes } from "../../../shared/crypto/bytes.ts";
import type { StoreLimits } from "../limits.ts";
import { DONE, mapKey, refused } from "../rules.ts";
import type { PutRecord, RecordPart, Result, SetWriters } from "../store.ts";
import type { KeyedIds } from "./keyed-ids.ts";

export interface RecordRow {
  readonly id: number;
  readonly owner: Uint8Array;
  readonly list_version: number;
  readonly takes_day: number;
  readonly takes: number;
}

export interface WriterRow {
  readonly id: number;
  readonly key: Uint8Array;
  readonly masked: Uint8Array;
  readonly version: number;
  readonly part: Uint8Array;
}

export class Records {
  readonly #limits: StoreLimits;
  readonly #ids: KeyedIds;
  readonly #select: Statement<[Uint8Array], RecordRow>;
  readonly #selectByOwner: Statement<[Uint8Array], { readonly id: number }>;
  readonly #insert: Statement<[Uint8Array, Uint8Array, number]>;
  readonly #touch: Statement<[number, number]>;
  readonly #setList: Statement<[number, number]>;
  readonly #selectWriters: Statement<[number], WriterRow>;
  readonly #insertWriter: Statement<[number, Uint8Array, Uint8Array, number, Uint8Array]>;
  readonly #setPart: Statement<[number, Uint8Array, number]>;
  readonly #deletePairs: Statement<[number]>;
  readonly #deleteWriter: Statement<[number]>;
  readonly #delete: Statement<[number]>;

  constructor(database: Database, limits: StoreLimits, ids: KeyedIds) {
    this.#limits = limits;
    this.#ids = ids;
    this.#select = database.prepare(
      "select id, owner, list_version, takes_day, takes from record where key = ?",
    );
    this.#selectByOwner = database.prepare("select id from record where owner = ?");
    this.#insert = database.prepare(
      `insert into record (key, owner, list_version, written_day, takes_day, takes)
       values (?, ?, 0, ?, 0, 0)`,
    );
    this.#touch = database.prepare(
      "update record set written_day = max(written_day, ?) where id = ?",
    );
    this.#setList = database.prepare("update record set list_version = ? where id = ?");
    this.#selectWriters = database.prepare(
      "select id, key, masked, version, part from writer where record = ?",
    );
    this.#insertWriter = database.prepare(
      "insert into writer (record, key, masked, version, part) values (?, ?, ?, ?, ?)",
    );
    this.#setPart = database.prepare("update writer set version = ?, part = ? where id = ?");
    this.#deletePairs = database.prepare("delete from pair where writer = ?");
    this.#deleteWriter = database.prepare("delete from writer where id = ?");
    this.#delete = database.prepare("delete from record where id = ?");
  }

  find(recordId: Uint8Array): RecordRow | undefined {
    return this.#select.get(this.#ids.record(recordId));
  }

  findWriter(record: RecordRow, recordId: Uint8Array, writer: Uint8Array): WriterRow | undefined {
    const key = this.#ids.writer(recordId, writer);
    return this.writersOf(record.id).find((row) => equalBytes(row.key, key));
  }

  writersOf(record: number): WriterRow[] {
    return this.#selectWriters.all(record);
  }

  /** Public key of a writer; needs the id of the record. */
  unmask(recordId: Uint8Array, { key, masked }: WriterRow): Uint8Array {
    return this.#ids.maskWriter(recordId, key, masked);
  }

  touch(record: RecordRow, day: number): void {
    this.#touch.run(day, record.id);
  }

  put(operation: PutRecord): Result<undefined> {
    if (operation.part.length > this.#limits.recordPartBytes) return refused("LIMIT_REACHED");
    const record = this.find(operation.recordId);
    if (record === undefined) return this.#create(operation);
    const writer = this.findWriter(record, operation.recordId, operation.writer);
    if (writer === undefined || !this.#isOwner(record, operation.owner)) return refused("REFUSED");
    if (operation.version <= writer.version) {
      const same = operation.version === writer.version && equalBytes(operation.part, writer.part);
      return same ? DONE : refused("STALE_VERSION");
    }
    this.#setPart.run(operation.version, operation.part, writer.id);
    this.touch(record, operation.day);
    return DONE;
  }

  setWriters(operation: SetWriters): Result<undefined> {
    if (operation.writers.length > this.#limits.recordWriters) return refused("LIMIT_REACHED");
    const record = this.find(operation.recordId);
    if (record === undefined || !this.#isOwner(record, operation.owner)) return refused("REFUSED");
    if (operation.version < record.list_version) return refused("STALE_VERSION");
    const listed = this.#keyed(operation);
    const known = new Map(this.writersOf(record.id).map((row) => [mapKey(row.key), row]));
    if (operation.version === record.list_version) {
      const same = listed.size === known.size && [...listed.keys()].every((key) => known.has(key));
      return same ? DONE : refused("STALE_VERSION");
    }
    for (const [key, row] of known) if (!listed.has(key)) this.#removeWriter(row.id);
    for (const [key, writer] of listed) {
      if (!known.has(key)) this.#addWriter(record.id, operation.recordId, writer);
    }
    this.#setList.run(operation.version, record.id);
    return DONE;
  }

  record(recordId: Uint8Array): readonly RecordPart[] | undefined {
    const record = this.find(recordId);
    if (record === undefined) return undefined;
    return this.writersOf(record.id)
      .filter(({ version }) => version > 0)
      .map((row) => ({
        writer: this.unmask(recordId, row),
        version: row.version,
        part: new Uint8Array(row.part.buffer, row.part.byteOffset, row.part.length),
      }))
      .sort((a, b) => compareBytes(a.writer, b.writer));
  }

  deleteById(record: number): void {
    for (const { id } of this.writersOf(record)) this.#removeWriter(id);
    this.#delete.run(record);
  }

  #create(operation: PutRecord): Result<undefined> {
    if (operation.owner.length === 0) return refused("REFUSED");
    const owner = this.#ids.owner(operation.owner);
    if (this.#selectByOwner.get(owner) !== undefined) return refused("NAME_TAKEN");
    const { recordId, writer, version, part, day } = operation;
    const { lastInsertRowid } = this.#insert.run(this.#ids.record(recordId), owner, day);
    this.#addWriter(Number(lastInsertRowid), recordId, writer, version, part);
    return DONE;
  }

  #addWriter(
    record: number,
    recordId: Uint8Array,
    writer: Uint8Array,
    version = 0,
    part: Uint8Array = new Uint8Array(0),
  ): void {
    const key = this.#ids.writer(recordId, writer);
    const masked = this.#ids.maskWriter(recordId, key, writer);
    this.#insertWriter.run(record, key, masked, version, part);
  }

  #removeWriter(id: number): void {
    this.#deletePairs.run(id);
    this.#deleteWriter.run(id);
  }

  #isOwner(record: RecordRow, owner: Uint8Array): boolean {
    return owner.length === 0 || equalBytes(record.owner, this.#ids.owner(owner));
  }

  /** The list by stored key; a writer named twice counts once. */
  #keyed({ recordId, writers }: SetWriters): Map<string, Uint8Array> {
    return new Map(writers.map((writer) => [mapKey(this.#ids.writer(recordId, writer)), writer]));
  }
}
