/**
 * From drafts to envelopes, inside one vault transaction: session state and exact ciphertext are
 * committed together, and nothing is ever encrypted twice from one stored state.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import {
  type Content,
  encodeContent,
  MESSAGE_ID_BYTES,
  type MessageBody,
  type MessageId,
  parseMessageId,
  SET_HASH_BYTES,
} from "../../shared/e2ee/content.ts";
import { type DevicePeer, decodePeer, encodePeer, newPeer } from "../../shared/e2ee/device-peer.ts";
import { decodeGrantList, encodeGrantList } from "../../shared/e2ee/grant.ts";
import { encodeIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import { liveDevices, rosterOf } from "../../shared/e2ee/roster.ts";
import { activeSession, sendTo, startSession } from "../../shared/e2ee/sessions.ts";
import { setHash } from "../../shared/e2ee/statement-set.ts";
import {
  decodeCertificate,
  type VerifiedCertificate,
} from "../../shared/e2ee/statements/certificate.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import { type Core, contactSet, ownSet, refusedKeys } from "./context.ts";
import type { Introduced } from "./first-contact.ts";
import { withManifest } from "./manifest.ts";
import { LANES, laneOf } from "./message-state.ts";
import { addressTo } from "./places.ts";
import { replyGrants } from "./reply-grants.ts";
import {
  type ContactRow,
  getContact,
  getPeer,
  NEW_PEER,
  type PeerRow,
  putContact,
  putPeer,
} from "./state/contacts.ts";
import { getIdentity } from "./state/identity.ts";
import {
  countEnvelopesTo,
  type DraftRow,
  deleteDraft,
  listDrafts,
  nextPlace,
  putDraft,
  putEnvelope,
} from "./state/outbox.ts";
import type { Lane } from "./types.ts";

/** An envelope waits at a relay as long as a device mailbox lives. */
const ENVELOPE_LIFE_DAYS = 30;
/**
 * Envelopes to one contact that may wait before more is sealed, unless it is urgent. An alert sealed
 * behind them is opened before them, and a ratchet skips 512 frames at most.
 */
const SEALED_AHEAD = 256;
/** An urgent envelope goes to as many relays of a device. */
const URGENT_PLACES = 2;
const NO_SET = new Uint8Array(SET_HASH_BYTES);

/** Puts content in the order of sending; `contact` is the row as it is in `tx`, and the result its next. */
export function draft(
  tx: VaultTransaction,
  core: Core,
  contact: ContactRow,
  body: MessageBody,
  again?: { readonly messageId: MessageId; readonly seq: number; readonly hour: number },
): { readonly contact: ContactRow; readonly content: Content } {
  const content: Content = {
    messageId: again?.messageId ?? parseMessageId(core.random(MESSAGE_ID_BYTES)),
    deviceId: getIdentity(tx).device.id,
    seq: again?.seq ?? contact.lastSeq + 1,
    hour: again?.hour ?? core.time.hour(),
    senderSet: NO_SET,
    readerSet: NO_SET,
    body,
  };
  putDraft(tx, nextPlace(tx), { root: contact.root, content });
  const next = { ...contact, lastSeq: Math.max(contact.lastSeq, content.seq) };
  putContact(tx, next);
  return { contact: next, content };
}

/**
 * Seals drafts for this contact, for each of its live devices, or none of them: the urgent ones, and
 * of the others as many as may wait sealed. The rest follows when those have left (outgoing.ts).
 * @returns false when a device has no session and `introduced` does not have it either
 * @throws TumarError TEXT_TOO_LONG
 */
export function sealDrafts(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  introduced: ReadonlyMap<string, Introduced> = new Map(),
): boolean {
  const contact = getContact(tx, root);
  if (contact === undefined || contact.isIdentityChanged) return true;
  const drafts = sealedNow(tx, root);
  if (drafts.length === 0) return true;
  const devices = devicesOf(tx, core, contact);
  if (devices.length === 0) return false;
  const ready = devices.map((device) => readyPeer(tx, core, contact, device, introduced));
  if (!ready.every((peer) => peer !== undefined)) return false;
  const places = core.health.inOrder(ready.flatMap(({ row }) => decodeGrantList(row.grants)));
  const contents = drafts.flatMap(
    ([, { content }]) => withManifest(tx, core, content, places) ?? [],
  );
  for (const one of ready) sealFor(tx, core, contact, one, contents);
  for (const [place] of drafts) deleteDraft(tx, root, place);
  return true;
}

