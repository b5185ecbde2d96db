/**
 * What this device keeps up at its own relay: mailbox, grants, records and prekeys. Every step may be
 * repeated, so an interrupted one is simply done again. Over the owner channel only.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair } from "../../shared/crypto/sodium.ts";
import type { DevicePart } from "../../shared/e2ee/device-part.ts";
import { frontRecordKeys, sealFrontPart } from "../../shared/e2ee/front-record.ts";
import {
  addPairs,
  countPairs,
  PAIRS_PER_RELAY,
  type PrekeyState,
  rotatePrekeys,
  type StoredPair,
  signCurrentPrekeys,
  signPair,
} from "../../shared/e2ee/prekey-state.ts";
import { parseReadKey, parseRecordId, sealPair } from "../../shared/e2ee/record-part.ts";
import type { RelayAddress } from "../../shared/e2ee/relay-address.ts";
import { parseCardSecret } from "../../shared/e2ee/root.ts";
import { decodeCertificate } from "../../shared/e2ee/statements/certificate.ts";
import { type RecordPlace, signLocator } from "../../shared/e2ee/statements/locator.ts";
import {
  sealStatusPart,
  statusRecordKeys,
  statusStatements,
} from "../../shared/e2ee/status-record.ts";
import { MAILBOX_KINDS } from "../../shared/wire/frames.ts";
import { depositHash } from "../../shared/wire/ids.ts";
import type { Relay, RequestOptions } from "../net/requests.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import { type Core, ownSet } from "./context.ts";
import { placeOf } from "./reply-grants.ts";
import { newGrant, SPARE_GRANTS } from "./self.ts";
import { getMyGrant, listMyGrants, type MyGrantRow, putMyGrant } from "./state/grants.ts";
import {
  getHome,
  getIdentity,
  type HomeRow,
  type IdentityRow,
  type OwnRecord,
  putHome,
} from "./state/identity.ts";
import { getPrekeys, getUnpublished, putPrekeys, putUnpublished } from "./state/prekeys.ts";

const CARD_GRANT_PER_DAY = 50;
const PAIRS_A_FRAME = 10;
const RELAY_LIFE_HOURS = 30 * 24;

export async function keepUp(core: Core, address: RelayAddress, relay: Relay): Promise<void> {
  const home = await currentHome(core, address);
  if (!home.isRegistered) await createMailbox(relay, home);
  await registerGrants(core, address, relay);
  await publishRecords(core, address, relay);
  await publishPairs(core, address, relay);
  await core.vault.transaction((tx) => changeHome(tx, address, { isRegistered: true }));
}

export async function createMailbox(
  relay: Relay,
  { mailbox }: Pick<HomeRow, "mailbox">,
  options: RequestOptions = {},
): Promise<void> {
  await relay.owner.request(
    { type: "mailbox.create", mailbox: mailbox.publicKey, kind: MAILBOX_KINDS.device },
    { ...options, proveWith: mailbox },
  );
}

async function currentHome(core: Core, address: RelayAddress): Promise<HomeRow> {
  const home = await core.vault.read((view) => getHome(view, address.hash));
  if (home === undefined) throw new TumarError("VAULT_DAMAGED", "the vault names no such relay");
  return home;
}

function changeHome(tx: VaultTransaction, address: RelayAddress, change: Partial<HomeRow>): void {
  const home = getHome(tx, address.hash);
  if (home !== undefined) putHome(tx, address.hash, { ...home, ...change });
}

/** Grants were given out that the relay does not know, or few are left to give. */
export function isUpkeepDue(view: VaultView): boolean {
  const grants = listMyGrants(view);
  const spares = grants.filter(({ use }) => use === "spare").length;
  return spares < SPARE_GRANTS / 2 || grants.some(({ isRegistered }) => !isRegistered);
}

// --- grants -------------------------------------------------------------------------------------

