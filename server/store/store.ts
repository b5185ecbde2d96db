/**
 * The Store port: what the relay asks of any storage engine. No engine's types appear here, and
 * one conformance suite (test/server/store/conformance.ts) runs against every engine.
 *
 * `commit` is the only way to write: one durable transaction of independent operations, on disk
 * (fsync) before it resolves. A refused operation leaves the others of its commit untouched.
 * Nothing that was committed lives in memory only. Raw identifiers are passed in and are stored as
 * keyed hashes; envelopes, parts, sealed pairs and tags are stored as they are.
 *
 * Hours and days are integers since 1970-01-01 UTC; the day of an hour is floor(hour / 24).
 * Lengths in bytes: mailbox, deposit hash, owner and writer 32; record id, envelope id, blob id and
 * pin 24; tag and token 16; `checkOperation` in rules.ts refuses others before they reach an engine.
 */

import type { ErrorCode } from "../../shared/crypto/errors.ts";

export type MailboxKind = "device" | "letterbox";

/** Succeeds again, unchanged, when the mailbox is there; NAME_TAKEN when its kind differs. */
export interface CreateMailbox {
  readonly type: "createMailbox";
  /** Public key of the mailbox. */
  readonly mailbox: Uint8Array;
  readonly kind: MailboxKind;
  readonly hour: number;
}

/** The owner was here (a subscribe): the life of the mailbox starts anew. Or REFUSED. */
export interface UseMailbox {
  readonly type: "useMailbox";
  readonly mailbox: Uint8Array;
  readonly hour: number;
}

/** Removes the mailbox with its grants and envelopes; succeeds when there is none. */
export interface DeleteMailbox {
  readonly type: "deleteMailbox";
  readonly mailbox: Uint8Array;
}

/**
 * Makes a grant or changes one of the same mailbox. REFUSED without the mailbox, NAME_TAKEN when
 * another mailbox has a grant of this hash, LIMIT_REACHED beyond the grants a mailbox may have.
 */
export interface PutGrant {
  readonly type: "putGrant";
  readonly mailbox: Uint8Array;
  /** Hash of the depositId. */
  readonly depositHash: Uint8Array;
  readonly tag: Uint8Array;
  /** Deposits a day; 0 = no limit, or the default of the relay when `card`. */
  readonly perDay: number;
  readonly card: boolean;
  readonly mayBeUrgent: boolean;
}

/** Succeeds when the mailbox has no such grant; REFUSED without the mailbox. */
export interface RevokeGrant {
  readonly type: "revokeGrant";
  readonly mailbox: Uint8Array;
  readonly depositHash: Uint8Array;
}

/**
 * Idempotent on the envelope id within the mailbox until the expiry day, also after
 * acknowledgement: a duplicate answers like the first. An expiry day beyond the life of the
 * mailbox is brought down to it. REFUSED (unknown or revoked, with equal work), EXPIRED,
 * PUZZLE_REQUIRED, MAILBOX_FULL, QUOTA (grant, for today).
 */
export interface Deposit {
  readonly type: "deposit";
  readonly depositHash: Uint8Array;
  /** BLAKE2b-192 of `envelope`, computed by the caller. */
  readonly envelopeId: Uint8Array;
  readonly envelope: Uint8Array;
  /** May use the reserve, if the grant may be urgent. */
  readonly urgent: boolean;
  /** Card grants are refused with PUZZLE_REQUIRED: pressure, and no puzzle solved. */
  readonly isPuzzleOwed: boolean;
  /** Last day on which the envelope is still delivered. */
  readonly expiryDay: number;
  readonly hour: number;
}

/** Ids that are not waiting are passed over; REFUSED without the mailbox. */
export interface Acknowledge {
  readonly type: "acknowledge";
  readonly mailbox: Uint8Array;
  readonly envelopeIds: readonly Uint8Array[];
}

/**
 * A writer's part. A record that is not there is created with `owner` (NAME_TAKEN when that key
 * owns another record) and `writer` as its only writer. REFUSED for a foreign writer, another
 * owner, or no record and no owner. The same version with the same part succeeds again.
 */
