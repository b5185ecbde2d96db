/**
 * The relays this device lives at, up to three: joining one, leaving one, and what others are told of
 * it. Each step is one vault transaction; upkeep.ts does what relays must be asked for. A kill between
 * any two leaves a home *joining* or *leaving*, and upkeep goes on with it.
 */

import { equalBytes, type Random } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import {
  SIGNING_SEED_BYTES,
  type SigningKeyPair,
  signingKeyPair,
} from "../../shared/crypto/sodium.ts";
import { frontRecordKeys } from "../../shared/e2ee/front-record.ts";
import { READ_KEY_BYTES, RECORD_ID_BYTES } from "../../shared/e2ee/record-part.ts";
import { formatRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import { parseCardSecret } from "../../shared/e2ee/root.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { draftCourtesies } from "./courtesies.ts";
import { renewLocators } from "./locators.ts";
import { newGrant, SPARE_GRANTS } from "./my-grants.ts";
import { listContacts, putContact } from "./state/contacts.ts";
import { deleteMyGrant, listMyGrants, putMyGrant } from "./state/grants.ts";
import {
  changeHome,
  deleteHome,
  getFormerHome,
  getHome,
  type HomeRecords,
  type HomeStage,
  listHomes,
  liveHomes,
  type OwnRecord,
  putHome,
} from "./state/homes.ts";
import { getIdentity, putIdentity } from "./state/identity.ts";

export const MAX_HOMES = 3;

/**
 * A new home, with card, status and spare grants that its relay is yet to be told of; one for each
 * contact that has one elsewhere, so that all are there before anybody is told.
 * @throws TumarError RELAYS_FULL, RELAYS_USED_UP
 */
export function addHome(
  tx: VaultTransaction,
  random: Random,
  relay: RelayAddress,
  mailbox: SigningKeyPair,
  stage: HomeStage,
): void {
  const all = listHomes(tx);
  checkRoom(tx);
  const card = newGrant(relay, "card", random);
  const status = newGrant(relay, "status", random);
  const spares = SPARE_GRANTS + listContacts(tx).filter(({ isGrantSent }) => isGrantSent).length;
  putMyGrant(tx, card);
  putMyGrant(tx, status);
  for (let i = 0; i < spares; i++) putMyGrant(tx, newGrant(relay, "spare", random));
  putHome(tx, relay.hash, {
    address: formatRelayAddress(relay),
    stage,
    order: 1 + Math.max(0, ...all.map(({ order }) => order)),
    mailbox,
    cardTag: card.tag,
    statusTag: status.tag,
    isRegistered: false,
    reachedMs: 0,
    ...(getFormerHome(tx, relay.hash) ?? newRecords(tx, random, relay)),
  });
}

/** @throws TumarError RELAYS_FULL */
export function checkRoom(view: VaultView): void {
  const count = listHomes(view).filter(({ stage }) => stage !== "leaving").length;
  if (count >= MAX_HOMES) throw new TumarError("RELAYS_FULL", `${MAX_HOMES} relays are kept`);
}

/** Mailbox and grants are there: from now on others are told of it. */
export function goLive(tx: VaultTransaction, core: Core, relayHash: Uint8Array): void {
  if (getHome(tx, relayHash)?.stage !== "joining") return;
  changeHome(tx, relayHash, () => ({ stage: "live" }));
  homesChanged(tx, core);
}

/**
 * Nobody is told of it any more, whether its relay lives or not.
 * @throws TumarError RELAY_UNKNOWN, RELAY_LAST
 */
export function leaveHome(tx: VaultTransaction, core: Core, relayHash: Uint8Array): void {
  const home = getHome(tx, relayHash);
  if (home === undefined) throw new TumarError("RELAY_UNKNOWN", "this vault has no such relay");
  if (home.stage === "leaving") return;
  const others = liveHomes(tx).filter(({ order }) => order !== home.order);
  if (others.length === 0) throw new TumarError("RELAY_LAST", "a vault keeps one relay at least");
  changeHome(tx, relayHash, () => ({ stage: "leaving" }));
  if (home.stage === "live") homesChanged(tx, core);
}

/** It was being left: what its relay was asked to forget is asked for anew. */
export function joinAgain(tx: VaultTransaction, relayHash: Uint8Array): void {
  changeHome(tx, relayHash, () => ({ stage: "joining", isRegistered: false }));
  for (const grant of listMyGrants(tx)) {
    if (equalBytes(grant.relayHash, relayHash)) putMyGrant(tx, { ...grant, isRegistered: false });
  }
}

/** Its mailbox is gone, or is given up. */
export function forgetHome(tx: VaultTransaction, relayHash: Uint8Array): void {
  for (const { tag, relayHash: hash } of listMyGrants(tx)) {
    if (equalBytes(hash, relayHash)) deleteMyGrant(tx, tag);
  }
  deleteHome(tx, relayHash);
}

/** New locators for whoever reads our records, and new lists for every contact we talk to. */
function homesChanged(tx: VaultTransaction, core: Core): void {
  renewLocators(tx);
  for (const contact of listContacts(tx)) {
    if (!contact.isGrantSent && !contact.isStatusSent) continue;
    putContact(tx, { ...contact, isGrantSent: false, isStatusSent: false });
    draftCourtesies(tx, core, contact.root, false);
  }
}

/** Each record is owned by a key of its own, the next of the identity's that owns none yet. */
function newRecords(tx: VaultTransaction, random: Random, relay: RelayAddress): HomeRecords {
  const identity = getIdentity(tx);
  const [front, status, generation] = identity.ownerKeys.slice(identity.ownerKeysUsed);
  if (front === undefined || status === undefined || generation === undefined) {
    throw new TumarError("RELAYS_USED_UP", "no record owner keys are left");
  }
  putIdentity(tx, { ...identity, ownerKeysUsed: identity.ownerKeysUsed + 3 });
  const secret = parseCardSecret(identity.cardSecret);
  const { id, readKey } = frontRecordKeys({ root: identity.root, secret }, relay.hash);
  const unwritten = { version: 0, published: 0 };
  const drawn = (owner: Uint8Array): OwnRecord => ({
    id: random(RECORD_ID_BYTES),
    readKey: random(READ_KEY_BYTES),
    owner,
    ...unwritten,
  });
  return {
    writer: signingKeyPair(random(SIGNING_SEED_BYTES)),
    front: { id, readKey, owner: front, ...unwritten },
    status: drawn(status),
    generation: drawn(generation),
  };
}