async function registerGrants(core: Core, address: RelayAddress, relay: Relay): Promise<void> {
  const { mailbox } = await currentHome(core, address);
  const missing = await core.vault.transaction((tx) => {
    const spares = listMyGrants(tx).filter((grant) => grant.use === "spare").length;
    for (let i = spares; i < SPARE_GRANTS; i++) {
      putMyGrant(tx, newGrant(address, "spare", core.random));
    }
    return listMyGrants(tx).filter((grant) => !grant.isRegistered);
  });
  await Promise.all(missing.map((grant) => registerGrant(relay, mailbox, grant)));
  await core.vault.transaction((tx) => {
    for (const { tag } of missing) {
      const grant = getMyGrant(tx, tag);
      if (grant !== undefined) putMyGrant(tx, { ...grant, isRegistered: true });
    }
  });
}

async function registerGrant(
  relay: Relay,
  mailbox: SigningKeyPair,
  grant: MyGrantRow,
): Promise<void> {
  const isOpen = grant.use === "card" || grant.use === "status";
  await relay.owner.request(
    {
      type: "mailbox.grant",
      mailbox: mailbox.publicKey,
      depositHash: depositHash(grant.depositId),
      tag: grant.tag,
      perDay: isOpen ? CARD_GRANT_PER_DAY : 0,
      card: isOpen,
      mayBeUrgent: !isOpen,
    },
    { proveWith: mailbox },
  );
}

// --- records ------------------------------------------------------------------------------------

/** Writes the device's parts when there are new prekeys, or never were any. */
async function publishRecords(core: Core, address: RelayAddress, relay: Relay): Promise<void> {
  const hour = core.time.hour();
  const { home, identity, prekeys } = await core.vault.transaction((tx) => {
    const before = getPrekeys(tx);
    const { state, toPublish } = rotatePrekeys(before, hour, RELAY_LIFE_HOURS, core.random);
    putPrekeys(tx, state);
    const held = getHome(tx, address.hash);
    if (held === undefined) throw new TumarError("VAULT_DAMAGED", "the vault names no such relay");
    const next = toPublish === undefined ? held : bumped(held);
    putHome(tx, address.hash, next);
    return { home: next, identity: getIdentity(tx), prekeys: state };
  });
  if (home.front.version <= home.front.published && home.status.version <= home.status.published) {
    return;
  }
  const grants = await core.vault.read((view) => ({
    card: getMyGrant(view, home.cardTag),
    status: getMyGrant(view, home.statusTag),
  }));
  const context = { core, address, home, identity, prekeys };
  await Promise.all([
    put(relay, home, home.front, frontPart(context, grants.card)),
    put(relay, home, home.status, statusPart(context, grants.status)),
  ]);
  await core.vault.transaction((tx) =>
    changeHome(tx, address, { front: published(home.front), status: published(home.status) }),
  );
}

interface PartContext {
  readonly core: Core;
  readonly address: RelayAddress;
  readonly home: HomeRow;
  readonly identity: IdentityRow;
  readonly prekeys: PrekeyState;
}

function bumped(home: HomeRow): HomeRow {
  const next = (record: OwnRecord): OwnRecord => ({ ...record, version: record.version + 1 });
  return { ...home, front: next(home.front), status: next(home.status) };
}

function published(record: OwnRecord): OwnRecord {
  return { ...record, published: record.version };
}

function frontPart(context: PartContext, grant: MyGrantRow | undefined): Uint8Array {
  const { core, address, home, identity } = context;
  const card = { root: identity.root, secret: parseCardSecret(identity.cardSecret) };
  const keys = frontRecordKeys(card, address.hash);
  const place = { writer: home.writer.publicKey, version: home.front.version };
  return sealFrontPart(keys, place, devicePart(context, "front", grant), core.random);
}

function statusPart(context: PartContext, grant: MyGrantRow | undefined): Uint8Array {
  const { core, address, home, identity } = context;
  const keys = statusRecordKeys({
    relay: address,
    id: parseRecordId(home.status.id),
    readKey: parseReadKey(home.status.readKey),
  });
  const place = { writer: home.writer.publicKey, version: home.status.version };
  const device = devicePart(context, "status", grant);
  const statements = statusStatements(ownSet(core, identity), core.time.hour());
  return sealStatusPart(keys, place, { device, statements }, core.random);
}