export interface PutRecord {
  readonly type: "putRecord";
  readonly recordId: Uint8Array;
  /** Owner's public key; empty when the writer does not know it (never creates then). */
  readonly owner: Uint8Array;
  readonly writer: Uint8Array;
  /** Greater than the writer's last one, else STALE_VERSION. */
  readonly version: number;
  readonly part: Uint8Array;
  readonly day: number;
}

/** Parts and pairs of writers no longer listed are removed. REFUSED, STALE_VERSION, LIMIT_REACHED. */
export interface SetWriters {
  readonly type: "setWriters";
  readonly recordId: Uint8Array;
  readonly owner: Uint8Array;
  /** Greater than that of the last list (0 at creation); the same list and version succeed again. */
  readonly version: number;
  readonly writers: readonly Uint8Array[];
}

export interface PrekeyPair {
  /** u32, chosen by the writer, never used twice. */
  readonly pairId: number;
  /** Last day of use. */
  readonly notAfter: number;
  readonly sealed: Uint8Array;
}

/**
 * Pairs whose id was published before are passed over, also when they were taken meanwhile.
 * REFUSED for a foreign writer; LIMIT_REACHED, and nothing is stored, beyond the limits.
 */
export interface PublishPrekeys {
  readonly type: "publishPrekeys";
  readonly recordId: Uint8Array;
  readonly writer: Uint8Array;
  readonly pairs: readonly PrekeyPair[];
  readonly day: number;
}

/**
 * One pair of each writer that has one. The same token gets the same pairs until the day after.
 * REFUSED without the record; QUOTA when too many were taken today.
 */
export interface TakePrekeys {
  readonly type: "takePrekeys";
  readonly recordId: Uint8Array;
  readonly token: Uint8Array;
  readonly day: number;
}

/**
 * Room for a blob; its bytes are elsewhere (server/blobs). One that is there is answered as it is.
 * REFUSED, EXPIRED, PUZZLE_REQUIRED as of a deposit; BLOB_TOO_LARGE; QUOTA (grant, for today);
 * STORAGE_FULL (all blobs). Nothing leads from the blob back to the grant.
 */
export interface CreateBlob {
  readonly type: "createBlob";
  readonly depositHash: Uint8Array;
  readonly blobId: Uint8Array;
  readonly isPuzzleOwed: boolean;
  /** Length of the whole; 0 = not known yet. */
  readonly claimedBytes: number;
  /** Last day on which the blob is there; brought down to what blobs may live. */
  readonly expiryDay: number;
  readonly hour: number;
}

/**
 * Says that the bytes `from` to `to` are on disk: nothing else makes a blob longer. REFUSED (no such
 * grant or blob), WRONG_OFFSET (`from` is not its length, or it is complete), BLOB_TOO_LARGE,
 * WRONG_LENGTH (not as claimed), QUOTA, STORAGE_FULL.
 */
export interface GrowBlob {
  readonly type: "growBlob";
  readonly depositHash: Uint8Array;
  readonly blobId: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** Complete with these. */
  readonly isLast: boolean;
  readonly hour: number;
}

/** Keeps a blob up to and with this day, under a name of the caller's. REFUSED without the blob. */
export interface PinBlob {
  readonly type: "pinBlob";
  readonly blobId: Uint8Array;
  readonly pin: Uint8Array;
  readonly untilDay: number;
}

/** Succeeds when there is no such pin. */
export interface UnpinBlob {
  readonly type: "unpinBlob";
  readonly blobId: Uint8Array;
  readonly pin: Uint8Array;
}

/** Forgets a blob that `expiredBlobs` named, if it still is expired on that day. */
export interface DropBlob {
  readonly type: "dropBlob";
  readonly name: string;
  readonly day: number;
}

export type Operation =
  | CreateMailbox
  | UseMailbox
  | DeleteMailbox
  | PutGrant
  | RevokeGrant
  | Deposit
  | Acknowledge
  | PutRecord
  | SetWriters
  | PublishPrekeys
  | TakePrekeys
  | CreateBlob
  | GrowBlob
  | PinBlob
  | UnpinBlob
  | DropBlob;

export interface Deposited {
  /** Raw key of the mailbox that got it is not known to the store; its handle wakes subscribers. */
  readonly mailbox: MailboxHandle;
  /** True when the envelope was there before: answered like the first, wakes nobody. */
  readonly duplicate: boolean;
}

