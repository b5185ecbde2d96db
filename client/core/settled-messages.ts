/**
 * When a message of ours is over: all its envelopes have gone, and for media all its blobs and what was
 * told of them later. Then it is stored if a relay signed for it and has everything, else expired.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import { advance } from "./message-state.ts";
import { findOutgoing, type OutgoingRow, putMessage } from "./state/messages.ts";
import { envelopesOf, listDrafts } from "./state/outbox.ts";
import {
  forgetKeys,
  isUploading,
  putSentPart,
  sentPartsOf,
  updateIdsOf,
} from "./state/sent-media.ts";
import type { ClientEvent } from "./types.ts";

export interface SettledMessage {
  readonly events: readonly ClientEvent[];
  /** Sealed bytes that nobody needs any more, for the caller to delete once this is in the vault. */
  readonly spools: readonly string[];
}

/** Looks whether it is over; `receipt` is of its envelope, and kept if it is the first. */
export function settleMessage(
  tx: VaultTransaction,
  id: Uint8Array,
  receipt: OutgoingRow["receipt"] = null,
): SettledMessage {
  const [index, message] = findOutgoing(tx, id) ?? [];
  if (index === undefined || message === undefined) return { events: [], spools: [] };
  const known = message.receipt ?? receipt;
  const isGone = !isTold(tx, message);
  // What no relay will ever name needs not be there.
  const spools = isGone && known === null && message.state !== "read" ? giveUpUploads(tx, id) : [];
  if (message.state === "read") forgetKeys(tx, id);
  const isOver = isGone && !sentPartsOf(tx, id).some(([, part]) => isUploading(part));
  const isWhole = known !== null && sentPartsOf(tx, id).every(([, part]) => part.isStored);
  const state = isOver ? advance(message.state, isWhole ? "stored" : "expired") : message.state;
  if (state === message.state && known === message.receipt) return { events: [], spools };
  putMessage(tx, index, { ...message, state, receipt: known });
  const events = state === message.state ? [] : [{ type: state, id: message.id } as ClientEvent];
  return { events, spools };
}

/** What is not stored of it will not be. */
export function giveUp(tx: VaultTransaction, id: Uint8Array): SettledMessage {
  const spools = giveUpUploads(tx, id);
  const { events, spools: more } = settleMessage(tx, id);
  return { events, spools: [...spools, ...more] };
}

/** @returns the spools, whose bytes may go */
function giveUpUploads(tx: VaultTransaction, id: Uint8Array): readonly string[] {
  return sentPartsOf(tx, id).flatMap(([part, row]) => {
    if (!isUploading(row)) return [];
    putSentPart(tx, id, part, { ...row, spool: "" });
    return [row.spool];
  });
}

/** Something of it has still to leave in an envelope, or to be sealed into one. */
function isTold(view: VaultView, { id, root }: OutgoingRow): boolean {
  const ids = [id, ...updateIdsOf(view, id)];
  if (ids.some((one) => envelopesOf(view, one).length > 0)) return true;
  return listDrafts(view, root).some(([, { content }]) =>
    ids.some((one) => equalBytes(one, content.messageId)),
  );
}
