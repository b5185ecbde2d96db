/** The grants of ours that a contact deposits through: made from spare ones, handed over in sessions. */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { GrantPlace } from "../../shared/e2ee/grant.ts";
import { parseRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { newGrant } from "./self.ts";
import { type ContactRow, getContact, putContact } from "./state/contacts.ts";
import { getMyGrant, listMyGrants, type MyGrantRow, putMyGrant } from "./state/grants.ts";
import { listHomes } from "./state/identity.ts";

/** The grant that is this contact's own; a spare one becomes it at the first call. */
export function replyGrants(
  tx: VaultTransaction,
  core: Core,
  contact: ContactRow,
): readonly GrantPlace[] {
  const held = getContact(tx, contact.root) ?? contact;
  const [home] = listHomes(tx);
  if (home === undefined) throw new TumarError("NOT_REGISTERED", "this vault has no relay");
  const relay = parseRelayAddress(home.address);
  const mine = held.myTag === null ? undefined : getMyGrant(tx, held.myTag);
  const grant = mine ?? claimSpare(tx, core, relay, held);
  if (mine === undefined || !held.isGrantSent) {
    putContact(tx, { ...held, myTag: grant.tag, isGrantSent: true });
  }
  return [placeOf(relay, grant)];
}

function claimSpare(
  tx: VaultTransaction,
  core: Core,
  relay: RelayAddress,
  contact: ContactRow,
): MyGrantRow {
  const spare =
    listMyGrants(tx).find((grant) => grant.use === "spare" && grant.isRegistered) ??
    newGrant(relay, "spare", core.random);
  const claimed: MyGrantRow = { ...spare, use: "contact", contact: contact.root };
  putMyGrant(tx, claimed);
  return claimed;
}

export function placeOf(relay: RelayAddress, grant: MyGrantRow): GrantPlace {
  return {
    relay,
    depositId: grant.depositId,
    wrapKey: grant.wrapKey,
    mayBeUrgent: grant.use === "contact",
  };
}
