/**
 * A peer could not open frames of ours and said so over a new session: the messages it names, and
 * what followed them, are written again under their old ids. The peer drops what it has.
 */

import type { MessageId } from "../../shared/e2ee/content.ts";
import { type DevicePeer, encodePeer } from "../../shared/e2ee/device-peer.ts";
import { applyReset } from "../../shared/e2ee/reset.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { isMediaKind, manifestDraft } from "./manifest.ts";
import { updateBody } from "./media-updates.ts";
import { writtenAgain } from "./message-state.ts";
import { draft } from "./seal.ts";
import { type ContactRow, getContact, getPeer, putContact, putPeer } from "./state/contacts.ts";
import { findOutgoing, putMessage } from "./state/messages.ts";
import { getRead } from "./state/reads.ts";
import { getUpdate } from "./state/sent-media.ts";
import type { ClientEvent } from "./types.ts";

export function resend(
  tx: VaultTransaction,
  core: Core,
  peer: DevicePeer,
  commitments: readonly Uint8Array[],
): readonly ClientEvent[] {
  const { root, deviceId } = peer.party;
  const { peer: next, resend: ids } = applyReset(peer, commitments);
  const row = getPeer(tx, root, deviceId);
  if (ids.length === 0 || row === undefined) return [];
  putPeer(tx, root, deviceId, { ...row, sessions: encodePeer(next) });
  return redraft(tx, core, root, ids, true);
}

/**
 * Writes messages that were sealed before once more, ids and seqs unchanged. What is lost is written
 * again for its sender too; otherwise the copy at the relay may still be opened.
 */
export function redraft(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  ids: readonly MessageId[],
  isLost: boolean,
): readonly ClientEvent[] {
  return ids.flatMap((messageId) => {
    const contact = getContact(tx, root);
    return contact === undefined ? [] : redraftOne(tx, core, contact, messageId, isLost);
  });
}

function redraftOne(
  tx: VaultTransaction,
  core: Core,
  contact: ContactRow,
  messageId: MessageId,
  isLost: boolean,
): readonly ClientEvent[] {
  const read = getRead(tx, contact.root, messageId);
  if (read !== undefined) {
    const { seq, hour, messageIds } = read;
    draft(tx, core, contact, { kind: "read", messageIds }, { messageId, seq, hour });
    return [];
  }
  const update = getUpdate(tx, messageId);
  if (update !== undefined) {
    const { media, part, seq, hour } = update;
    const body = updateBody(tx, media, part);
    if (body !== undefined) draft(tx, core, contact, body, { messageId, seq, hour });
    return [];
  }
  const [index, message] = findOutgoing(tx, messageId, contact.root) ?? [];
  if (index === undefined || message === undefined) {
    // Not a person's message: a grant or status that went with them; both are told anew.
    putContact(tx, { ...contact, isGrantSent: false, isStatusSent: false });
    return [];
  }
  const { kind, seq, hour, text } = message;
  const body = isMediaKind(kind) ? manifestDraft(kind) : ({ kind, text } as const);
  draft(tx, core, contact, body, { messageId, seq, hour });
  if (!isLost) return [];
  const state = writtenAgain(message.state);
  putMessage(tx, index, { ...message, state, receipt: null });
  return state === message.state ? [] : [{ type: state, id: message.id }];
}
