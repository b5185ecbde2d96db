/** Mailboxes and grants of the embedded engine. Runs inside the transaction of a commit. */

import type { Database, Statement } from "better-sqlite3";
import type { StoreLimits } from "../limits.ts";
import { DONE, dayOf, depositsPerDay, mapKey, refused } from "../rules.ts";
import type {
  CreateMailbox,
  MailboxKind,
  PutGrant,
  Result,
  RevokeGrant,
  UseMailbox,
} from "../store.ts";
import type { KeyedIds } from "./keyed-ids.ts";
import type { GrantState, MailboxCache, MailboxState } from "./mailbox-cache.ts";

/** The numbers in the `kind` column. */
export const KINDS: readonly MailboxKind[] = ["device", "letterbox"];

interface MailboxRow {
  readonly id: number;
  readonly key: Uint8Array;
  readonly kind: number;
  readonly used_day: number;
}

interface GrantRow {
  readonly id: number;
  readonly mailbox: number;
  readonly tag: Uint8Array;
  readonly per_day: number;
  readonly card: number;
  readonly urgent: number;
  readonly day: number;
  readonly used: number;
  readonly blob_day: number;
  readonly blob_bytes: number;
}

interface HeldRow {
  readonly envelopes: number;
  readonly bytes: number;
}

export class Mailboxes {
  readonly #limits: StoreLimits;
  readonly #ids: KeyedIds;
  readonly #cache: MailboxCache;
  readonly #select: Statement<[Uint8Array], MailboxRow>;
  readonly #selectById: Statement<[number], MailboxRow>;
  readonly #selectHeld: Statement<[number], HeldRow>;
  readonly #insert: Statement<[Uint8Array, number, number]>;
  readonly #setUsed: Statement<[number, number]>;
  readonly #deletes: readonly Statement<[number]>[];
  readonly #selectGrant: Statement<[Uint8Array], GrantRow>;
  readonly #countGrants: Statement<[number], { readonly n: number }>;
  readonly #putGrant: Statement<[Uint8Array, number, Uint8Array, number, number, number]>;
  readonly #deleteGrant: Statement<[Uint8Array, number]>;

