/** The grants of ours that a contact deposits through, one at each home: handed over in sessions. */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { GrantPlace } from "../../shared/e2ee/grant.ts";
import { parseRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { newGrant, placeOf } from "./my-grants.ts";
import { type ContactRow, getContact, putContact } from "./state/contacts.ts";
import { getMyGrant, listMyGrants, type MyGrantRow, putMyGrant } from "./state/grants.ts";
import { liveHomes } from "./state/homes.ts";

/** This contact's own grants; at a home where there is none yet, a spare one becomes it. */
export function replyGrants(
  tx: VaultTransaction,
  core: Pick<Core, "random">,
  contact: ContactRow,
): readonly GrantPlace[] {
  const held = getContact(tx, contact.root) ?? contact;
  const relays = liveHomes(tx).map(({ address }) => parseRelayAddress(address));
  if (relays.length === 0) throw new TumarError("NOT_REGISTERED", "this vault has no relay");
  const mine = held.myTags.flatMap((tag) => getMyGrant(tx, tag) ?? []);
  const given = relays.map((relay) => {
    const known = mine.find(({ relayHash }) => equalBytes(relayHash, relay.hash));
    return { relay, grant: known ?? claimSpare(tx, core, relay, held) };
  });
  const myTags = given.map(({ grant }) => grant.tag);
  if (!held.isGrantSent || !isSame(myTags, held.myTags)) {
    putContact(tx, { ...held, myTags, isGrantSent: true });
  }
  return given.map(({ relay, grant }) => placeOf(relay, grant));
}

function claimSpare(
  tx: VaultTransaction,
  core: Pick<Core, "random">,
  relay: RelayAddress,
  contact: ContactRow,
): MyGrantRow {
  const spare =
    listMyGrants(tx).find(
      ({ use, isRegistered, relayHash }) =>
        use === "spare" && isRegistered && equalBytes(relayHash, relay.hash),
    ) ?? newGrant(relay, "spare", core.random);
  const claimed: MyGrantRow = { ...spare, use: "contact", contact: contact.root };
  putMyGrant(tx, claimed);
  return claimed;
}

function isSame(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((tag, i) => equalBytes(tag, b[i] ?? new Uint8Array(0)));
}