export interface TakenPair {
  readonly writer: Uint8Array;
  readonly pairId: number;
  readonly notAfter: number;
  readonly sealed: Uint8Array;
}

/** What each operation gives when it is not refused. */
export interface Values {
  readonly createMailbox: undefined;
  readonly useMailbox: undefined;
  readonly deleteMailbox: undefined;
  readonly putGrant: undefined;
  readonly revokeGrant: undefined;
  readonly deposit: Deposited;
  /** Number of envelopes removed. */
  readonly acknowledge: number;
  readonly putRecord: undefined;
  readonly setWriters: undefined;
  /** Pairs of this writer left to take. */
  readonly publishPrekeys: number;
  /** Sorted by writer. */
  readonly takePrekeys: readonly TakenPair[];
  readonly createBlob: StoredBlob;
  readonly growBlob: StoredBlob;
  readonly pinBlob: undefined;
  readonly unpinBlob: undefined;
  /** Whether it is gone. */
  readonly dropBlob: boolean;
}

export type Result<Value = Values[keyof Values]> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: ErrorCode };

/** The result of one operation, typed by the operation. */
export type ResultOf<Op extends Operation> = Result<Values[Op["type"]]>;

/** Names a mailbox while the process runs; says nothing about its key. */
export type MailboxHandle = number;

export interface WaitingEnvelope {
  /** Grows with each deposit; never used again while the process runs. */
  readonly seq: number;
  readonly envelopeId: Uint8Array;
  /** Tag of the grant at the time of the deposit. */
  readonly tag: Uint8Array;
  /** Hour of the deposit by the relay's clock. */
  readonly hour: number;
  readonly envelope: Uint8Array;
}

export interface RecordPart {
  readonly writer: Uint8Array;
  readonly version: number;
  readonly part: Uint8Array;
}

/** What is known of a blob. */
export interface StoredBlob {
  /** Names its file: 48 hex digits, in the embedded engine a keyed hash. */
  readonly name: string;
  readonly storedBytes: number;
  /** 0 = not known yet. */
  readonly claimedBytes: number;
  readonly isComplete: boolean;
  /** Hour in which it was made or grew last. */
  readonly grownHour: number;
}

/** For metrics and the operator; a scan, not for each request. */
export interface Counts {
  readonly mailboxes: number;
  readonly grants: number;
  readonly envelopes: number;
  readonly tombstones: number;
  readonly records: number;
  readonly prekeys: number;
  readonly blobs: number;
}

/** Rows removed by one sweep. */
export interface SweepReport {
  readonly mailboxes: number;
  readonly envelopes: number;
  readonly tombstones: number;
  readonly records: number;
  readonly prekeys: number;
}

export interface Store {
  /** Results in the order of the operations. Rejects only when the engine itself is broken. */
  commit(operations: readonly Operation[]): Promise<readonly Result[]>;

  /** Handle of a mailbox, to match `Deposited.mailbox`; undefined when there is none. */
  mailbox(mailbox: Uint8Array): Promise<MailboxHandle | undefined>;
  /** Oldest first, those with seq > afterSeq, `limit` at most; none when there is no mailbox. */
  waiting(
    mailbox: Uint8Array,
    afterSeq: number,
    limit: number,
  ): Promise<readonly WaitingEnvelope[]>;
  /** Parts sorted by writer; undefined when there is no such record. */
  record(recordId: Uint8Array): Promise<readonly RecordPart[] | undefined>;
  blob(blobId: Uint8Array): Promise<StoredBlob | undefined>;
  /** What `growBlob` would be refused with now; undefined when it would not. Changes nothing. */
  growthRefusal(growth: GrowBlob): Promise<ErrorCode | undefined>;
  /** Names of blobs whose day is over and that no pin keeps; `limit` at most. */
  expiredBlobs(day: number, limit: number): Promise<readonly string[]>;
  /** Those of `names` that are names of blobs. */
  knownBlobs(names: readonly string[]): Promise<ReadonlySet<string>>;
  counts(): Promise<Counts>;

  /** Removes what has expired by this hour, blobs apart, in slices between which commits go on, then leaves no
   * trace of it in the engine's files. */
  sweep(now: { readonly hour: number }): Promise<SweepReport>;
  close(): Promise<void>;
}
