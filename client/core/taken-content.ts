/**
 * What opened, taken in: a person's message is put in its order and shown, what software says to
 * software is acted on. Nothing that opened is dropped unseen, and nothing in it ends the batch.
 */

import { equalBytes, fromHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { H } from "../../shared/crypto/hash.ts";
import type { SigningPublicKey } from "../../shared/crypto/sodium.ts";
import {
  type Content,
  isMedia,
  isWritten,
  MESSAGE_ID_BYTES,
  readContent,
} from "../../shared/e2ee/content.ts";
import type { DevicePeer } from "../../shared/e2ee/device-peer.ts";
import { encodeGrantList, type GrantPlace } from "../../shared/e2ee/grant.ts";
import { arrive, release } from "../../shared/e2ee/ordering.ts";
import { decodeStatement } from "../../shared/e2ee/statement.ts";
import { encodeStatusPlaces, type StatusPlace } from "../../shared/e2ee/status-record.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { compareSets, withStatements } from "./known-sets.ts";
import { readdress } from "./places.ts";
import { takeRead } from "./reads.ts";
import { resend } from "./resend.ts";
import { type ContactRow, getContact, getPeer, putContact, putPeer } from "./state/contacts.ts";
import { getOrder, type HeldItem, listHeld, putOrder } from "./state/held.ts";
import { addMessage, type IncomingRow, messageIndex } from "./state/messages.ts";
import { MAX_INDEX } from "./state/table.ts";
import { takeManifest, takeUpdate } from "./taken-media.ts";
import type { ClientEvent } from "./types.ts";

const NEW = { direction: "in", text: "", isShown: false, isRead: false, kept: null } as const;

export function takePlaintext(
  tx: VaultTransaction,
  core: Core,
  peer: DevicePeer,
  plaintext: Uint8Array,
): readonly ClientEvent[] {
  const content = tryContent(peer, plaintext);
  return content === undefined
    ? keepUnreadable(tx, core, peer, plaintext)
    : takeContent(tx, core, peer, content);
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

/** A contact's grant used, or a record signed, under another root: nothing is sent there any more. */
export function markChanged(tx: VaultTransaction, root: Uint8Array): readonly ClientEvent[] {
  const contact = getContact(tx, root);
  if (contact === undefined || contact.isIdentityChanged) return [];
  putContact(tx, { ...contact, isIdentityChanged: true });
  return [{ type: "identity-changed", identity: contact.root }];
}

/** Undefined when its head cannot be read, or names another device or a seq beyond all bounds. */
function tryContent(peer: DevicePeer, plaintext: Uint8Array): Content | undefined {
  try {
    const content = readContent(plaintext);
    const isTheirs = equalBytes(content.deviceId, peer.party.deviceId);
    return isTheirs && content.seq <= MAX_INDEX ? content : undefined;
  } catch (error) {
    if (error instanceof TumarError) return undefined;
    throw error;
  }
}

/** Newer or faulty software wrote it: the reader sees that something came, a later version may read it. */
function keepUnreadable(
  tx: VaultTransaction,
  core: Core,
  peer: DevicePeer,
  plaintext: Uint8Array,
): readonly ClientEvent[] {
  const id = H(new Uint8Array(0), "unreadable", plaintext, MESSAGE_ID_BYTES);
  if (messageIndex(tx, id) !== undefined) return [];
  const { root, deviceId } = peer.party;
  const kept = { number: 0, bytes: plaintext };
  const head = { root, id, hour: core.time.hour(), seq: 0, device: deviceId };
  return show(tx, [{ ...head, ...NEW, kind: "unsupported", kept }]);
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
  // An alert waits for nothing before it; in the order it counts as shown.
  const isUrgent = content.body.kind === "alert";
  const inTurn = isUrgent ? null : item;
  const { order, ready } = arrive(before, content.seq, inTurn, core.time.nowMs());
  putOrder(tx, root, deviceId, order);
  return [...events, ...show(tx, isUrgent ? [item] : []), ...show(tx, ready)];
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
  const head = { root, id: messageId, hour, seq, device: deviceId };
  if (isWritten(body)) return { ...head, ...NEW, kind: body.kind, text: body.text };
  if (body.kind === "reset" || isMedia(body)) return { ...head, ...NEW, kind: body.kind };
  if (body.kind !== "unsupported") return null;
  const kept = { number: body.number, bytes: body.bytes };
  return { ...head, ...NEW, kind: body.kind, kept };
}

function act(
  tx: VaultTransaction,
  core: Core,
  peer: DevicePeer,
  { body, seq, messageId }: Content,
): readonly ClientEvent[] {
  const { root } = peer.party;
  switch (body.kind) {
    case "grant":
      takeGrants(tx, core, peer.party, body.places, seq);
      return [];
    case "status":
      takeStatus(tx, peer.party, body.places, seq);
      return [];
    case "statements":
      return joinStatements(tx, core, root, body.statements);
    case "read":
      return takeRead(tx, root, body.messageIds);
    case "reset":
      return resend(tx, core, peer, body.commitments);
    case "clip":
    case "photo":
    case "voice":
    case "file":
      return takeManifest(tx, peer.party, messageId, body.media);
    case "media-update":
      return takeUpdate(tx, peer.party, seq, body.update);
    default:
      return [];
  }
}

/** What came with a new session: it was made when that was, whatever its messages are numbered. */
export function takeReplyGrants(
  tx: VaultTransaction,
  core: Core,
  { root, deviceId }: DevicePeer["party"],
  places: readonly GrantPlace[],
): void {
  const row = getPeer(tx, root, deviceId);
  if (row === undefined) return;
  putPeer(tx, root, deviceId, { ...row, grantsSeq: 0, statusSeq: 0 });
  replaceGrants(tx, core, { root, deviceId }, places);
}

/** The newest list a device told replaces the one before; relays bring them in any order. */
function takeGrants(
  tx: VaultTransaction,
  core: Core,
  { root, deviceId }: DevicePeer["party"],
  places: readonly GrantPlace[],
  seq: number,
): void {
  const row = getPeer(tx, root, deviceId);
  if (row === undefined || seq <= row.grantsSeq) return;
  putPeer(tx, root, deviceId, { ...row, grantsSeq: seq });
  replaceGrants(tx, core, { root, deviceId }, places);
}

/** An empty list names no place and is none. */
function replaceGrants(
  tx: VaultTransaction,
  core: Core,
  { root, deviceId }: Pick<DevicePeer["party"], "root" | "deviceId">,
  places: readonly GrantPlace[],
): void {
  const row = getPeer(tx, root, deviceId);
  const grants = encodeGrantList(places);
  if (row === undefined || places.length === 0 || equalBytes(row.grants, grants)) return;
  putPeer(tx, root, deviceId, { ...row, grants });
  readdress(tx, core, root, deviceId);
}

function takeStatus(
  tx: VaultTransaction,
  { root, deviceId }: DevicePeer["party"],
  places: readonly StatusPlace[],
  seq: number,
): void {
  const row = getPeer(tx, root, deviceId);
  if (row === undefined || seq <= row.statusSeq || places.length === 0) return;
  putPeer(tx, root, deviceId, { ...row, statusSeq: seq });
  updateContact(tx, root, { status: encodeStatusPlaces(places) });
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
