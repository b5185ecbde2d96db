/** What a relay said to a deposit, taken into the vault: receipts, and why others are still here. */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import type { ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import { encodeCbor } from "../../shared/wire/codec.ts";
import type { ReceiptFrame } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { getMessage, messageIndex, putMessage } from "./state/messages.ts";
import {
  deleteEnvelope,
  type EnvelopeRow,
  getEnvelope,
  hasEnvelope,
  putEnvelope,
} from "./state/outbox.ts";

export interface Deposited {
  readonly place: number;
  readonly row: EnvelopeRow;
  readonly receipt?: ReceiptFrame;
  readonly fault?: TumarError;
}

export async function settle(core: Core, results: readonly Deposited[]): Promise<void> {
  const done = await core.vault.transaction((tx) => {
    for (const result of results) settleEnvelope(tx, result);
    return results.flatMap((result) => settleMessage(tx, result) ?? []);
  });
  for (const id of done) core.emit({ type: "stored", id });
}

/** Stored envelopes leave the outbox; the others keep why they could not. */
function settleEnvelope(tx: VaultTransaction, { place, row, receipt, fault }: Deposited): void {
  if (getEnvelope(tx, place) === undefined) return;
  if (receipt === undefined) noteFault(tx, place, row, fault?.code ?? "INTERNAL");
  else deleteEnvelope(tx, place);
}

/** The id of a message whose last envelope this was. */
function settleMessage(tx: VaultTransaction, { row, receipt }: Deposited): Uint8Array | undefined {
  if (receipt === undefined || hasEnvelope(tx, row.messageId)) return undefined;
  const index = messageIndex(tx, row.messageId);
  const message = index === undefined ? undefined : getMessage(tx, index);
  if (index === undefined || message?.direction !== "out" || message.state === "stored") {
    return undefined;
  }
  putMessage(tx, index, {
    ...message,
    state: "stored",
    receipt: {
      relay: row.relay,
      hour: receipt.hour,
      envelopeId: envelopeId(row.envelope),
      proof: encodeProof(receipt),
    },
  });
  return row.messageId;
}

/** Past its day the relay would not keep it; it stays as a message that was never stored. */
function noteFault(tx: VaultTransaction, place: number, row: EnvelopeRow, code: ErrorCode): void {
  const held = getEnvelope(tx, place);
  if (held === undefined || !equalBytes(held.depositId, row.depositId)) return;
  if (code !== "EXPIRED") {
    if (held.lastFault !== code) putEnvelope(tx, place, { ...held, lastFault: code });
    return;
  }
  deleteEnvelope(tx, place);
  const index = messageIndex(tx, row.messageId);
  const message = index === undefined ? undefined : getMessage(tx, index);
  if (index !== undefined && message?.direction === "out") {
    putMessage(tx, index, { ...message, state: "expired" });
  }
}

/** What `verifyReceipt` needs besides the envelope: hour, index, path and signature. */
function encodeProof({ hour, index, path, signature }: ReceiptFrame): Uint8Array {
  return encodeCbor([hour, index, [...path], signature]);
}
