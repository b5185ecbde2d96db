/**
 * One delivered envelope, opened inside a vault transaction: the new session state, the message, the
 * used one-time pair and what the message changed are one commit; only then is it acknowledged.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningPublicKey } from "../../shared/crypto/sodium.ts";
import { type DevicePeer, decodePeer, encodePeer } from "../../shared/e2ee/device-peer.ts";
import { unwrapFrame } from "../../shared/e2ee/envelope.ts";
import { type Introduction, openIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import { prekeySecrets, removePair } from "../../shared/e2ee/prekey-state.ts";
import { noteUnopened } from "../../shared/e2ee/reset.ts";
import { type Received, receiveFrom } from "../../shared/e2ee/session-receive.ts";
import type { Delivery } from "../net/requests.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { draftCourtesies } from "./courtesies.ts";
import { withStatements } from "./known-sets.ts";
import {
  type ContactRow,
  countPeers,
  countStrangers,
  getContact,
  getPeer,
  listPeers,
  NEW_PEER,
  newContact,
  putContact,
  putPeer,
} from "./state/contacts.ts";
import { getMyGrant, type MyGrantRow } from "./state/grants.ts";
import { getIdentity } from "./state/identity.ts";
import { getPrekeys, putPrekeys } from "./state/prekeys.ts";
import { markChanged, takePlaintext, takeReplyGrants } from "./taken-content.ts";
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

/** What is needed of the grant that an envelope came through. */
type Grant = Pick<MyGrantRow, "wrapKey" | "contact">;

export function openDelivery(tx: VaultTransaction, core: Core, delivery: Delivery): Opened {
  const grant = getMyGrant(tx, delivery.tag);
  return grant === undefined ? NOTHING : openUnder(tx, core, grant, delivery);
}

/** Also when the grant itself is gone by now. */
export function openUnder(
  tx: VaultTransaction,
  core: Core,
  grant: Grant,
  { envelope, hour }: Pick<Delivery, "envelope" | "hour">,
): Opened {
  const frame = tryUnwrap(grant, envelope);
  const received = frame === undefined ? undefined : tryReceive(tx, core, grant, frame);
  return received === undefined ? NOTHING : take(tx, core, grant, hour, received);
}

function tryUnwrap(grant: Grant, envelope: Uint8Array): Uint8Array | undefined {
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
  grant: Grant,
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
  grant: Grant,
  hour: number,
  received: Received<Introduction>,
): Opened {
  const { party } = received.peer;
  const contact = introduced(tx, core, received, hour);
  if (contact === undefined) return NOTHING;
  const events: ClientEvent[] = [];
  if (grant.contact !== null && !equalBytes(grant.contact, party.root)) {
    events.push(...markChanged(tx, grant.contact));
  }
  if (received.usedPair !== 0) putPrekeys(tx, removePair(getPrekeys(tx), received.usedPair));
  putContact(tx, contact);
  storePeer(tx, core, received);
  events.push(...takePlaintext(tx, core, received.peer, received.plaintext));
  draftCourtesies(tx, core, party.root, false);
  return { root: party.root, events };
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
  putPeer(tx, root, deviceId, { ...(held ?? NEW_PEER), sessions });
  if (identity !== undefined) takeReplyGrants(tx, core, peer.party, identity.replyGrants);
}
