/**
 * Mailboxes, grants and envelopes of the memory engine, written for plainness: it is the model
 * that the embedded engine is compared with.
 */

import type { StoreLimits } from "../limits.ts";
import { DONE, dayOf, depositsPerDay, done, hasRoom, lastDay, mapKey, refused } from "../rules.ts";
import type {
  Acknowledge,
  CreateMailbox,
  Deposit,
  Deposited,
  MailboxHandle,
  MailboxKind,
  PutGrant,
  Result,
  RevokeGrant,
  UseMailbox,
  WaitingEnvelope,
} from "../store.ts";

interface Held extends WaitingEnvelope {
  readonly expiryDay: number;
}

interface Mailbox {
  readonly handle: MailboxHandle;
  readonly key: string;
  readonly kind: MailboxKind;
  usedDay: number;
  readonly grants: Set<string>;
  /** By envelope id, in the order of deposits. */
  readonly envelopes: Map<string, Held>;
}

export interface MemoryGrant {
  readonly mailbox: Mailbox;
  tag: Uint8Array;
  perDay: number;
  card: boolean;
  mayBeUrgent: boolean;
  day: number;
  used: number;
  blobDay: number;
  blobBytes: number;
}

export class MemoryMailboxes {
  readonly #limits: StoreLimits;
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #grants = new Map<string, MemoryGrant>();
  /** Last day by mailbox and envelope id. */
  readonly #tombstones = new Map<string, number>();
  #nextHandle = 1;
  #nextSeq = 1;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  create({ mailbox, kind, hour }: CreateMailbox): Result<undefined> {
    const key = mapKey(mailbox);
    const known = this.#mailboxes.get(key);
    if (known !== undefined) return known.kind === kind ? DONE : refused("NAME_TAKEN");
    this.#mailboxes.set(key, {
      handle: this.#nextHandle++,
      key,
      kind,
      usedDay: dayOf(hour),
      grants: new Set(),
      envelopes: new Map(),
    });
    return DONE;
  }

  use({ mailbox, hour }: UseMailbox): Result<undefined> {
    const found = this.#mailboxes.get(mapKey(mailbox));
    if (found === undefined) return refused("REFUSED");
    found.usedDay = Math.max(found.usedDay, dayOf(hour));
    return DONE;
  }

  delete(mailbox: Uint8Array): Result<undefined> {
    const found = this.#mailboxes.get(mapKey(mailbox));
    if (found !== undefined) this.#remove(found);
    return DONE;
  }

  putGrant(operation: PutGrant): Result<undefined> {
    const mailbox = this.#mailboxes.get(mapKey(operation.mailbox));
    if (mailbox === undefined) return refused("REFUSED");
    const hash = mapKey(operation.depositHash);
    const known = this.#grants.get(hash);
    if (known !== undefined && known.mailbox !== mailbox) return refused("NAME_TAKEN");
    if (known === undefined && mailbox.grants.size >= this.#limits.grantsPerMailbox) {
      return refused("LIMIT_REACHED");
    }
    mailbox.grants.add(hash);
    this.#grants.set(hash, {
      mailbox,
      tag: operation.tag.slice(),
      perDay: depositsPerDay(this.#limits, operation.perDay, operation.card),
      card: operation.card,
      mayBeUrgent: operation.mayBeUrgent,
      day: known?.day ?? 0,
      used: known?.used ?? 0,
      blobDay: known?.blobDay ?? 0,
      blobBytes: known?.blobBytes ?? 0,
    });
    return DONE;
  }

  revokeGrant(operation: RevokeGrant): Result<undefined> {
    const mailbox = this.#mailboxes.get(mapKey(operation.mailbox));
    if (mailbox === undefined) return refused("REFUSED");
    const hash = mapKey(operation.depositHash);
    if (mailbox.grants.delete(hash)) this.#grants.delete(hash);
    return DONE;
  }

  deposit(operation: Deposit): Result<Deposited> {
    const grant = this.#grants.get(mapKey(operation.depositHash));
    if (grant === undefined) return refused("REFUSED");
    const { mailbox } = grant;
    const day = dayOf(operation.hour);
    if (operation.expiryDay < day) return refused("EXPIRED");
    if (operation.isPuzzleOwed && grant.card) return refused("PUZZLE_REQUIRED");
    const id = mapKey(operation.envelopeId);
    if (mailbox.envelopes.has(id) || this.#tombstones.has(mailbox.key + id)) {
      return done({ mailbox: mailbox.handle, duplicate: true });
    }
    const used = grant.day === day ? grant.used : 0;
    if (grant.perDay > 0 && used >= grant.perDay) return refused("QUOTA");
    const urgent = operation.urgent && grant.mayBeUrgent;
    if (!hasRoom(this.#limits, heldBy(mailbox), operation.envelope.length, urgent)) {
      return refused("MAILBOX_FULL");
    }
    grant.day = day;
    grant.used = used + 1;
    mailbox.envelopes.set(id, {
      seq: this.#nextSeq++,
      envelopeId: operation.envelopeId.slice(),
      tag: grant.tag,
      hour: operation.hour,
      envelope: operation.envelope.slice(),
      expiryDay: lastDay(this.#limits, mailbox.kind, operation),
    });
    return done({ mailbox: mailbox.handle, duplicate: false });
  }

  acknowledge({ mailbox, envelopeIds }: Acknowledge): Result<number> {
    const found = this.#mailboxes.get(mapKey(mailbox));
    if (found === undefined) return refused("REFUSED");
    let removed = 0;
    for (const id of envelopeIds.map(mapKey)) {
      const held = found.envelopes.get(id);
      if (held === undefined) continue;
      found.envelopes.delete(id);
      this.#tombstones.set(found.key + id, held.expiryDay);
      removed++;
    }
    return done(removed);
  }

  grant(depositHash: Uint8Array): MemoryGrant | undefined {
    return this.#grants.get(mapKey(depositHash));
  }

  handle(mailbox: Uint8Array): MailboxHandle | undefined {
    return this.#mailboxes.get(mapKey(mailbox))?.handle;
  }

  waiting(mailbox: Uint8Array, afterSeq: number, limit: number): WaitingEnvelope[] {
    const found = this.#mailboxes.get(mapKey(mailbox));
    if (found === undefined) return [];
    return [...found.envelopes.values()]
      .filter(({ seq }) => seq > afterSeq)
      .slice(0, limit)
      .map(({ seq, envelopeId, tag, hour, envelope }) => ({
        seq,
        envelopeId,
        tag,
        hour,
        envelope,
      }));
  }

  counts(): { mailboxes: number; grants: number; envelopes: number; tombstones: number } {
    let envelopes = 0;
    for (const mailbox of this.#mailboxes.values()) envelopes += mailbox.envelopes.size;
    return {
      mailboxes: this.#mailboxes.size,
      grants: this.#grants.size,
      envelopes,
      tombstones: this.#tombstones.size,
    };
  }

  sweep(day: number): { mailboxes: number; envelopes: number; tombstones: number } {
    const removed = { mailboxes: 0, envelopes: 0, tombstones: 0 };
    for (const [key, lastDay] of this.#tombstones) {
      if (lastDay < day && this.#tombstones.delete(key)) removed.tombstones++;
    }
    for (const mailbox of this.#mailboxes.values()) {
      for (const [id, { expiryDay }] of mailbox.envelopes) {
        if (expiryDay < day && mailbox.envelopes.delete(id)) removed.envelopes++;
      }
      if (mailbox.usedDay + this.#limits.mailboxDays[mailbox.kind] >= day) continue;
      this.#remove(mailbox);
      removed.mailboxes++;
    }
    return removed;
  }

  #remove(mailbox: Mailbox): void {
    for (const hash of mailbox.grants) this.#grants.delete(hash);
    this.#mailboxes.delete(mailbox.key);
  }
}

function heldBy(mailbox: Mailbox): { envelopes: number; bytes: number } {
  let bytes = 0;
  for (const { envelope } of mailbox.envelopes.values()) bytes += envelope.length;
  return { envelopes: mailbox.envelopes.size, bytes };
}