function devicePart(
  { address, home, identity, prekeys }: PartContext,
  place: RecordPlace,
  grant: MyGrantRow | undefined,
): DevicePart {
  if (grant === undefined) throw new TumarError("VAULT_DAMAGED", "a grant is missing");
  const { device, root } = identity;
  const context = { root, deviceId: device.id, relay: address.hash };
  const seq = home[place].version;
  const locator = signLocator(device, root, { place, seq, grants: [placeOf(address, grant)] });
  const certificate = decodeCertificate(identity.certificate);
  return { certificate, locator, ...signCurrentPrekeys(prekeys, device, context) };
}

/** A version the relay has already is one that arrived though its answer did not. */
async function put(
  relay: Relay,
  home: HomeRow,
  record: OwnRecord,
  part: Uint8Array,
): Promise<void> {
  const body = {
    type: "record.put",
    recordId: record.id,
    owner: record.owner,
    writer: home.writer.publicKey,
    version: record.version,
    part,
  } as const;
  try {
    await relay.owner.request(body, { proveWith: home.writer });
  } catch (error) {
    if (!(error instanceof TumarError) || error.code !== "STALE_VERSION") throw error;
  }
}

// --- one-time pairs -----------------------------------------------------------------------------

async function publishPairs(core: Core, address: RelayAddress, relay: Relay): Promise<void> {
  const home = await currentHome(core, address);
  const { identity, pairs } = await core.vault.transaction((tx) =>
    pairsToPublish(tx, core, address),
  );
  for (let at = 0; at < pairs.length; at += PAIRS_A_FRAME) {
    const some = pairs.slice(at, at + PAIRS_A_FRAME);
    await publishSome(core, address, relay, { home, identity, pairs: some });
    const done = new Set(some.map(({ id }) => id));
    await core.vault.transaction((tx) => {
      const left = getUnpublished(tx, address.hash).filter((id) => !done.has(id));
      putUnpublished(tx, address.hash, left);
    });
  }
}

/** Makes what is missing from the pile and gives all pairs the relay has not confirmed. */
function pairsToPublish(
  tx: VaultTransaction,
  core: Core,
  address: RelayAddress,
): { readonly identity: IdentityRow; readonly pairs: readonly StoredPair[] } {
  const hour = core.time.hour();
  const before = getPrekeys(tx);
  const missing = PAIRS_PER_RELAY - countPairs(before, address.hash, hour);
  const { state, pairs } = addPairs(before, address.hash, Math.max(0, missing), hour, core.random);
  const wanted = [...getUnpublished(tx, address.hash), ...pairs.map(({ id }) => id)];
  if (pairs.length > 0) putPrekeys(tx, state);
  putUnpublished(tx, address.hash, wanted);
  const toPublish = state.prekeys.filter(
    (one): one is StoredPair => one.role === "pair" && wanted.includes(one.id),
  );
  return { identity: getIdentity(tx), pairs: toPublish };
}

async function publishSome(
  core: Core,
  address: RelayAddress,
  relay: Relay,
  {
    home,
    identity,
    pairs,
  }: {
    readonly home: HomeRow;
    readonly identity: IdentityRow;
    readonly pairs: readonly StoredPair[];
  },
): Promise<void> {
  const { device, root } = identity;
  const card = { root, secret: parseCardSecret(identity.cardSecret) };
  const keys = frontRecordKeys(card, address.hash);
  const context = { root, deviceId: device.id, relay: address.hash };
  const writer = home.writer.publicKey;
  const request = relay.owner.request(
    {
      type: "prekeys.publish",
      recordId: home.front.id,
      writer,
      pairs: pairs.map((pair) => ({
        pairId: pair.id,
        notAfter: pair.notAfter,
        sealed: sealPair(keys, writer, signPair(pair, device, context), core.random),
      })),
    },
    { proveWith: home.writer },
  );
  // The pile is full: somebody took pairs and never wrote. Their private halves die of age.
  await request.catch((error) => {
    if (!(error instanceof TumarError) || error.code !== "LIMIT_REACHED") throw error;
  });
}
