/**
 * What the embedded engine knows of blobs: length, claim, end and days. Runs inside the transaction
 * of a commit. The bytes are in files of server/blobs; a blob is as long as its row says.
 *
 * Nothing leads from a blob to a grant. What a grant has used today is exact in memory; its row has
 * it rounded up to whole steps, so that it is no sum of the lengths of certain blobs, and is written
 * once in a while.
 */

import type { Database, Statement } from "better-sqlite3";
import type { ErrorCode } from "../../../shared/crypto/errors.ts";
import type { StoreLimits } from "../limits.ts";
import {
  blobQuotaRefusal,
  blobRoom,
  createRefusal,
  DONE,
  dayOf,
  done,
  growRefusal,
  LEAST_BLOB_BYTES,
  lastBlobDay,
  refused,
} from "../rules.ts";
import type {
  CreateBlob,
  DropBlob,
  GrowBlob,
  PinBlob,
  Result,
  StoredBlob,
  UnpinBlob,
} from "../store.ts";
import type { KeyedIds } from "./keyed-ids.ts";
import type { GrantState } from "./mailbox-cache.ts";
import type { Mailboxes } from "./mailboxes.ts";

interface BlobRow {
  readonly id: number;
  readonly key: Uint8Array;
  readonly size: number;
  readonly claimed: number;
  readonly complete: number;
  readonly grown_hour: number;
}

interface KeyRow {
  readonly key: Uint8Array;
}

const COLUMNS = "id, key, size, claimed, complete, grown_hour";
const IS_EXPIRED =
  "expiry_day < ? and not exists (select 1 from blob_pin where blob_pin.blob = blob.id and day >= ?)";
/** In which the use of a grant is written. */
const USE_STEP_BYTES = 1024 * 1024;
/** Grants whose exact use is known; of those forgotten the row's is taken. */
const MAX_METERS = 65_536;

export class Blobs {
  readonly #limits: StoreLimits;
  readonly #ids: KeyedIds;
  readonly #mailboxes: Mailboxes;
  readonly #select: Statement<[Uint8Array], BlobRow>;
  readonly #sum: Statement<[], { readonly total: number }>;
  readonly #insert: Statement<[Uint8Array, number, number, number]>;
  readonly #update: Statement<[number, number, number, number]>;
  readonly #setUse: Statement<[number, number, number]>;
  readonly #putPin: Statement<[number, Uint8Array, number]>;
  readonly #deletePin: Statement<[number, Uint8Array]>;
  readonly #deletePins: Statement<[number]>;
  readonly #selectExpired: Statement<[number, number, number], KeyRow>;
  readonly #dropExpired: Statement<
    [number, number, Uint8Array],
    { readonly id: number; size: number }
  >;
  /** Exact use of the day by grant, if the row agrees: a row's number may be that of a grant that is gone. */
  readonly #used = new Map<number, number>();
  #usedDay = 0;
  /** What all blobs count together; undefined after a rollback. */
  #total: number | undefined;

