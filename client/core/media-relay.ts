/**
 * Where media of others may be fetched: from relays of our own alone. A place that a sender names is their
 * word, and a connection to it would tell its owner the reader's address, and when they are there.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import { formatRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { Relay } from "../net/requests.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { listDoors } from "./state/doors.ts";
import { getHome, listHomes } from "./state/homes.ts";

/** An address of a home, one that is left included, or of a door to one; host and key are the same. */
export function isOwnRelay(view: VaultView, address: string): boolean {
  if (listHomes(view).some((home) => home.address === address)) return true;
  return listDoors(view).some(
    (door) => formatRelayAddress(door) === address && getHome(view, door.hash) !== undefined,
  );
}

/** The only way to a relay that a message names. @throws TumarError MEDIA_ELSEWHERE */
export async function mediaRelay(core: Core, address: string): Promise<Relay> {
  if (await core.vault.read((view) => isOwnRelay(view, address))) return core.relays.media(address);
  throw new TumarError("MEDIA_ELSEWHERE", "it lies at a relay that is not one of ours");
}
