/**
 * When a message of ours is over: all its envelopes have gone, and for media all its blobs and what was
 * told of them later. Then it is stored if a relay signed for it and has everything, else expired.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import { advance } from "./message-state.ts";
import { findOutgoing, type OutgoingRow, putMessage } from "./state/messages.ts";
import { envelopesOf, listDrafts } from "./state/outbox.ts";
import { isUploading, putSentPart, sentPartsOf, updateIdsOf } from "./state/sent-media.ts";
import type { ClientEvent } from "./types.ts";

/** Looks whether it is over; `receipt` is of its envelope, and kept if it is the first. */
export function settleMessage(
  tx: VaultTransaction,
  id: Uint8Array,
  receipt: OutgoingRow["receipt"] = null,
): readonly ClientEvent[] {
  const [index, message] = findOutgoing(tx, id) ?? [];
  if (index === undefined || message === undefined) return [];
  const known = message.receipt ?? receipt;
  const isGone = !isTold(tx, message);
  // What no relay will ever name needs not be there.
  if (isGone && known === null) giveUpUploads(tx, id);
  const isOver = isGone && !sentPartsOf(tx, id).some(([, part]) => isUploading(part));
  const isWhole = known !== null && sentPartsOf(tx, id).every(([, part]) => part.isStored);
  const state = isOver ? advance(message.state, isWhole ? "stored" : "expired") : message.state;
  if (state === message.state && known === message.receipt) return [];
  putMessage(tx, index, { ...message, state, receipt: known });
  return state === message.state ? [] : [{ type: state, id: message.id } as ClientEvent];
}

/** @returns the spools, whose bytes may go */
export function giveUpUploads(tx: VaultTransaction, id: Uint8Array): readonly string[] {
  return sentPartsOf(tx, id).flatMap(([part, row]) => {
    if (!isUploading(row)) return [];
    putSentPart(tx, id, part, { ...row, spool: "" });
    return [row.spool];
  });
}

/** Something of it has still to leave in an envelope. */
function isTold(view: VaultView, { id, root }: OutgoingRow): boolean {
  const ids = [id, ...updateIdsOf(view, id)];
  if (ids.some((one) => envelopesOf(view, one).length > 0)) return true;
  if (ids.length === 1) return false;
  return listDrafts(view, root).some(([, { content }]) =>
    ids.some((one) => equalBytes(one, content.messageId)),
  );
}
