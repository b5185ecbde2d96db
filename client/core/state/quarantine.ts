/**
 * Envelopes on which this program fails: how often each did, and, once one did too often, its bytes with
 * all that is needed to open them later. Both are bounded; what finds no room stays at the relay.
 */

import { toHex } from "../../../shared/crypto/bytes.ts";
import { parseWrapKey, type WrapKey } from "../../../shared/e2ee/grant.ts";
import { DEFAULT_MAILBOX_LIFE_DAYS } from "../../../shared/wire/limits.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { Table } from "./table.ts";

/** As many as one relay has under way at once: the first of them are through before others count. */
export const MAX_FAILING = 64;
export const MAX_QUARANTINE_BYTES: number = 256 * 1024;
/** By then the relay has dropped the envelope. */
const FAILING_LIFE_HOURS = DEFAULT_MAILBOX_LIFE_DAYS * 24;

/** One that still waits at the relay. */
export interface FailingRow {
  readonly times: number;
  /** Of the first time. */
  readonly hour: number;
  /** Name of the error that came last. */
  readonly reason: string;
}

/** One that the relay no longer has. */
export interface QuarantinedRow {
  readonly reason: string;
  /** Version of the program that failed last. */
  readonly version: string;
  /** When it was deposited. */
  readonly hour: number;
  /** The bytes as the relay delivered them. */
  readonly envelope: Uint8Array;
  /** Of its grant, which may be gone with its relay by then. */
  readonly wrapKey: WrapKey;
  readonly contact: Uint8Array | null;
}

const failing = new Table<FailingRow>("failing", {
  encode: ({ times, hour, reason }) => [times, hour, reason],
  decode: (fields) => ({ times: fields.integer(), hour: fields.integer(), reason: fields.text() }),
});

const quarantined = new Table<QuarantinedRow>("quarantined", {
  encode: (row) => [
    row.reason,
    row.version,
    row.hour,
    row.envelope,
    row.wrapKey,
    row.contact ?? new Uint8Array(0),
  ],
  decode: (fields) => ({
    reason: fields.text(),
    version: fields.text(),
    hour: fields.integer(),
    envelope: fields.bytes(),
    wrapKey: parseWrapKey(fields.bytes()),
    contact: fields.optional(32),
  }),
});

export function timesFailed(view: VaultView, envelopeId: Uint8Array): number {
  return failing.get(view, toHex(envelopeId))?.times ?? 0;
}

/** False when there are too many to count this one too. */
export function putFailing(tx: VaultTransaction, envelopeId: Uint8Array, row: FailingRow): boolean {
  const key = toHex(envelopeId);
  const held = failing.get(tx, key);
  if (held === undefined && !hasRoomToCount(tx, row.hour)) return false;
  failing.put(tx, key, { ...row, hour: held?.hour ?? row.hour });
  return true;
}

export function forgetFailing(tx: VaultTransaction, envelopeId: Uint8Array): void {
  failing.delete(tx, toHex(envelopeId));
}

function hasRoomToCount(tx: VaultTransaction, hour: number): boolean {
  const rows = failing.list(tx);
  if (rows.length < MAX_FAILING) return true;
  const past = rows.filter(([, row]) => hour - row.hour > FAILING_LIFE_HOURS);
  for (const [key] of past) failing.delete(tx, key);
  return past.length > 0;
}

export function isQuarantined(view: VaultView, envelopeId: Uint8Array): boolean {
  return quarantined.has(view, toHex(envelopeId));
}

/** False when there is no room for it. */
export function putQuarantined(
  tx: VaultTransaction,
  envelopeId: Uint8Array,
  row: QuarantinedRow,
): boolean {
  const lengths = quarantined.list(tx).map(([, { envelope }]) => envelope.length);
  const held = lengths.reduce((sum, length) => sum + length, 0);
  if (held + row.envelope.length > MAX_QUARANTINE_BYTES) return false;
  quarantined.put(tx, toHex(envelopeId), row);
  return true;
}

/** By envelope id in hex. */
export function listQuarantined(view: VaultView): readonly [id: string, row: QuarantinedRow][] {
  return quarantined.list(view);
}

export function getQuarantined(view: VaultView, id: string): QuarantinedRow | undefined {
  return quarantined.get(view, id);
}

/** Another version failed too. */
export function markTried(tx: VaultTransaction, id: string, version: string): void {
  const row = quarantined.get(tx, id);
  if (row !== undefined) quarantined.put(tx, id, { ...row, version });
}

export function releaseQuarantined(tx: VaultTransaction, id: string): void {
  quarantined.delete(tx, id);
}
