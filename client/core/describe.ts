/** Rows of the vault as the values a caller sees, and what a waiting message waits for in plain words. */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { ERRORS, type ErrorCode, errorRow, TumarError } from "../../shared/crypto/errors.ts";
import type { VaultView } from "../vault/draft.ts";
import { getContact } from "./state/contacts.ts";
import type { IncomingRow, OutgoingRow } from "./state/messages.ts";
import { listEnvelopes } from "./state/outbox.ts";
import { hourToMs } from "./time.ts";
import type { ReceivedMessage, SentMessage } from "./types.ts";

export function describeIncoming(view: VaultView, row: IncomingRow): ReceivedMessage {
  return {
    id: row.id,
    from: getContact(view, row.root)?.name ?? null,
    identity: row.root,
    kind: row.kind,
    text: row.text,
    at: hourToMs(row.hour),
    isShown: row.isShown,
  };
}

export function describeOutgoing(view: VaultView, row: OutgoingRow): SentMessage {
  const { receipt } = row;
  return {
    id: row.id,
    to: getContact(view, row.root)?.name ?? null,
    identity: row.root,
    text: row.text,
    state: row.state,
    at: hourToMs(row.hour),
    receipt: receipt === null ? null : { ...receipt, hour: hourToMs(receipt.hour) },
  };
}

/** A fault that waiting will not cure; undefined while there is hope. */
export function faultOf(
  view: VaultView,
  row: OutgoingRow,
  sealingFault: TumarError | undefined,
): TumarError | undefined {
  if (row.state === "expired") {
    return new TumarError("EXPIRED", "no relay took the message before its last day");
  }
  if (getContact(view, row.root)?.isIdentityChanged) {
    return new TumarError("IDENTITY_CHANGED", "this contact's identity has changed");
  }
  const code = lastFault(view, row);
  const fault = code === undefined ? sealingFault : new TumarError(code, "the relay refused");
  return fault === undefined || fault.retryable ? undefined : fault;
}

export function waitingFor(
  view: VaultView,
  row: OutgoingRow,
  sealingFault: TumarError | undefined,
): string {
  if (getContact(view, row.root)?.isIdentityChanged) return ERRORS.IDENTITY_CHANGED.meaning;
  const code = lastFault(view, row) ?? sealingFault?.code;
  return code === undefined ? "It goes out with the next connection." : errorRow(code).meaning;
}

function lastFault(view: VaultView, row: OutgoingRow): ErrorCode | undefined {
  const envelope = listEnvelopes(view).find(([, one]) => equalBytes(one.messageId, row.id));
  const code = envelope?.[1].lastFault ?? "";
  return code in ERRORS ? (code as ErrorCode) : undefined;
}
