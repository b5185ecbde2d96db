/** New grants of ours at one relay. */

import type { Random } from "../../shared/crypto/bytes.ts";
import {
  DEPOSIT_ID_BYTES,
  type GrantPlace,
  parseDepositId,
  parseWrapKey,
  WRAP_KEY_BYTES,
} from "../../shared/e2ee/grant.ts";
import type { RelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { MyGrantRow } from "./state/grants.ts";

/** Registered ahead of need at each relay, so that a first message never waits for the owner channel. */
export const SPARE_GRANTS = 8;
const TAG_BYTES = 16;

export function newGrant(relay: RelayAddress, use: MyGrantRow["use"], random: Random): MyGrantRow {
  return {
    tag: random(TAG_BYTES),
    relayHash: relay.hash,
    depositId: parseDepositId(random(DEPOSIT_ID_BYTES)),
    wrapKey: parseWrapKey(random(WRAP_KEY_BYTES)),
    use,
    contact: null,
    isRegistered: false,
  };
}

export function placeOf(relay: RelayAddress, grant: MyGrantRow): GrantPlace {
  return {
    relay,
    depositId: grant.depositId,
    wrapKey: grant.wrapKey,
    mayBeUrgent: grant.use === "contact",
  };
}
