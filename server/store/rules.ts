/**
 * Rules every engine applies in the same way: lengths, quotas, lives, and the forms of a result.
 *
 * Pure functions of an operation, what is held, and the limits.
 */

import type { ErrorCode } from "../../shared/crypto/errors.ts";
import type { StoreLimits } from "./limits.ts";
import type {
  CreateBlob,
  Deposit,
  GrowBlob,
  MailboxKind,
  Operation,
  Result,
  StoredBlob,
} from "./store.ts";

export const KEY_BYTES = 32;
export const ID_BYTES = 24;
export const TAG_BYTES = 16;

export const DONE: Result<undefined> = { ok: true, value: undefined };

export function done<Value>(value: Value): Result<Value> {
  return { ok: true, value };
}

export function refused(code: ErrorCode): Result<never> {
  return { ok: false, code };
}

export function dayOf(hour: number): number {
  return Math.floor(hour / 24);
}

/** Bytes as a key of a Map; in memory only. */
export function mapKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** What a mailbox holds now. */
export interface Held {
  readonly envelopes: number;
  readonly bytes: number;
}

/** Whether a mailbox takes one more envelope; the reserve is for urgent ones. */
export function hasRoom(limits: StoreLimits, held: Held, size: number, urgent: boolean): boolean {
  const share = urgent ? 1 : 1 - limits.urgentReservePercent / 100;
  return (
    held.envelopes + 1 <= limits.mailboxEnvelopes * share &&
    held.bytes + size <= limits.mailboxBytes * share
  );
}

/** Deposits a day through a grant; 0 = no limit. */
export function depositsPerDay(limits: StoreLimits, perDay: number, card: boolean): number {
  return perDay === 0 && card ? limits.cardDepositsPerDay : perDay;
}

/** The day under which an envelope is filed: never beyond the life of its mailbox. */
export function lastDay(limits: StoreLimits, kind: MailboxKind, deposit: Deposit): number {
  return Math.min(deposit.expiryDay, dayOf(deposit.hour) + limits.mailboxDays[kind]);
}

/** Counted for each blob at least: a row and a file are no less. */
export const LEAST_BLOB_BYTES = 16_384;

/** What a blob of that length counts. */
export function blobRoom(length: number): number {
  return Math.max(length, LEAST_BLOB_BYTES);
}

/** The day under which a blob is filed: never beyond what blobs and its mailbox may live. */
export function lastBlobDay(limits: StoreLimits, kind: MailboxKind, blob: CreateBlob): number {
  const days = Math.min(limits.blobDays, limits.mailboxDays[kind]);
  return Math.min(blob.expiryDay, dayOf(blob.hour) + days);
}

/** Bytes of blobs a day through a grant. */
export function blobBytesPerDay(limits: StoreLimits, card: boolean): number {
  return card ? limits.cardBlobBytesPerDay : limits.grantBlobBytesPerDay;
}

/** Why a new blob is not taken, quotas apart. */
export function createRefusal(limits: StoreLimits, claimedBytes: number): ErrorCode | undefined {
  return Math.max(1, claimedBytes) > limits.blobBytes ? "BLOB_TOO_LARGE" : undefined;
}

/** Why a blob does not grow so, quotas apart. */
export function growRefusal(
  limits: Pick<StoreLimits, "blobBytes">,
  blob: Pick<StoredBlob, "storedBytes" | "claimedBytes" | "isComplete">,
  { from, to, isLast }: Pick<GrowBlob, "from" | "to" | "isLast">,
): ErrorCode | undefined {
  const { storedBytes, claimedBytes, isComplete } = blob;
  if (isComplete || from !== storedBytes) return "WRONG_OFFSET";
  if (to > limits.blobBytes) return "BLOB_TOO_LARGE";
  if (claimedBytes > 0 && (to > claimedBytes || (isLast && to < claimedBytes))) {
    return "WRONG_LENGTH";
  }
  return undefined;
}

/** What is used up of quotas, and what is to be added. */
export interface BlobUse {
  readonly usedToday: number;
  readonly card: boolean;
  readonly total: number;
  readonly added: number;
}

export function blobQuotaRefusal(limits: StoreLimits, use: BlobUse): ErrorCode | undefined {
  const { usedToday, card, total, added } = use;
  if (usedToday + added > blobBytesPerDay(limits, card)) return "QUOTA";
  return total + added > limits.blobsBytes ? "STORAGE_FULL" : undefined;
}

/** @throws RangeError when the caller passes an identifier of the wrong length. */
export function checkOperation(operation: Operation): void {
  for (const [name, bytes, length] of identifiersOf(operation)) {
    if (bytes.length !== length) throw new RangeError(`${operation.type}: ${name} has ${length} B`);
  }
}

type Identifier = readonly [name: string, bytes: Uint8Array, length: number];

function identifiersOf(operation: Operation): readonly Identifier[] {
  switch (operation.type) {
    case "createMailbox":
    case "useMailbox":
    case "deleteMailbox":
      return [["mailbox", operation.mailbox, KEY_BYTES]];
    case "putGrant":
      return [
        ["mailbox", operation.mailbox, KEY_BYTES],
        ["deposit hash", operation.depositHash, KEY_BYTES],
        ["tag", operation.tag, TAG_BYTES],
      ];
    case "revokeGrant":
      return [
        ["mailbox", operation.mailbox, KEY_BYTES],
        ["deposit hash", operation.depositHash, KEY_BYTES],
      ];
    case "deposit":
      return [
        ["deposit hash", operation.depositHash, KEY_BYTES],
        ["envelope id", operation.envelopeId, ID_BYTES],
      ];
    case "acknowledge":
      return [
        ["mailbox", operation.mailbox, KEY_BYTES],
        ...operation.envelopeIds.map((id): Identifier => ["envelope id", id, ID_BYTES]),
      ];
    case "putRecord":
      return [
        ["record id", operation.recordId, ID_BYTES],
        ["owner", operation.owner, operation.owner.length === 0 ? 0 : KEY_BYTES],
        ["writer", operation.writer, KEY_BYTES],
      ];
    case "setWriters":
      return [
        ["record id", operation.recordId, ID_BYTES],
        ["owner", operation.owner, KEY_BYTES],
        ...operation.writers.map((writer): Identifier => ["writer", writer, KEY_BYTES]),
      ];
    case "publishPrekeys":
      return [
        ["record id", operation.recordId, ID_BYTES],
        ["writer", operation.writer, KEY_BYTES],
      ];
    case "takePrekeys":
      return [
        ["record id", operation.recordId, ID_BYTES],
        ["token", operation.token, TAG_BYTES],
      ];
    case "createBlob":
    case "growBlob":
      return [
        ["deposit hash", operation.depositHash, KEY_BYTES],
        ["blob id", operation.blobId, ID_BYTES],
      ];
    case "pinBlob":
    case "unpinBlob":
      return [
        ["blob id", operation.blobId, ID_BYTES],
        ["pin", operation.pin, ID_BYTES],
      ];
    case "dropBlob":
      return [];
    default:
      return operation satisfies never;
  }
}
