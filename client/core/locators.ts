/**
 * The two locators of this device, one for the front records and one for the status records. Each is
 * one statement with the grants of all homes, published with the same bytes at every one of them; a
 * number that was signed once is never signed with other content, which would be a fork.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { encodeGrantList, type GrantPlace } from "../../shared/e2ee/grant.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import {
  decodeLocator,
  type Locator,
  type RECORD_PLACES,
  type RecordPlace,
  signLocator,
} from "../../shared/e2ee/statements/locator.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import { placeOf } from "./my-grants.ts";
import { getMyGrant } from "./state/grants.ts";
import {
  changeHome,
  getLocator,
  listHomes,
  liveHomes,
  type OwnRecord,
  putLocator,
} from "./state/homes.ts";
import { getIdentity } from "./state/identity.ts";

/** Signs anew what the live homes make necessary, and has it written at all homes. */
export function renewLocators(tx: VaultTransaction, skip = 0): void {
  const { device, root } = getIdentity(tx);
  const isFirst = getLocator(tx, "front") === undefined;
  for (const place of ["front", "status"] as const satisfies (keyof typeof RECORD_PLACES)[]) {
    const held = getLocator(tx, place);
    const grants = grantsFor(tx, place);
    const isStanding = held !== undefined && skip === 0 && hasGrants(held.bytes, grants);
    if (isStanding) continue;
    const seq = (held?.seq ?? 0) + skip + 1;
    putLocator(tx, place, { seq, bytes: signLocator(device, root, { place, seq, grants }).bytes });
  }
  if (!isFirst) writeRecordsAnew(tx, skip);
}

/** Every record part of this device is published again at every home. */
export function writeRecordsAnew(tx: VaultTransaction, skip = 0): void {
  const next = (record: OwnRecord): OwnRecord => ({
    ...record,
    version: record.version + skip + 1,
  });
  for (const { address } of listHomes(tx)) {
    changeHome(tx, parseRelayAddress(address).hash, ({ front, status }) => ({
      front: next(front),
      status: next(status),
    }));
  }
}

/** @throws TumarError VAULT_DAMAGED before the first was signed */
export function currentLocator(view: VaultView, place: RecordPlace): Locator {
  const row = getLocator(view, place);
  if (row === undefined) throw new TumarError("VAULT_DAMAGED", "the vault holds no locator");
  return decodeLocator(row.bytes);
}

function grantsFor(view: VaultView, place: RecordPlace): readonly GrantPlace[] {
  return liveHomes(view).map(({ address, cardTag, statusTag }) => {
    const grant = getMyGrant(view, place === "front" ? cardTag : statusTag);
    if (grant === undefined) throw new TumarError("VAULT_DAMAGED", "a grant is missing");
    return placeOf(parseRelayAddress(address), grant);
  });
}

function hasGrants(bytes: Uint8Array, grants: readonly GrantPlace[]): boolean {
  return equalBytes(encodeGrantList(decodeLocator(bytes).grants), encodeGrantList(grants));
}
