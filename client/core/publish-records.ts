/** The device's parts of its front and status records at one relay. Over the owner channel only. */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { DevicePart } from "../../shared/e2ee/device-part.ts";
import { frontRecordKeys, sealFrontPart } from "../../shared/e2ee/front-record.ts";
import {
  type PrekeyState,
  rotatePrekeys,
  signCurrentPrekeys,
} from "../../shared/e2ee/prekey-state.ts";
import { parseReadKey, parseRecordId } from "../../shared/e2ee/record-part.ts";
import type { RelayAddress } from "../../shared/e2ee/relay-address.ts";
import { parseCardSecret } from "../../shared/e2ee/root.ts";
import { decodeCertificate } from "../../shared/e2ee/statements/certificate.ts";
import type { Locator, RecordPlace } from "../../shared/e2ee/statements/locator.ts";
import {
  sealStatusPart,
  statusRecordKeys,
  statusStatements,
} from "../../shared/e2ee/status-record.ts";
import type { Relay } from "../net/requests.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import { type Core, ownSet } from "./context.ts";
import { currentLocator, writeRecordsAnew } from "./locators.ts";
import { changeHome, getHome, type HomeRow, type OwnRecord } from "./state/homes.ts";
import { getIdentity, type IdentityRow } from "./state/identity.ts";
import { getPrekeys, putPrekeys } from "./state/prekeys.ts";

const RELAY_LIFE_HOURS = 30 * 24;

/** What one version of the parts is made of, as it stood in one transaction. */
interface PartContext {
  readonly core: Core;
  readonly address: RelayAddress;
  readonly home: HomeRow;
  readonly identity: IdentityRow;
  readonly prekeys: PrekeyState;
  readonly locators: Readonly<Record<RecordPlace, Locator>>;
}

/** Writes them when there are new prekeys or locators, or never were any. */
export async function publishRecords(
  core: Core,
  address: RelayAddress,
  relay: Relay,
): Promise<void> {
  const context = await core.vault.transaction((tx): PartContext => {
    const prekeys = currentPrekeys(tx, core);
    const home = getHome(tx, address.hash);
    if (home === undefined) throw new TumarError("RELAY_UNKNOWN", "the vault names no such relay");
    const locators = { front: currentLocator(tx, "front"), status: currentLocator(tx, "status") };
    return { core, address, home, identity: getIdentity(tx), prekeys, locators };
  });
  const { home } = context;
  if (home.front.version <= home.front.published && home.status.version <= home.status.published) {
    return;
  }
  await Promise.all([
    put(relay, home, home.front, frontPart(context)),
    put(relay, home, home.status, statusPart(context)),
  ]);
  await core.vault.transaction((tx) =>
    changeHome(tx, address.hash, ({ front, status }) => ({
      front: { ...front, published: Math.max(front.published, home.front.version) },
      status: { ...status, published: Math.max(status.published, home.status.version) },
    })),
  );
}

/** New ones are written to the records at every home. */
function currentPrekeys(tx: VaultTransaction, core: Core): PrekeyState {
  const before = getPrekeys(tx);
  const hour = core.time.hour();
  const { state, toPublish } = rotatePrekeys(before, hour, RELAY_LIFE_HOURS, core.random);
  putPrekeys(tx, state);
  if (toPublish !== undefined) writeRecordsAnew(tx);
  return state;
}

function frontPart(context: PartContext): Uint8Array {
  const { core, address, home, identity } = context;
  const card = { root: identity.root, secret: parseCardSecret(identity.cardSecret) };
  const keys = frontRecordKeys(card, address.hash);
  const place = { writer: home.writer.publicKey, version: home.front.version };
  return sealFrontPart(keys, place, devicePart(context, "front"), core.random);
}

function statusPart(context: PartContext): Uint8Array {
  const { core, address, home, identity } = context;
  const keys = statusRecordKeys({
    relay: address,
    id: parseRecordId(home.status.id),
    readKey: parseReadKey(home.status.readKey),
  });
  const place = { writer: home.writer.publicKey, version: home.status.version };
  const device = devicePart(context, "status");
  const statements = statusStatements(ownSet(core, identity), core.time.hour());
  return sealStatusPart(keys, place, { device, statements }, core.random);
}

function devicePart(
  { address, identity, prekeys, locators }: PartContext,
  place: RecordPlace,
): DevicePart {
  const { device, root } = identity;
  const context = { root, deviceId: device.id, relay: address.hash };
  const certificate = decodeCertificate(identity.certificate);
  return {
    certificate,
    locator: locators[place],
    ...signCurrentPrekeys(prekeys, device, context),
  };
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
