/**
 * Sessions that need a new handshake: frames of the peer that did not open (a reset is due), a first
 * flight that stayed unanswered, and, after a rollback of the vault, every session.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import type { MessageBody } from "../../shared/e2ee/content.ts";
import { type DevicePeer, decodePeer, encodePeer } from "../../shared/e2ee/device-peer.ts";
import { encodeGrantList } from "../../shared/e2ee/grant.ts";
import { encodeIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import { beginReset, isResetDue, sentThrough } from "../../shared/e2ee/reset.ts";
import {
  activeSession,
  closeSessions,
  shouldRepeatHandshake,
  startSession,
} from "../../shared/e2ee/sessions.ts";
import { decodeCertificate } from "../../shared/e2ee/statements/certificate.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import type { Introduced } from "./first-contact.ts";
import { laneOf } from "./message-state.ts";
import { replyGrants } from "./reply-grants.ts";
import { redraft } from "./resend.ts";
import { draft, sealDrafts } from "./seal.ts";
import { getContact, getPeer, listPeers, putPeer } from "./state/contacts.ts";
import { getIdentity } from "./state/identity.ts";
import { findOutgoing } from "./state/messages.ts";

/** Roots of contacts with a session to repair, each once. */
export function rootsToRepair(view: VaultView, core: Core): readonly Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const { sessions } of listPeers(view)) {
    const peer = sessions === null ? undefined : decodePeer(sessions);
    if (peer !== undefined && isBroken(view, peer, core.time.minute())) {
      found.set(toHex(peer.party.root), peer.party.root);
    }
  }
  return [...found.values()];
}

/** Repairs what `introduced` has prekeys for. A repeated handshake takes no one-time pair. */
export function repair(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  introduced: ReadonlyMap<string, Introduced>,
): void {
  sealDrafts(tx, core, root);
  for (const { sessions } of listPeers(tx, root)) {
    const peer = sessions === null ? undefined : decodePeer(sessions);
    const found = peer === undefined ? undefined : introduced.get(toHex(peer.party.deviceId));
    if (peer === undefined || found === undefined) continue;
    if (isResetDue(peer, core.time.minute())) reset(tx, core, peer, found);
    else if (isUnanswered(tx, peer, core.time.minute())) repeat(tx, core, peer, found);
  }
  sealDrafts(tx, core, root, introduced);
}

/** The vault is an older copy: what was sent since must never be sent under again. */
export function closeAllSessions(tx: VaultTransaction): void {
  for (const row of listPeers(tx)) {
    if (row.sessions === null) continue;
    const peer = decodePeer(row.sessions);
    const sessions = encodePeer(closeSessions(peer));
    putPeer(tx, peer.party.root, peer.party.deviceId, { ...row, sessions });
  }
}

function isBroken(view: VaultView, peer: DevicePeer, minute: number): boolean {
  return isResetDue(peer, minute) || isUnanswered(view, peer, minute);
}

/** Relays whose first flight to this contact stayed unanswered: the next goes through another. */
export function relaysToAvoid(
  view: VaultView,
  core: Core,
  root: Uint8Array,
): readonly Uint8Array[] {
  return listPeers(view, root).flatMap(({ sessions, via }) => {
    const peer = sessions === null ? undefined : decodePeer(sessions);
    const isOpen = peer !== undefined && isUnanswered(view, peer, core.time.minute());
    return isOpen && via !== null ? [via] : [];
  });
}

function isUnanswered(view: VaultView, peer: DevicePeer, minute: number): boolean {
  const session = activeSession(peer, minute);
  if (session === undefined || !shouldRepeatHandshake(session, minute, true)) return false;
  return shouldRepeatHandshake(session, minute, false) || hasUrgent(view, peer, session.id);
}

function hasUrgent(view: VaultView, peer: DevicePeer, sessionId: Uint8Array): boolean {
  return sentThrough(peer, sessionId).some((id) => {
    const row = findOutgoing(view, id)?.[1];
    return row !== undefined && laneOf(row.kind) === "urgent";
  });
}

function reset(tx: VaultTransaction, core: Core, peer: DevicePeer, found: Introduced): void {
  const begun = beginReset(peer, core.time.minute());
  restart(tx, core, begun.peer, found, false);
  const contact = getContact(tx, peer.party.root);
  const body: MessageBody = { kind: "reset", commitments: begun.commitments };
  if (contact !== undefined) draft(tx, core, contact, body);
}

function repeat(tx: VaultTransaction, core: Core, peer: DevicePeer, found: Introduced): void {
  const session = activeSession(peer, core.time.minute());
  if (session === undefined) return;
  restart(tx, core, peer, found, true);
  redraft(tx, core, peer.party.root, sentThrough(peer, session.id), false);
}

function restart(
  tx: VaultTransaction,
  core: Core,
  peer: DevicePeer,
  found: Introduced,
  isRepeat: boolean,
): void {
  const { root, deviceId } = peer.party;
  const contact = getContact(tx, root);
  const row = getPeer(tx, root, deviceId);
  if (contact === undefined || row === undefined) return;
  const identity = getIdentity(tx);
  const certificate = decodeCertificate(identity.certificate);
  const block = encodeIdentityBlock(certificate, replyGrants(tx, core, contact));
  const own = { root: identity.root, device: identity.device };
  const { random, time } = core;
  const bundle = isRepeat ? found.withoutPair : found.bundle;
  const next = startSession(peer, own, bundle, block, random, time.minute(), isRepeat);
  // Nobody has answered through the places known: it goes to those of the relay asked now.
  const grants = isRepeat ? encodeGrantList(found.grants) : row.grants;
  putPeer(tx, root, deviceId, { ...row, grants, via: found.relay, sessions: encodePeer(next) });
}