/** By lane, then by place. */
function sealedNow(view: VaultView, root: Uint8Array): readonly [place: number, row: DraftRow][] {
  const drafts = listDrafts(view, root);
  const inLane = (lane: Lane) =>
    drafts.filter(([, { content }]) => laneOf(content.body.kind) === lane);
  const [urgent = [], ...others] = LANES.map(inLane);
  const room = Math.max(0, SEALED_AHEAD - countEnvelopesTo(view, root));
  return [...urgent, ...others.flat().slice(0, room)];
}

interface ReadyPeer {
  readonly certificate: VerifiedCertificate;
  readonly row: PeerRow;
  readonly peer: DevicePeer;
}

/** Those that are written to now. */
export function devicesOf(
  view: VaultView,
  core: Core,
  contact: ContactRow,
): readonly VerifiedCertificate[] {
  const refused = refusedKeys(view, core);
  const roster = rosterOf(contactSet(core, contact), core.time.hour(), refused);
  return liveDevices(roster).map(({ certificate }) => certificate);
}

/** A device with a session to send through, begun now if it was introduced. */
function readyPeer(
  tx: VaultTransaction,
  core: Core,
  contact: ContactRow,
  certificate: VerifiedCertificate,
  introduced: ReadonlyMap<string, Introduced>,
): ReadyPeer | undefined {
  const minute = core.time.minute();
  const held = getPeer(tx, contact.root, certificate.deviceId);
  const peer = held?.sessions == null ? newPeer(certificate) : decodePeer(held.sessions);
  const isReachable = held !== undefined && decodeGrantList(held.grants).length > 0;
  const hasSession = activeSession(peer, minute) !== undefined;
  if (isReachable && hasSession) return { certificate, row: held, peer };
  const found = introduced.get(toHex(certificate.deviceId));
  if (found === undefined) return undefined;
  const row = isReachable ? held : { ...NEW_PEER, grants: encodeGrantList(found.grants) };
  if (hasSession) return { certificate, row, peer };
  const identity = getIdentity(tx);
  const block = encodeIdentityBlock(
    decodeCertificate(identity.certificate),
    replyGrants(tx, core, contact),
  );
  const own = { root: identity.root, device: identity.device };
  const started = startSession(peer, own, found.bundle, block, core.random, minute);
  return { certificate, row: { ...row, via: found.relay }, peer: started };
}

function sealFor(
  tx: VaultTransaction,
  core: Core,
  contact: ContactRow,
  { certificate, row, peer }: ReadyPeer,
  contents: readonly Content[],
): void {
  const identity = getIdentity(tx);
  const places = core.health.inOrder(decodeGrantList(row.grants));
  if (places.length === 0) throw new TumarError("NOT_REGISTERED", "the device names no relay");
  const senderSet = setHash(ownSet(core, identity));
  const readerSet = setHash(contactSet(core, contact));
  let state = peer;
  for (const content of contents) {
    const lane = laneOf(content.body.kind);
    const plaintext = encodeContent({ ...content, senderSet, readerSet });
    const sent = sendTo(state, plaintext, core.random, core.time.minute());
    state = sent.peer;
    for (const place of places.slice(0, lane === "urgent" ? URGENT_PLACES : 1)) {
      putEnvelope(tx, nextPlace(tx), {
        root: contact.root,
        device: certificate.deviceId,
        messageId: content.messageId,
        ...addressTo(place, sent.frame, lane, core.random),
        lane,
        expiryDay: core.time.day() + ENVELOPE_LIFE_DAYS,
        lastFault: "",
        isSpare: false,
      });
    }
  }
  putPeer(tx, contact.root, certificate.deviceId, { ...row, sessions: encodePeer(state) });
}