  constructor(database: Database, limits: StoreLimits, ids: KeyedIds, cache: MailboxCache) {
    this.#limits = limits;
    this.#ids = ids;
    this.#cache = cache;
    this.#select = database.prepare("select id, key, kind, used_day from mailbox where key = ?");
    this.#selectById = database.prepare("select id, key, kind, used_day from mailbox where id = ?");
    this.#selectHeld = database.prepare(
      `select count(*) as envelopes, coalesce(sum(size), 0) as bytes
       from envelope indexed by envelope_key where mailbox = ?`,
    );
    this.#insert = database.prepare("insert into mailbox (key, kind, used_day) values (?, ?, ?)");
    this.#setUsed = database.prepare("update mailbox set used_day = ? where id = ?");
    this.#deletes = [
      database.prepare("delete from envelope where mailbox = ?"),
      database.prepare("delete from deposit_grant where mailbox = ?"),
      database.prepare("delete from mailbox where id = ?"),
    ];
    this.#selectGrant = database.prepare(
      `select id, mailbox, tag, per_day, card, urgent, day, used, blob_day, blob_bytes
       from deposit_grant where key = ?`,
    );
    this.#countGrants = database.prepare(
      "select count(*) as n from deposit_grant where mailbox = ?",
    );
    this.#putGrant = database.prepare(
      `insert into deposit_grant (key, mailbox, tag, per_day, card, urgent, day, used)
       values (?, ?, ?, ?, ?, ?, 0, 0)
       on conflict (key) do update
       set tag = excluded.tag, per_day = excluded.per_day, card = excluded.card, urgent = excluded.urgent`,
    );
    this.#deleteGrant = database.prepare("delete from deposit_grant where key = ? and mailbox = ?");
  }

  find(mailbox: Uint8Array): MailboxState | undefined {
    const name = mapKey(mailbox);
    const cached = this.#cache.mailbox(name);
    if (cached !== undefined) return cached;
    const row = this.#select.get(this.#ids.mailbox(mailbox));
    return row && this.#load(row, name);
  }

  findGrant(depositHash: Uint8Array): GrantState | undefined {
    const name = mapKey(depositHash);
    const cached = this.#cache.grant(name);
    if (cached !== undefined) return cached;
    const row = this.#selectGrant.get(this.#ids.grant(depositHash));
    if (row === undefined) return undefined;
    const mailbox = this.#findById(row.mailbox);
    if (mailbox === undefined) return undefined;
    const { id, per_day, urgent, day, used, blob_day, blob_bytes } = row;
    const tag = Uint8Array.from(row.tag);
    const terms = { perDay: per_day, card: row.card === 1, mayBeUrgent: urgent === 1 };
    const uses = { day, used, blobDay: blob_day, blobBytes: blob_bytes };
    const state = { id, mailbox, tag, ...terms, ...uses };
    this.#cache.addGrant(name, state);
    return state;
  }

  create({ mailbox, kind, hour }: CreateMailbox): Result<undefined> {
    const known = this.find(mailbox);
    if (known !== undefined) return known.kind === kind ? DONE : refused("NAME_TAKEN");
    this.#insert.run(this.#ids.mailbox(mailbox), KINDS.indexOf(kind), dayOf(hour));
    return DONE;
  }

  use({ mailbox, hour }: UseMailbox): Result<undefined> {
    const state = this.find(mailbox);
    if (state === undefined) return refused("REFUSED");
    const day = dayOf(hour);
    if (day > state.usedDay) {
      this.#setUsed.run(day, state.id);
      state.usedDay = day;
    }
    return DONE;
  }

  delete(mailbox: Uint8Array): Result<undefined> {
    const state = this.find(mailbox);
    if (state === undefined) return DONE;
    this.deleteById(state.id);
    this.#cache.removeMailbox(state);
    return DONE;
  }

  deleteById(id: number): void {
    for (const statement of this.#deletes) statement.run(id);
  }

  putGrant(operation: PutGrant): Result<undefined> {
    const mailbox = this.find(operation.mailbox);
    if (mailbox === undefined) return refused("REFUSED");
    const known = this.findGrant(operation.depositHash);
    if (known !== undefined && known.mailbox !== mailbox) return refused("NAME_TAKEN");
    if (known === undefined && this.#grantsOf(mailbox) >= this.#limits.grantsPerMailbox) {
      return refused("LIMIT_REACHED");
    }
    this.#putGrant.run(
      this.#ids.grant(operation.depositHash),
      mailbox.id,
      operation.tag,
      depositsPerDay(this.#limits, operation.perDay, operation.card),
      operation.card ? 1 : 0,
      operation.mayBeUrgent ? 1 : 0,
    );
    this.#cache.removeGrant(mapKey(operation.depositHash));
    return DONE;
  }

  revokeGrant(operation: RevokeGrant): Result<undefined> {
    const mailbox = this.find(operation.mailbox);
    if (mailbox === undefined) return refused("REFUSED");
    this.#deleteGrant.run(this.#ids.grant(operation.depositHash), mailbox.id);
    this.#cache.removeGrant(mapKey(operation.depositHash));
    return DONE;
  }

  #grantsOf(mailbox: MailboxState): number {
    return this.#countGrants.get(mailbox.id)?.n ?? 0;
  }

  #findById(id: number): MailboxState | undefined {
    const cached = this.#cache.mailboxById(id);
    if (cached !== undefined) return cached;
    const row = this.#selectById.get(id);
    return row && this.#load(row, undefined);
  }

  #load(row: MailboxRow, name: string | undefined): MailboxState {
    const known = this.#cache.mailboxById(row.id);
    const state = known ?? this.#read(row);
    this.#cache.addMailbox(state, name);
    return state;
  }

  #read({ id, key, kind, used_day }: MailboxRow): MailboxState {
    const held = this.#selectHeld.get(id) ?? { envelopes: 0, bytes: 0 };
    return {
      id,
      key,
      kind: KINDS[kind] ?? "device",
      usedDay: used_day,
      envelopes: held.envelopes,
      bytes: held.bytes,
      removed: false,
    };
  }
}
