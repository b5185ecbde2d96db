/** Rows of the vault as the values a caller sees, and what a waiting message waits for in plain words. */

import { ERRORS, type ErrorCode, errorRow, TumarError } from "../../shared/crypto/errors.ts";
import { decodeBody, isWritten } from "../../shared/e2ee/content.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import {
  describeReceivedMedia,
  describeSentMedia,
  uploadsOf,
  uploadWords,
} from "./describe-media.ts";
import { laneOf } from "./message-state.ts";
import { getContact } from "./state/contacts.ts";
import type { IncomingRow, OutgoingRow } from "./state/messages.ts";
import { type EnvelopeRow, envelopesOf } from "./state/outbox.ts";
import { getSentMedia, isGivenUp, sentPartsOf } from "./state/sent-media.ts";
import { hourToMs } from "./time.ts";
import type { OutboxItem, ReceivedMessage, SentMessage, Trying } from "./types.ts";

const DAY_MS = 86_400_000;

export function describeIncoming(
  view: VaultView,
  core: Pick<Core, "progress">,
  row: IncomingRow,
): ReceivedMessage {
  return {
    id: row.id,
    from: getContact(view, row.root)?.name ?? null,
    identity: row.root,
    ...shownContent(row),
    media: describeReceivedMedia(view, core, row.id),
    at: hourToMs(row.hour),
    isShown: row.isShown,
    isRead: row.isRead,
  };
}

/** What an earlier version kept is shown by one that knows its kind. */
export function shownContent({
  kind,
  text,
  kept,
}: IncomingRow): Pick<ReceivedMessage, "kind" | "text"> {
  if (kept === null) return { kind, text };
  try {
    const body = decodeBody(kept.number, kept.bytes);
    return isWritten(body) ? { kind: body.kind, text: body.text } : { kind, text };
  } catch (error) {
    if (error instanceof TumarError) return { kind, text };
    throw error;
  }
}

export function describeOutgoing(
  view: VaultView,
  core: Pick<Core, "progress" | "recordings">,
  row: OutgoingRow,
): SentMessage {
  const { receipt } = row;
  return {
    id: row.id,
    to: getContact(view, row.root)?.name ?? null,
    identity: row.root,
    kind: row.kind,
    lane: laneOf(row.kind),
    text: row.text,
    media: describeSentMedia(view, core, row.id),
    state: row.state,
    at: hourToMs(row.hour),
    writtenAt: row.writtenMs,
    receipt: receipt === null ? null : { ...receipt, hour: hourToMs(receipt.hour) },
  };
}

/** A fault that waiting will not cure; undefined while there is hope. `sealingFault` concerns drafts. */
export function faultOf(
  view: VaultView,
  row: OutgoingRow,
  sealingFault: TumarError | undefined,
): TumarError | undefined {
  // Its manifest may have been read all the same.
  const isIncomplete = sentPartsOf(view, row.id).some(([, part]) => isGivenUp(part));
  if (row.state === "expired" || isIncomplete) {
    if (getSentMedia(view, row.id)?.isLost) {
      return new TumarError("MEDIA_INTERRUPTED", "what was sealed is gone");
    }
    return new TumarError("EXPIRED", "no relay took the message before its last day");
  }
  if (getContact(view, row.root)?.isIdentityChanged) {
    return new TumarError("IDENTITY_CHANGED", "this contact's identity has changed");
  }
  const sealed = envelopesOf(view, row.id);
  const code = lastFault(sealed) ?? uploadFault(view, row.id);
  const refused = code === undefined ? undefined : new TumarError(code, "the relay refused");
  const fault = sealed.length === 0 ? (refused ?? sealingFault) : refused;
  return fault === undefined || fault.retryable ? undefined : fault;
}

/** `fault` is what holds up drafts to this contact or our own relay; `trying` what the links do now. */
export function describeWaiting(
  view: VaultView,
  core: Pick<Core, "progress" | "recordings">,
  row: OutgoingRow,
  fault: TumarError | undefined,
  trying: Trying | null,
): OutboxItem {
  const waiting = [...envelopesOf(view, row.id), ...uploadsOf(view, row.id)];
  const days = waiting.map(({ expiryDay }) => expiryDay).filter((day) => day > 0);
  const message = describeOutgoing(view, core, row);
  const words = message.media === null ? null : uploadWords(view, message.id, message.media);
  return {
    ...message,
    waitingFor: words ?? waitingFor(view, row, fault),
    trying,
    expiresAt: days.length === 0 ? null : Math.min(...days) * DAY_MS,
  };
}

export function waitingFor(
  view: VaultView,
  row: OutgoingRow,
  fault: TumarError | undefined,
): string {
  if (getContact(view, row.root)?.isIdentityChanged) return ERRORS.IDENTITY_CHANGED.meaning;
  const code = lastFault(envelopesOf(view, row.id)) ?? uploadFault(view, row.id) ?? fault?.code;
  return code === undefined ? "It goes out with the next connection." : errorRow(code).meaning;
}

function lastFault(sealed: readonly Pick<EnvelopeRow, "lastFault">[]): ErrorCode | undefined {
  const code = sealed.find(({ lastFault }) => lastFault !== "")?.lastFault ?? "";
  return code in ERRORS ? (code as ErrorCode) : undefined;
}

/** Why a blob of it is still here. */
function uploadFault(view: VaultView, id: Uint8Array): ErrorCode | undefined {
  return lastFault(uploadsOf(view, id));
}
