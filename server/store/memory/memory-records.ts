/**
 * Records, their writers and one-time pairs of the memory engine, written for plainness: it is the
 * model that the embedded engine is compared with.
 */

import { compareBytes, equalBytes } from "../../../shared/crypto/bytes.ts";
import type { StoreLimits } from "../limits.ts";
import { DONE, done, mapKey, refused } from "../rules.ts";
import type {
  PrekeyPair,
  PublishPrekeys,
  PutRecord,
  RecordPart,
  Result,
  SetWriters,
  TakenPair,
  TakePrekeys,
} from "../store.ts";

interface Pair extends PrekeyPair {
  /** Who took it, and when; a pair whose token was forgotten stays taken. */
  taken: { readonly token: string | undefined; readonly day: number } | undefined;
}

interface Writer {
  readonly key: Uint8Array;
  version: number;
  part: Uint8Array;
  readonly pairs: Map<number, Pair>;
}

interface MemoryRecord {
  readonly owner: string;
  writers: Map<string, Writer>;
  listVersion: number;
  writtenDay: number;
  takesDay: number;
  takes: number;
}

export class MemoryRecords {
  readonly #limits: StoreLimits;
  readonly #records = new Map<string, MemoryRecord>();

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  put(operation: PutRecord): Result<undefined> {
    if (operation.part.length > this.#limits.recordPartBytes) return refused("LIMIT_REACHED");
    const known = this.#records.get(mapKey(operation.recordId));
    if (known === undefined) return this.#create(operation);
    const writer = known.writers.get(mapKey(operation.writer));
    if (writer === undefined || !isOwner(known, operation.owner)) return refused("REFUSED");
    if (operation.version <= writer.version) {
      const same = operation.version === writer.version && equalBytes(operation.part, writer.part);
      return same ? DONE : refused("STALE_VERSION");
    }
    writer.version = operation.version;
    writer.part = operation.part.slice();
    known.writtenDay = Math.max(known.writtenDay, operation.day);
    return DONE;
  }

  setWriters(operation: SetWriters): Result<undefined> {
    if (operation.writers.length > this.#limits.recordWriters) return refused("LIMIT_REACHED");
    const known = this.#records.get(mapKey(operation.recordId));
    if (known === undefined || !isOwner(known, operation.owner)) return refused("REFUSED");
    if (operation.version < known.listVersion) return refused("STALE_VERSION");
    const listed = new Map(operation.writers.map((key) => [mapKey(key), key]));
    if (operation.version === known.listVersion) {
      const same =
        listed.size === known.writers.size && [...listed.keys()].every((k) => known.writers.has(k));
      return same ? DONE : refused("STALE_VERSION");
    }
    known.listVersion = operation.version;
    known.writers = new Map(
      [...listed].map(([key, bytes]) => [key, known.writers.get(key) ?? newWriter(bytes)]),
    );
    return DONE;
  }

  publish(operation: PublishPrekeys): Result<number> {
    const known = this.#records.get(mapKey(operation.recordId));
    const writer = known?.writers.get(mapKey(operation.writer));
    if (known === undefined || writer === undefined) return refused("REFUSED");
    const fresh = new Map<number, PrekeyPair>();
    for (const pair of operation.pairs) {
      if (!writer.pairs.has(pair.pairId) && !fresh.has(pair.pairId)) fresh.set(pair.pairId, pair);
    }
    const left = freePairs(writer, operation.day).length;
    if (this.#isTooMuch(operation, left + fresh.size)) return refused("LIMIT_REACHED");
    for (const [id, pair] of fresh) {
      writer.pairs.set(id, { ...pair, sealed: pair.sealed.slice(), taken: undefined });
    }
    known.writtenDay = Math.max(known.writtenDay, operation.day);
    return done(freePairs(writer, operation.day).length);
  }

  take({ recordId, token, day }: TakePrekeys): Result<readonly TakenPair[]> {
    const known = this.#records.get(mapKey(recordId));
    if (known === undefined) return refused("REFUSED");
    const before = pairsTakenWith(known, mapKey(token));
    if (before.length > 0) return done(before);
    const takes = known.takesDay === day ? known.takes : 0;
    if (takes >= this.#limits.prekeyTakesPerDay) return refused("QUOTA");
    known.takesDay = day;
    known.takes = takes + 1;
    for (const writer of known.writers.values()) {
      const [pair] = freePairs(writer, day);
      if (pair !== undefined) pair.taken = { token: mapKey(token), day };
    }
    return done(pairsTakenWith(known, mapKey(token)));
  }

  record(recordId: Uint8Array): readonly RecordPart[] | undefined {
    const known = this.#records.get(mapKey(recordId));
    return known && sortedWriters(known).filter(hasPart).map(toPart);
  }

  counts(): { records: number; prekeys: number } {
    let prekeys = 0;
    for (const { writers } of this.#records.values()) {
      for (const { pairs } of writers.values()) prekeys += pairs.size;
    }
    return { records: this.#records.size, prekeys };
  }

  sweep(day: number): { records: number; prekeys: number } {
    const removed = { records: 0, prekeys: 0 };
    for (const [id, known] of this.#records) {
      for (const { pairs } of known.writers.values()) removed.prekeys += sweepPairs(pairs, day);
      if (known.writtenDay + this.#limits.recordDays >= day) continue;
      this.#records.delete(id);
      removed.records++;
    }
    return removed;
  }

  #create(operation: PutRecord): Result<undefined> {
    if (operation.owner.length === 0) return refused("REFUSED");
    const owner = mapKey(operation.owner);
    for (const other of this.#records.values()) {
      if (other.owner === owner) return refused("NAME_TAKEN");
    }
    const writer = newWriter(operation.writer);
    writer.version = operation.version;
    writer.part = operation.part.slice();
    this.#records.set(mapKey(operation.recordId), {
      owner,
      writers: new Map([[mapKey(operation.writer), writer]]),
      listVersion: 0,
      writtenDay: operation.day,
      takesDay: 0,
      takes: 0,
    });
    return DONE;
  }

  #isTooMuch({ pairs }: PublishPrekeys, left: number): boolean {
    return (
      pairs.length > this.#limits.prekeysPerPublish ||
      left > this.#limits.prekeyPairs ||
      pairs.some(({ sealed }) => sealed.length > this.#limits.prekeyBytes)
    );
  }
}

function isOwner(known: MemoryRecord, owner: Uint8Array): boolean {
  return owner.length === 0 || known.owner === mapKey(owner);
}

function newWriter(key: Uint8Array): Writer {
  return { key: key.slice(), version: 0, part: new Uint8Array(0), pairs: new Map() };
}

function hasPart(writer: Writer): boolean {
  return writer.version > 0;
}

function toPart({ key, version, part }: Writer): RecordPart {
  return { writer: key, version, part };
}

function sortedWriters(known: MemoryRecord): Writer[] {
  return [...known.writers.values()].sort((a, b) => compareBytes(a.key, b.key));
}

/** In the order of publication. */
function freePairs(writer: Writer, day: number): Pair[] {
  return [...writer.pairs.values()].filter(
    ({ taken, notAfter }) => taken === undefined && notAfter >= day,
  );
}

function pairsTakenWith(known: MemoryRecord, token: string): TakenPair[] {
  return sortedWriters(known).flatMap(({ key, pairs }) =>
    [...pairs.values()]
      .filter(({ taken }) => taken?.token === token)
      .map(({ pairId, notAfter, sealed }) => ({ writer: key, pairId, notAfter, sealed })),
  );
}

/** Forgets tokens from before yesterday and pairs past their day; counts the latter. */
function sweepPairs(pairs: Map<number, Pair>, day: number): number {
  let removed = 0;
  for (const [id, pair] of pairs) {
    if (pair.notAfter < day && pairs.delete(id)) removed++;
    else if (pair.taken !== undefined && pair.taken.day + 1 < day) {
      pair.taken = { token: undefined, day: pair.taken.day };
    }
  }
  return removed;
}
