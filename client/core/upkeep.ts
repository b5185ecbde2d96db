/**
 * What this device keeps up at one of its relays: mailbox, grants, records and prekeys. Every step may
 * be repeated, so an interrupted one is simply done again. Over the owner channel only.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import { MAILBOX_KINDS } from "../../shared/wire/frames.ts";
import { depositHash } from "../../shared/wire/ids.ts";
import type { Relay, RequestOptions } from "../net/requests.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { goLive } from "./homes.ts";
import { newGrant, SPARE_GRANTS } from "./my-grants.ts";
import { publishPairs } from "./publish-pairs.ts";
import { publishRecords } from "./publish-records.ts";
import { getMyGrant, listMyGrants, type MyGrantRow, putMyGrant } from "./state/grants.ts";
import { changeHome, getHome, type HomeRow } from "./state/homes.ts";

const CARD_GRANT_PER_DAY = 50;

/** A home that was joining is live afterwards. */
export async function keepUp(core: Core, relay: Relay): Promise<void> {
  const address = parseRelayAddress(relay.address);
  const home = await currentHome(core, address);
  if (!home.isRegistered) await createMailbox(relay, home);
  await registerGrants(core, address, relay);
  if (home.stage === "joining") {
    await core.vault.transaction((tx) => goLive(tx, core, address.hash));
    core.emit({ type: "relays" });
  }
  await publishRecords(core, address, relay);
  await publishPairs(core, address, relay);
  await core.vault.transaction((tx) =>
    changeHome(tx, address.hash, () => ({ isRegistered: true, reachedMs: core.time.nowMs() })),
  );
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

/** @throws TumarError RELAY_UNKNOWN when it is a home no more */
export async function currentHome(core: Core, address: RelayAddress): Promise<HomeRow> {
  const home = await core.vault.read((view) => getHome(view, address.hash));
  if (home === undefined) throw new TumarError("RELAY_UNKNOWN", "the vault names no such relay");
  return home;
}

/** Grants were given out that the relay does not know, few are left to give, or a record is to be written. */
export function isUpkeepDue(view: VaultView, relayHash: Uint8Array): boolean {
  const home = getHome(view, relayHash);
  if (home === undefined) return false;
  const grants = grantsAt(view, relayHash);
  const spares = grants.filter(({ use }) => use === "spare").length;
  const isUnwritten = [home.front, home.status].some(
    ({ version, published }) => version > published,
  );
  return (
    spares < SPARE_GRANTS / 2 || isUnwritten || grants.some(({ isRegistered }) => !isRegistered)
  );
}

async function registerGrants(core: Core, address: RelayAddress, relay: Relay): Promise<void> {
  const { mailbox } = await currentHome(core, address);
  const missing = await core.vault.transaction((tx) => {
    const spares = grantsAt(tx, address.hash).filter((grant) => grant.use === "spare").length;
    for (let i = spares; i < SPARE_GRANTS; i++) {
      putMyGrant(tx, newGrant(address, "spare", core.random));
    }
    return grantsAt(tx, address.hash).filter((grant) => !grant.isRegistered);
  });
  await Promise.all(missing.map((grant) => registerGrant(relay, mailbox, grant)));
  await core.vault.transaction((tx) => {
    for (const { tag } of missing) {
      const grant = getMyGrant(tx, tag);
      if (grant !== undefined) putMyGrant(tx, { ...grant, isRegistered: true });
    }
  });
}

export function grantsAt(view: VaultView, relay: Uint8Array): readonly MyGrantRow[] {
  return listMyGrants(view).filter(({ relayHash }) => equalBytes(relayHash, relay));
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
