/**
 * The relays of this vault as a person changes them: added, removed, listed. What relays have to be asked
 * for is done in the background (home-keeper.ts); here is what must be known at once.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { SIGNING_SEED_BYTES, signingKeyPair } from "../../shared/crypto/sodium.ts";
import { countPairs } from "../../shared/e2ee/prekey-state.ts";
import {
  formatRelayAddress,
  parseRelayAddress,
  type RelayAddress,
  relayOrigin,
} from "../../shared/e2ee/relay-address.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { addHome, checkRoom, joinAgain, leaveHome } from "./homes.ts";
import { deleteDoor, listDoors, putDoor } from "./state/doors.ts";
import { getHome, type HomeRow, listHomes } from "./state/homes.ts";
import { getPrekeys } from "./state/prekeys.ts";
import type { OwnRelay } from "./types.ts";
import { createMailbox, grantsAt } from "./upkeep.ts";

/** Whoever adds a relay waits at the screen. */
const FIRST_ANSWER_MS = 10_000;

/**
 * Safe in the vault when it resolves; a relay that was not there before is *joining*. An address with the
 * key of a relay of ours is a door to it.
 * @returns the address of the relay it is, or leads to
 * @throws TumarError BAD_RELAY_ADDRESS, RELAYS_FULL, RELAYS_USED_UP, network and relay codes
 */
export async function addRelay(core: Core, text: string): Promise<string> {
  const relay = parseRelayAddress(text);
  const known = await core.vault.read((view) => getHome(view, relay.hash));
  if (known === undefined) return await join(core, relay);
  const address = formatRelayAddress(relay);
  if (address !== known.address) await addDoor(core, relay, known);
  else if (known.stage === "leaving") {
    await core.vault.transaction((tx) => {
      checkRoom(tx);
      joinAgain(tx, relay.hash);
    });
  }
  return known.address;
}

/** Nothing is changed when the relay does not answer. */
async function join(core: Core, relay: RelayAddress): Promise<string> {
  await core.vault.read(checkRoom);
  const mailbox = signingKeyPair(core.random(SIGNING_SEED_BYTES));
  const address = formatRelayAddress(relay);
  await createMailbox(core.relays.home(address), { mailbox }, { timeoutMs: FIRST_ANSWER_MS });
  await core.vault.transaction((tx) => {
    if (getHome(tx, relay.hash) === undefined) addHome(tx, core.random, relay, mailbox, "joining");
  });
  return address;
}

/** The mailbox is there already; asked for through the door, its relay shows that it is behind it. */
async function addDoor(core: Core, door: RelayAddress, home: HomeRow): Promise<void> {
  const address = formatRelayAddress(door);
  await createMailbox(core.relays.only(address), home, { timeoutMs: FIRST_ANSWER_MS });
  await core.vault.transaction((tx) => putDoor(tx, address));
  await core.vault.read((view) => core.doors.load(view));
}

/**
 * By address, or by host when no other has it.
 * @returns the relay concerned
 * @throws TumarError RELAY_UNKNOWN, RELAY_LAST
 */
export async function removeRelay(core: Core, text: string): Promise<string> {
  const address = await core.vault.transaction((tx) => {
    const found = find(tx, text);
    const home = getHome(tx, found.hash);
    const name = formatRelayAddress(found);
    if (home === undefined) throw unknown();
    if (home.address !== name) {
      deleteDoor(tx, name);
      return home.address;
    }
    leaveHome(tx, core, found.hash);
    for (const door of doorsTo(tx, found)) deleteDoor(tx, formatRelayAddress(door));
    return home.address;
  });
  await core.vault.read((view) => core.doors.load(view));
  return address;
}

export function describeRelays(view: VaultView, core: Core): readonly OwnRelay[] {
  return listHomes(view).map((home) => {
    const relay = parseRelayAddress(home.address);
    const { isUp, situation, trying } = core.relays.home(home.address).state();
    const grants = grantsAt(view, relay.hash);
    return {
      address: home.address,
      stage: home.stage,
      isUp,
      reachedAt: home.reachedMs === 0 ? null : home.reachedMs,
      transport: situation.transport,
      door: situation.door,
      trying,
      doors: doorsTo(view, relay).map(formatRelayAddress),
      holds: {
        contacts: grants.filter(({ use }) => use === "contact").length,
        spareGrants: grants.filter(({ use }) => use === "spare").length,
        pairs: countPairs(getPrekeys(view), relay.hash, core.time.hour()),
      },
    };
  });
}

function find(view: VaultView, text: string): RelayAddress {
  const homes = listHomes(view).map(({ address }) => parseRelayAddress(address));
  const wanted = text.trim().toLowerCase().replace(/\/$/, "");
  const known = [...homes, ...listDoors(view)];
  const exact = known.find((one) => formatRelayAddress(one) === text.trim());
  const named = known.filter((one) => one.host === wanted || relayOrigin(one) === wanted);
  const found = exact ?? (named.length === 1 ? named[0] : undefined);
  if (found === undefined) throw unknown();
  return found;
}

function doorsTo(view: VaultView, { hash }: RelayAddress): readonly RelayAddress[] {
  return listDoors(view).filter((door) => equalBytes(door.hash, hash));
}

function unknown(): TumarError {
  return new TumarError("RELAY_UNKNOWN", "no relay or door of this vault has this address");
}
