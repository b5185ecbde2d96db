/**
 * Deposit, delivery and acknowledgement of the embedded engine: the hot path, two or three
 * prepared statements an envelope. Runs inside the transaction of a commit.
 *
 * The id of a waiting envelope is computed from its bytes when it is read; the file has only a
 * keyed hash of it. That hash becomes the tombstone at acknowledgement.
 */

import type { Database, Statement } from "better-sqlite3";
import { blake2b } from "../../../shared/crypto/sodium.ts";
import type { StoreLimits } from "../limits.ts";
import { dayOf, done, hasRoom, ID_BYTES, lastDay, refused } from "../rules.ts";
import type { Acknowledge, Deposit, Deposited, Result, WaitingEnvelope } from "../store.ts";
import type { HotEnvelopes } from "./hot-envelopes.ts";
import type { KeyedIds } from "./keyed-ids.ts";
import type { GrantState, MailboxState } from "./mailbox-cache.ts";
import type { Mailboxes } from "./mailboxes.ts";

interface WaitingRow {
  readonly id: number;
  readonly hour: number;
  readonly tag: Uint8Array;
  readonly bytes: Uint8Array;
}

interface RemovedRow {
  readonly size: number;
  readonly expiry_day: number;
}

/** Stands in for the mailbox of an unknown grant, so that it costs the same look-ups. */
const NO_MAILBOX = new Uint8Array(24);

export class Envelopes {
  readonly #limits: StoreLimits;
  readonly #ids: KeyedIds;
  readonly #mailboxes: Mailboxes;
  readonly #hot: HotEnvelopes;
  readonly #selectTombstone: Statement<[Uint8Array], { readonly day: number }>;
  readonly #selectKey: Statement<[number, Uint8Array], { readonly id: number }>;
  readonly #insert: Statement<
    [number, number, Uint8Array, number, number, number, Uint8Array, Uint8Array]
  >;
  readonly #setUsed: Statement<[number, number, number]>;
  readonly #remove: Statement<[number, Uint8Array], RemovedRow>;
  readonly #removeById: Statement<[number]>;
  readonly #insertTombstone: Statement<[Uint8Array, number]>;
  readonly #selectWaiting: Statement<[number, number, number], WaitingRow>;
  /** Earliest day of a tombstone made since the last look at all of them. */
  earliestTombstone: number = Number.POSITIVE_INFINITY;
  /** Never goes back while the process runs, so that a subscriber's cursor skips nothing. */
  #nextSeq: number;

