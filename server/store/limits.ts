/**
 * What the store refuses to keep more of, and how long it keeps what it has.
 *
 * The relay passes its own numbers when it opens the store and announces the lives in `hello`.
 * The defaults are those of docs/OPERATIONS.md. Days are counted since 1970-01-01 UTC.
 */

import type { MailboxKind } from "./store.ts";

export interface StoreLimits {
  readonly mailboxEnvelopes: number;
  readonly mailboxBytes: number;
  /** Percent of both mailbox quotas that only urgent deposits through an urgent grant may use. */
  readonly urgentReservePercent: number;
  readonly grantsPerMailbox: number;
  /** Deposits a day through a card grant that names no number of its own. */
  readonly cardDepositsPerDay: number;
  /** Days an envelope may wait at most, and days a mailbox lives without use by its owner. */
  readonly mailboxDays: Readonly<Record<MailboxKind, number>>;
  readonly recordDays: number;
  readonly recordPartBytes: number;
  readonly recordWriters: number;
  /** Pairs that wait to be taken, per writer and record. */
  readonly prekeyPairs: number;
  readonly prekeysPerPublish: number;
  readonly prekeyBytes: number;
  /** Takes with a new token, per record and day. */
  readonly prekeyTakesPerDay: number;
  /** Of all blobs together. */
  readonly blobsBytes: number;
  /** Of one. */
  readonly blobBytes: number;
  /** Added to blobs in a day through one grant, and through one card grant. */
  readonly grantBlobBytesPerDay: number;
  readonly cardBlobBytesPerDay: number;
  /** Days a blob is kept at most, and never longer than its mailbox lives. */
  readonly blobDays: number;
}

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  mailboxEnvelopes: 2000,
  mailboxBytes: 16 * 1024 * 1024,
  urgentReservePercent: 10,
  grantsPerMailbox: 2000,
  cardDepositsPerDay: 50,
  mailboxDays: { device: 30, letterbox: 45 },
  recordDays: 730,
  recordPartBytes: 16 * 1024,
  recordWriters: 8,
  prekeyPairs: 30,
  prekeysPerPublish: 10,
  prekeyBytes: 2048,
  prekeyTakesPerDay: 100,
  blobsBytes: 20 * 1024 ** 3,
  blobBytes: 2 * 1024 ** 3,
  grantBlobBytesPerDay: 2 * 1024 ** 3,
  cardBlobBytesPerDay: 512 * 1024 ** 2,
  blobDays: 30,
};