  constructor(database: Database, limits: StoreLimits, ids: KeyedIds, mailboxes: Mailboxes) {
    this.#limits = limits;
    this.#ids = ids;
    this.#mailboxes = mailboxes;
    this.#select = database.prepare(`select ${COLUMNS} from blob where key = ?`);
    this.#sum = database.prepare(
      `select coalesce(sum(max(size, ${LEAST_BLOB_BYTES})), 0) as total from blob`,
    );
    this.#insert = database.prepare(
      `insert into blob (key, size, claimed, complete, grown_hour, expiry_day)
       values (?, 0, ?, 0, ?, ?)`,
    );
    this.#update = database.prepare(
      "update blob set size = ?, complete = ?, grown_hour = ? where id = ?",
    );
    this.#setUse = database.prepare(
      "update deposit_grant set blob_day = ?, blob_bytes = ? where id = ?",
    );
    this.#putPin = database.prepare(
      `insert into blob_pin (blob, key, day) values (?, ?, ?)
       on conflict (blob, key) do update set day = excluded.day`,
    );
    this.#deletePin = database.prepare("delete from blob_pin where blob = ? and key = ?");
    this.#deletePins = database.prepare("delete from blob_pin where blob = ?");
    this.#selectExpired = database.prepare(`select key from blob where ${IS_EXPIRED} limit ?`);
    this.#dropExpired = database.prepare(
      `delete from blob where ${IS_EXPIRED} and key = ? returning id, size`,
    );
  }

  /** After a rollback: what is remembered may be too much. */
  forget(): void {
    this.#total = undefined;
    this.#used.clear();
  }

  create(operation: CreateBlob): Result<StoredBlob> {
    const { depositHash, blobId, claimedBytes, hour } = operation;
    const grant = this.#mailboxes.findGrant(depositHash);
    const key = this.#ids.blob(blobId);
    const known = this.#select.get(key);
    if (grant === undefined) return refused("REFUSED");
    const day = dayOf(hour);
    if (operation.expiryDay < day) return refused("EXPIRED");
    if (operation.isPuzzleOwed && grant.card) return refused("PUZZLE_REQUIRED");
    if (known !== undefined) return done(toBlob(known));
    const refusal =
      createRefusal(this.#limits, claimedBytes) ??
      this.#quotaRefusal(grant, day, blobRoom(claimedBytes));
    if (refusal !== undefined) return refused(refusal);
    this.#charge(grant, day, blobRoom(0));
    const expiryDay = lastBlobDay(this.#limits, grant.mailbox.kind, operation);
    this.#insert.run(key, claimedBytes, hour, expiryDay);
    const name = nameOf(key);
    return done({ name, storedBytes: 0, claimedBytes, isComplete: false, grownHour: hour });
  }

  grow(operation: GrowBlob): Result<StoredBlob> {
    const { from, to, isLast, hour } = operation;
    const growth = this.#growth(operation);
    if (typeof growth === "string") return refused(growth);
    const { grant, row } = growth;
    const blob = toBlob(row);
    if (to === from && !isLast) return done(blob);
    this.#charge(grant, dayOf(hour), blobRoom(to) - blobRoom(from));
    this.#update.run(to, isLast ? 1 : 0, hour, row.id);
    return done({ ...blob, storedBytes: to, isComplete: isLast, grownHour: hour });
  }

  growthRefusal(operation: GrowBlob): ErrorCode | undefined {
    const growth = this.#growth(operation);
    return typeof growth === "string" ? growth : undefined;
  }

  pin({ blobId, pin, untilDay }: PinBlob): Result<undefined> {
    const row = this.#select.get(this.#ids.blob(blobId));
    if (row === undefined) return refused("REFUSED");
    this.#putPin.run(row.id, this.#ids.pin(blobId, pin), untilDay);
    return DONE;
  }

  unpin({ blobId, pin }: UnpinBlob): Result<undefined> {
    const row = this.#select.get(this.#ids.blob(blobId));
    if (row !== undefined) this.#deletePin.run(row.id, this.#ids.pin(blobId, pin));
    return DONE;
  }

  drop({ name, day }: DropBlob): Result<boolean> {
    const row = this.#dropExpired.get(day, day, keyOf(name));
    if (row === undefined) return done(false);
    this.#deletePins.run(row.id);
    if (this.#total !== undefined) this.#total -= blobRoom(row.size);
    return done(true);
  }

  blob(blobId: Uint8Array): StoredBlob | undefined {
    const row = this.#select.get(this.#ids.blob(blobId));
    return row && toBlob(row);
  }

  expired(day: number, limit: number): string[] {
    return this.#selectExpired.all(day, day, limit).map(({ key }) => nameOf(key));
  }

  known(names: readonly string[]): ReadonlySet<string> {
    return new Set(names.filter((name) => this.#select.get(keyOf(name)) !== undefined));
  }

  /** Who pays and what grows, or why not. */
  #growth(operation: GrowBlob): { readonly grant: GrantState; readonly row: BlobRow } | ErrorCode {
    const { depositHash, blobId, from, to, hour } = operation;
    const grant = this.#mailboxes.findGrant(depositHash);
    const row = this.#select.get(this.#ids.blob(blobId));
    if (grant === undefined || row === undefined) return "REFUSED";
    const refusal =
      growRefusal(this.#limits, toBlob(row), operation) ??
      this.#quotaRefusal(grant, dayOf(hour), blobRoom(to) - blobRoom(from));
    return refusal ?? { grant, row };
  }

  #quotaRefusal(grant: GrantState, day: number, added: number): ErrorCode | undefined {
    this.#total ??= this.#sum.get()?.total ?? 0;
    const usedToday = this.#usedToday(grant, day);
    return blobQuotaRefusal(this.#limits, {
      usedToday,
      card: grant.card,
      total: this.#total,
      added,
    });
  }

  #usedToday(grant: GrantState, day: number): number {
    if (this.#usedDay !== day || this.#used.size > MAX_METERS) this.#used.clear();
    this.#usedDay = day;
    if (grant.blobDay !== day) return 0;
    const exact = this.#used.get(grant.id);
    return exact !== undefined && inSteps(exact) === grant.blobBytes ? exact : grant.blobBytes;
  }

  /** After `#quotaRefusal`. */
  #charge(grant: GrantState, day: number, added: number): void {
    const used = this.#usedToday(grant, day) + added;
    this.#used.set(grant.id, used);
    this.#total = (this.#total ?? 0) + added;
    const written = inSteps(used);
    if (grant.blobDay === day && grant.blobBytes === written) return;
    grant.blobDay = day;
    grant.blobBytes = written;
    this.#setUse.run(day, written, grant.id);
  }
}

/** What the row of a grant says of such a use. */
function inSteps(used: number): number {
  return Math.ceil(used / USE_STEP_BYTES) * USE_STEP_BYTES;
}

function toBlob({ key, size, claimed, complete, grown_hour }: BlobRow): StoredBlob {
  return {
    name: nameOf(key),
    storedBytes: size,
    claimedBytes: claimed,
    isComplete: complete === 1,
    grownHour: grown_hour,
  };
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("hex");
}

function keyOf(name: string): Uint8Array {
  return Buffer.from(name, "hex");
}
