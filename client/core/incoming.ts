/**
 * One delivered envelope, opened inside a vault transaction: the new session state, the message, the
 * used one-time pair and what the message changed are one commit; only then is it acknowledged.
 */

import { equalBytes, fromHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningPublicKey } from "../../shared/crypto/sodium.ts";
import { type Content, decodeContent } from "../../shared/e2ee/content.ts";
import { type DevicePeer, decodePeer, encodePeer } from "../../shared/e2ee/device-peer.ts";
import { unwrapFrame } from "../../shared/e2ee/envelope.ts";
import { encodeGrantList, type GrantPlace } from "../../shared/e2ee/grant.ts";
import { type Introduction, openIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import { arrive, release } from "../../shared/e2ee/ordering.ts";
import { prekeySecrets, removePair } from "../../shared/e2ee/prekey-state.ts";
import { noteUnopened } from "../../shared/e2ee/reset.ts";
import { type Received, receiveFrom } from "../../shared/e2ee/session-receive.ts";
import { decodeStatement } from "../../shared/e2ee/statement.ts";
import { encodeStatusPlaces } from "../../shared/e2ee/status-record.ts";
import type { Delivery } from "../net/requests.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { draftCourtesies } from "./courtesies.ts";
import { compareSets, withStatements } from "./known-sets.ts";
import { readdress } from "./readdress.ts";
import { resend } from "./resend.ts";
import {
  type ContactRow,
  countPeers,
  countStrangers,
  getContact,
  getPeer,
  listPeers,
  newContact,
  putContact,
  putPeer,
} from "./state/contacts.ts";
import { getMyGrant, type MyGrantRow } from "./state/grants.ts";
import { getOrder, type HeldItem, listHeld, putOrder } from "./state/held.ts";
import { getIdentity } from "./state/identity.ts";
import { addMessage, type IncomingRow, messageIndex } from "./state/messages.ts";
import { getPrekeys, putPrekeys } from "./state/prekeys.ts";
import { MAX_INDEX } from "./state/table.ts";
import type { ClientEvent } from "./types.ts";

/** What a delivery came to; every outcome is acknowledged, since a second try would end the same. */
export interface Opened {
  /** Whom it came from; undefined when it did not open. */
  readonly root?: SigningPublicKey;
  readonly events: readonly ClientEvent[];
}

/** A contact or stranger cannot grow our vault without end: what is beyond these is not kept. */
const MAX_DEVICES = 32;
const MAX_STRANGERS = 256;
const NOTHING: Opened = { events: [] };
const NO_GRANTS: Uint8Array = encodeGrantList([]);

export function openDelivery(tx: VaultTransaction, core: Core, delivery: Delivery): Opened {
  const grant = getMyGrant(tx, delivery.tag);
  const frame = grant === undefined ? undefined : tryUnwrap(grant, delivery.envelope);
  if (grant === undefined || frame === undefined) return NOTHING;
  const received = tryReceive(tx, core, grant, frame);
  if (received === undefined) return NOTHING;
  return take(tx, core, grant, delivery, received);
}

/** Gaps in what a device sent are given up after a minute: shows what waited. */
export function releaseHeld(
  tx: VaultTransaction,
  { time }: Pick<Core, "time">,
): readonly ClientEvent[] {
  return listHeld(tx).flatMap(([root, device]) => {
    const key = { root: fromHex(root), device: fromHex(device) };
    const before = getOrder(tx, key.root, key.device);
    const { order, ready } = release(before, time.nowMs());
    if (ready.length === 0) return [];
    putOrder(tx, key.root, key.device, order);
    return show(tx, ready);
  });
}

function tryUnwrap(grant: MyGrantRow, envelope: Uint8Array): Uint8Array | undefined {
  try {
    return unwrapFrame(grant.wrapKey, envelope);
  } catch (error) {
    if (error instanceof TumarError) return undefined;
    throw error;
  }
}

function tryReceive(
  tx: VaultTransaction,
  core: Core,
  grant: MyGrantRow,
  frame: Uint8Array,
): Received<Introduction> | undefined {
  const identity = getIdentity(tx);
  const rows = grant.contact === null ? listPeers(tx) : listPeers(tx, grant.contact);
  const candidates = rows.flatMap(({ sessions }) =>
    sessions === null ? [] : decodePeer(sessions),
  );
  const receiver = {
    own: { root: identity.root, device: identity.device },
    candidates,
    peerOf: (party: Introduction) => storedPeer(tx, party),
    prekeysOf: (ids: Parameters<typeof prekeySecrets>[1]) => prekeySecrets(getPrekeys(tx), ids),
    openIdentity: openIdentityBlock,
  };
  try {
    return receiveFrom(receiver, frame, core.time.minute());
  } catch (error) {
    if (!(error instanceof TumarError)) throw error;
    if (error.code === "CANNOT_DECRYPT" && grant.contact !== null) note(tx, candidates, frame);
    return undefined;
  }
}

function storedPeer(tx: VaultTransaction, party: Introduction): DevicePeer | undefined {
  const row = getPeer(tx, party.root, party.deviceId);
  return row?.sessions == null ? undefined : decodePeer(row.sessions);
}

/** For a reset: frames that came through a contact's own grant and did not open. */
function note(tx: VaultTransaction, peers: readonly DevicePeer[], frame: Uint8Array): void {
  for (const peer of peers) {
    const row = getPeer(tx, peer.party.root, peer.party.deviceId);
    if (row === undefined) continue;
    const noted = noteUnopened(peer, frame);
    putPeer(tx, peer.party.root, peer.party.deviceId, { ...row, sessions: encodePeer(noted) });
  }
}

function take(
  tx: VaultTransaction,
  core: Core,
  grant: MyGrantRow,
  delivery: Delivery,
  received: Received<Introduction>,
): Opened {
  const { party } = received.peer;
  const contact = introduced(tx, core, received, delivery.hour);
  if (contact === undefined) return NOTHING;
  const events: ClientEvent[] = [];
  if (grant.contact !== null && !equalBytes(grant.contact, party.root)) {
    events.push(...markChanged(tx, grant.contact));
  }
  if (received.usedPair !== 0) putPrekeys(tx, removePair(getPrekeys(tx), received.usedPair));
  putContact(tx, contact);
  storePeer(tx, core, received);
  const content = tryContent(received);
  if (content !== undefined) events.push(...takeContent(tx, core, received.peer, content));
  draftCourtesies(tx, core, party.root, false);
  return { root: party.root, events };
}

/** A contact's grant used, or a record signed, under another root: nothing is sent there any more. */
export function markChanged(tx: VaultTransaction, root: Uint8Array): readonly ClientEvent[] {
  const contact = getContact(tx, root);
  if (contact === undefined || contact.isIdentityChanged) return [];
  putContact(tx, { ...contact, isIdentityChanged: true });
  return [{ type: "identity-changed", identity: contact.root }];
}

/** Who wrote, with what they introduced themselves by; undefined when there is no room for them. */
function introduced(
  tx: VaultTransaction,
  core: Core,
  { peer, identity }: Received<Introduction>,
  hour: number,
): ContactRow | undefined {
  const { root, deviceId } = peer.party;
  const held = getContact(tx, root);
  if (held === undefined && countStrangers(tx) >= MAX_STRANGERS) return undefined;
  const isNew = getPeer(tx, root, deviceId) === undefined;
  if (isNew && countPeers(tx, root) >= MAX_DEVICES) return undefined;
  const contact = held ?? newContact(root);
  if (identity === undefined) return contact;
  try {
    return withStatements(core, contact, [identity.certificate], hour);
  } catch (error) {
    if (error instanceof TumarError) return undefined;
    throw error;
  }
}

function storePeer(
  tx: VaultTransaction,
  core: Core,
  { peer, identity }: Received<Introduction>,
): void {
  const { root, deviceId } = peer.party;
  const held = getPeer(tx, root, deviceId);
  const sessions = encodePeer(peer);
  putPeer(tx, root, deviceId, { grants: held?.grants ?? NO_GRANTS, sessions });
  if (identity !== undefined) takeGrants(tx, core, peer.party, identity.replyGrants);
}

/** What opened and cannot be read was written by newer or faulty software of the sender's. */
function tryContent({ peer, plaintext }: Received<Introduction>): Content | undefined {
  try {
    const content = decodeContent(plaintext);
    const isTheirs = equalBytes(content.deviceId, peer.party.deviceId);
    return isTheirs && content.seq <= MAX_INDEX ? content : undefined;
  } catch (error) {
    if (error instanceof TumarError) return undefined;
    throw error;
  }
}

function takeContent(
  tx: VaultTransaction,
  core: Core,
  peer: DevicePeer,
  content: Content,
): readonly ClientEvent[] {
  const { root, deviceId } = peer.party;
  const item = shownRow(root, content);
  const events = act(tx, core, peer, content);
  compareSets(tx, core, root, content);
  const before = getOrder(tx, root, deviceId);
  if (item !== null && isKnown(tx, content.messageId, before.waiting)) return events;
  const { order, ready } = arrive(before, content.seq, item, core.time.nowMs());
  putOrder(tx, root, deviceId, order);
  return [...events, ...show(tx, ready)];
}

function isKnown(
  tx: VaultTransaction,
  messageId: Uint8Array,
  waiting: readonly { readonly item: HeldItem }[],
): boolean {
  if (messageIndex(tx, messageId) !== undefined) return true;
  return waiting.some(({ item }) => item !== null && equalBytes(item.id, messageId));
}

/** The row a person will see; null for what the software says to the software. */
function shownRow(root: Uint8Array, content: Content): HeldItem {
  const { body, messageId, deviceId, seq, hour } = content;
  const isShown = body.kind === "text" || body.kind === "reset" || body.kind === "unsupported";
  if (!isShown) return null;
  const text = body.kind === "text" ? body.text : "";
  return {
    direction: "in",
    root,
    id: messageId,
    text,
    hour,
    seq,
    kind: body.kind,
    device: deviceId,
    isShown: false,
  };
}

function act(
  tx: VaultTransaction,
  core: Core,
  peer: DevicePeer,
  { body }: Content,
): readonly ClientEvent[] {
  const { root } = peer.party;
  switch (body.kind) {
    case "grant":
      takeGrants(tx, core, peer.party, body.places);
      return [];
    case "status":
      updateContact(tx, root, { status: encodeStatusPlaces(body.places) });
      return [];
    case "statements":
      return joinStatements(tx, core, root, body.statements);
    case "reset":
      resend(tx, core, peer, body.commitments);
      return [];
    default:
      return [];
  }
}

/** The newest list a device told replaces the one before; an empty one names no place and is none. */
function takeGrants(
  tx: VaultTransaction,
  core: Core,
  { root, deviceId }: DevicePeer["party"],
  places: readonly GrantPlace[],
): void {
  const row = getPeer(tx, root, deviceId);
  const grants = encodeGrantList(places);
  if (row === undefined || places.length === 0 || equalBytes(row.grants, grants)) return;
  putPeer(tx, root, deviceId, { ...row, grants });
  readdress(tx, core, root, deviceId);
}

function joinStatements(
  tx: VaultTransaction,
  core: Core,
  root: SigningPublicKey,
  encoded: readonly Uint8Array[],
): readonly ClientEvent[] {
  const contact = getContact(tx, root);
  if (contact === undefined) return [];
  try {
    const statements = encoded.map(decodeStatement);
    putContact(tx, withStatements(core, contact, statements, core.time.hour()));
    return [];
  } catch (error) {
    if (!(error instanceof TumarError)) throw error;
    return error.code === "IDENTITY_CHANGED" ? markChanged(tx, root) : [];
  }
}

function updateContact(tx: VaultTransaction, root: Uint8Array, change: Partial<ContactRow>): void {
  const contact = getContact(tx, root);
  if (contact !== undefined) putContact(tx, { ...contact, ...change });
}

function show(tx: VaultTransaction, ready: readonly HeldItem[]): readonly ClientEvent[] {
  const rows = ready.filter((item): item is IncomingRow => item !== null);
  return rows.map((row): ClientEvent => {
    addMessage(tx, row);
    return { type: "message", id: row.id };
  });
}
