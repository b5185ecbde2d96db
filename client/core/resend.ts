/**
 * A peer could not open frames of ours and said so over a new session: the messages it names, and
 * what followed them, are written again under their old ids. The peer drops what it has.
 */

import type { MessageId } from "../../shared/e2ee/content.ts";
import { type DevicePeer, encodePeer } from "../../shared/e2ee/device-peer.ts";
import { applyReset } from "../../shared/e2ee/reset.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { writtenAgain } from "./message-state.ts";
import { draft } from "./seal.ts";
import { getContact, getPeer, putContact, putPeer } from "./state/contacts.ts";
import { getMessage, messageIndex, putMessage } from "./state/messages.ts";
import { getRead } from "./state/reads.ts";

export function resend(
  tx: VaultTransaction,
  core: Core,
  peer: DevicePeer,
  commitments: readonly Uint8Array[],
): void {
  const { root, deviceId } = peer.party;
  const { peer: next, resend: ids } = applyReset(peer, commitments);
  const row = getPeer(tx, root, deviceId);
  if (ids.length === 0 || row === undefined) return;
  putPeer(tx, root, deviceId, { ...row, sessions: encodePeer(next) });
  redraft(tx, core, root, ids);
}

/** Writes messages that were sealed before once more, ids and seqs unchanged. */
export function redraft(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  ids: readonly MessageId[],
): void {
  for (const messageId of ids) {
    const contact = getContact(tx, root);
    if (contact === undefined) return;
    const index = messageIndex(tx, messageId);
    const message = index === undefined ? undefined : getMessage(tx, index);
    const read = getRead(tx, root, messageId);
    if (read !== undefined) {
      const { seq, hour, messageIds } = read;
      draft(tx, core, contact, { kind: "read", messageIds }, { messageId, seq, hour });
      continue;
    }
    if (index === undefined || message?.direction !== "out") {
      // Not a person's message: a grant or status that went with them; both are told anew.
      putContact(tx, { ...contact, isGrantSent: false, isStatusSent: false });
      continue;
    }
    const { kind, seq, hour, text } = message;
    putMessage(tx, index, { ...message, state: writtenAgain(message.state), receipt: null });
    draft(tx, core, contact, { kind, text }, { messageId, seq, hour });
  }
}
