/** What a relay said to a deposit, taken into the vault: receipts, and why others are still here. */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import type { ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import { encodeCbor } from "../../shared/wire/codec.ts";
import type { ReceiptFrame } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { failOver } from "./places.ts";
import { type SettledMessage, settleMessage } from "./settled-messages.ts";
import type { OutgoingRow } from "./state/messages.ts";
import {
  deleteEnvelope,
  type EnvelopeRow,
  getEnvelope,
  placesAt,
  putEnvelope,
  spareTwins,
} from "./state/outbox.ts";
import { messageOf } from "./state/sent-media.ts";

export interface Deposited {
  readonly place: number;
  readonly row: EnvelopeRow;
  readonly receipt?: ReceiptFrame;
  readonly fault?: TumarError;
}

export interface Settled {
  /** Hashes of the relays that envelopes were addressed to instead. */
  readonly movedTo: readonly Uint8Array[];
  /** Places of those that wait for the same relay to try it again. */
  readonly left: readonly number[];
}

export async function settle(core: Core, results: readonly Deposited[]): Promise<Settled> {
  const { over, ...settled } = await core.vault.transaction((tx) => {
    const movedTo: Uint8Array[] = [];
    const left: number[] = [];
    for (const result of results) {
      if (result.receipt !== undefined) takeReceipt(tx, result);
      else if (isStillWaiting(tx, result)) {
        const hash = failOver(tx, core, result.place);
        if (hash === undefined) left.push(result.place);
        else movedTo.push(hash);
      }
    }
    return { movedTo, left, over: results.map((result) => settleMessageOf(tx, result)) };
  });
  for (const { events, spools } of over) {
    for (const spool of spools) await core.blobs.delete(spool).catch(() => undefined);
    for (const event of events) core.emit(event);
  }
  return settled;
}

function takeReceipt(tx: VaultTransaction, { place, row }: Deposited): void {
  if (getEnvelope(tx, place) === undefined) return;
  spareTwins(tx, place, row);
  deleteEnvelope(tx, place);
}

/** The first receipt for its own envelope is the message's. */
function settleMessageOf(tx: VaultTransaction, { row, receipt, fault }: Deposited): SettledMessage {
  if (receipt === undefined && fault?.code !== "EXPIRED") return { events: [], spools: [] };
  const id = messageOf(tx, row.messageId);
  const isItsOwn = receipt !== undefined && equalBytes(id, row.messageId);
  return settleMessage(tx, id, isItsOwn ? receiptOf(row, receipt) : null);
}

function receiptOf(row: EnvelopeRow, receipt: ReceiptFrame): NonNullable<OutgoingRow["receipt"]> {
  return {
    relay: row.relay,
    hour: receipt.hour,
    envelopeId: envelopeId(row.envelope),
    proof: encodeProof(receipt),
  };
}

/** Notes why. Past its day no relay would keep it; it leaves the outbox. */
function isStillWaiting(tx: VaultTransaction, { place, row, fault }: Deposited): boolean {
  const code: ErrorCode = fault?.code ?? "INTERNAL";
  const held = getEnvelope(tx, place);
  if (held === undefined || !equalBytes(held.depositId, row.depositId)) return false;
  if (code === "EXPIRED") {
    deleteEnvelope(tx, place);
    return false;
  }
  if (held.lastFault !== code) putEnvelope(tx, place, { ...held, lastFault: code });
  return true;
}

/** What `verifyReceipt` needs besides the envelope: hour, index, path and signature. */
function encodeProof({ hour, index, path, signature }: ReceiptFrame): Uint8Array {
  return encodeCbor([hour, index, [...path], signature]);
}

/** Envelopes moved in one commit: each is written anew as a whole. */
const MOVES = 8;

/** Addresses what waits for a silent relay to others, a few in one commit. `busy` stays where it is. */
export async function moveAway(
  core: Core,
  relay: string,
  busy: ReadonlySet<number>,
): Promise<Settled & { readonly isDone: boolean }> {
  return core.vault.transaction((tx) => {
    const movedTo: Uint8Array[] = [];
    const left: number[] = [];
    for (const place of placesAt(tx, relay)) {
      if (movedTo.length === MOVES) return { movedTo, left, isDone: false };
      const hash = busy.has(place) ? undefined : failOver(tx, core, place);
      if (hash !== undefined) movedTo.push(hash);
      else if (!busy.has(place)) left.push(place);
    }
    return { movedTo, left, isDone: true };
  });
}