  constructor(
    database: Database,
    limits: StoreLimits,
    ids: KeyedIds,
    mailboxes: Mailboxes,
    hot: HotEnvelopes,
  ) {
    this.#hot = hot;
    this.#limits = limits;
    this.#ids = ids;
    this.#mailboxes = mailboxes;
    this.#selectTombstone = database.prepare("select day from tombstone where key = ?");
    this.#selectKey = database.prepare("select id from envelope where mailbox = ? and key = ?");
    this.#insert = database.prepare(
      `insert into envelope (id, mailbox, key, size, hour, expiry_day, tag, bytes)
       values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (mailbox, key, size) do nothing`,
    );
    this.#setUsed = database.prepare("update deposit_grant set day = ?, used = ? where id = ?");
    this.#remove = database.prepare(
      "delete from envelope where mailbox = ? and key = ? returning size, expiry_day",
    );
    this.#removeById = database.prepare("delete from envelope where id = ?");
    this.#insertTombstone = database.prepare(
      "insert or replace into tombstone (key, day) values (?, ?)",
    );
    this.#selectWaiting = database.prepare(
      `select id, hour, tag, bytes from envelope where id in (
         select id from envelope indexed by envelope_key
         where mailbox = ? and id > ? order by id limit ?
       ) order by id`,
    );
    const last = database
      .prepare<[], { readonly id: number | null }>("select max(id) as id from envelope")
      .get();
    this.#nextSeq = (last?.id ?? 0) + 1;
  }

  deposit(operation: Deposit): Result<Deposited> {
    const grant = this.#mailboxes.findGrant(operation.depositHash);
    const key = this.#ids.envelope(grant?.mailbox.key ?? NO_MAILBOX, operation.envelopeId);
    const wasAcknowledged = this.#selectTombstone.get(key) !== undefined;
    if (grant === undefined) return refused("REFUSED");
    const { mailbox } = grant;
    const day = dayOf(operation.hour);
    if (operation.expiryDay < day) return refused("EXPIRED");
    if (operation.isPuzzleOwed && grant.card) return refused("PUZZLE_REQUIRED");
    if (wasAcknowledged) return done({ mailbox: mailbox.id, duplicate: true });
    const refusal = this.#refusal(grant, operation, day);
    if (refusal !== undefined) {
      const isKnown = this.#selectKey.get(mailbox.id, key) !== undefined;
      return isKnown ? done({ mailbox: mailbox.id, duplicate: true }) : refused(refusal);
    }
    const isNew = this.#store(operation, grant, key);
    if (isNew) this.#count(grant, operation.envelope.length, day);
    return done({ mailbox: mailbox.id, duplicate: !isNew });
  }

  acknowledge({ mailbox, envelopeIds }: Acknowledge): Result<number> {
    const state = this.#mailboxes.find(mailbox);
    if (state === undefined) return refused("REFUSED");
    let removed = 0;
    for (const id of envelopeIds) if (this.#acknowledgeOne(state, id)) removed++;
    return done(removed);
  }

  waiting(mailbox: Uint8Array, afterSeq: number, limit: number): WaitingEnvelope[] {
    const state = this.#mailboxes.find(mailbox);
    if (state === undefined || state.envelopes === 0) return [];
    const hot = this.#hot.waiting(state.id, afterSeq, limit);
    if (hot !== undefined) return hot;
    const found = this.#selectWaiting.all(state.id, afterSeq, limit).map(toWaiting);
    if (found.length < limit) this.#hot.begin(state.id, (found.at(-1)?.seq ?? afterSeq) + 1);
    return found;
  }

  #refusal(
    grant: GrantState,
    operation: Deposit,
    day: number,
  ): "QUOTA" | "MAILBOX_FULL" | undefined {
    if (grant.perDay > 0 && grant.day === day && grant.used >= grant.perDay) return "QUOTA";
    const urgent = operation.urgent && grant.mayBeUrgent;
    const size = operation.envelope.length;
    return hasRoom(this.#limits, grant.mailbox, size, urgent) ? undefined : "MAILBOX_FULL";
  }

  /** False when the envelope was waiting already. */
  #store(operation: Deposit, { mailbox, tag }: GrantState, key: Uint8Array): boolean {
    const { envelope, envelopeId, hour } = operation;
    const seq = this.#nextSeq;
    const expiryDay = lastDay(this.#limits, mailbox.kind, operation);
    const { changes } = this.#insert.run(
      seq,
      mailbox.id,
      key,
      envelope.length,
      hour,
      expiryDay,
      tag,
      envelope,
    );
    if (changes === 0) return false;
    this.#nextSeq += 1;
    if (mailbox.envelopes === 0) this.#hot.begin(mailbox.id, 0);
    const waiting = { seq, envelopeId, tag, hour, envelope };
    this.#hot.add(mailbox.id, { waiting, key, expiryDay });
    return true;
  }

  #count(grant: GrantState, size: number, day: number): void {
    grant.mailbox.envelopes += 1;
    grant.mailbox.bytes += size;
    if (grant.perDay === 0) return;
    grant.used = grant.day === day ? grant.used + 1 : 1;
    grant.day = day;
    this.#setUsed.run(day, grant.used, grant.id);
  }

  #acknowledgeOne(mailbox: MailboxState, envelopeId: Uint8Array): boolean {
    const hot = this.#hot.take(mailbox.id, envelopeId);
    if (hot !== undefined) {
      this.#removeById.run(hot.waiting.seq);
      this.#bury(mailbox, hot.key, hot.expiryDay, hot.waiting.envelope.length);
      return true;
    }
    const key = this.#ids.envelope(mailbox.key, envelopeId);
    const row = this.#remove.get(mailbox.id, key);
    if (row === undefined) return false;
    this.#bury(mailbox, key, row.expiry_day, row.size);
    return true;
  }

  /** A tombstone in place of what was removed. */
  #bury(mailbox: MailboxState, key: Uint8Array, expiryDay: number, size: number): void {
    this.#insertTombstone.run(key, expiryDay);
    this.earliestTombstone = Math.min(this.earliestTombstone, expiryDay);
    mailbox.envelopes -= 1;
    mailbox.bytes -= size;
  }
}

function toWaiting({ id, hour, tag, bytes }: WaitingRow): WaitingEnvelope {
  return {
    seq: id,
    envelopeId: blake2b(ID_BYTES, bytes),
    tag: new Uint8Array(tag.buffer, tag.byteOffset, tag.length),
    hour,
    envelope: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length),
  };
}
