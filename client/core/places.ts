/**
 * Where envelopes for a device go: one of the places its grants name, another when that one fails.
 * A frame is sealed once and only wrapped anew for each place, so a receiver that gets it twice opens
 * it once.
 */

import { equalBytes, type Random } from "../../shared/crypto/bytes.ts";
import { unwrapFrame, wrapFrame } from "../../shared/e2ee/envelope.ts";
import { decodeGrantList, type GrantPlace, parseWrapKey } from "../../shared/e2ee/grant.ts";
import { formatRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { getPeer } from "./state/contacts.ts";
import {
  type EnvelopeRow,
  getEnvelope,
  listEnvelopes,
  putEnvelope,
  twinsOf,
} from "./state/outbox.ts";
import type { Lane } from "./types.ts";

/** What of an envelope belongs to its place. */
type Addressed = Pick<EnvelopeRow, "relay" | "depositId" | "wrapKey" | "urgent" | "envelope">;

export function addressTo(
  place: GrantPlace,
  frame: Uint8Array,
  lane: Lane,
  random: Random,
): Addressed {
  return {
    relay: formatRelayAddress(place.relay),
    depositId: place.depositId,
    wrapKey: place.wrapKey,
    urgent: lane === "urgent" && place.mayBeUrgent,
    envelope: wrapFrame(place.wrapKey, frame, random),
  };
}

/** Where it may go besides, the best first: not where it is, nor where its twin is. */
export function otherPlaces(
  view: VaultView,
  core: Core,
  place: number,
  row: EnvelopeRow,
): readonly GrantPlace[] {
  const taken = [row, ...twinsOf(view, place, row)].map(({ depositId }) => depositId);
  const others = placesOf(view, row).filter(
    ({ depositId }) => !taken.some((one) => equalBytes(one, depositId)),
  );
  return core.health.inOrder(others);
}

/** Whether it need not wait for the relay it is addressed to. */
export function hasOtherGoodPlace(
  view: VaultView,
  core: Core,
  place: number,
  row: EnvelopeRow,
): boolean {
  const [best] = otherPlaces(view, core, place, row);
  return best !== undefined && core.health.isGood(best);
}

/** Addresses it to the best other place, if that is good. @returns the hash of the relay there */
export function failOver(tx: VaultTransaction, core: Core, place: number): Uint8Array | undefined {
  const row = getEnvelope(tx, place);
  const [best] = row === undefined ? [] : otherPlaces(tx, core, place, row);
  if (row === undefined || best === undefined || !core.health.isGood(best)) return undefined;
  moveTo(tx, core, place, row, best);
  return best.relay.hash;
}

/** A device told other grants: what was addressed to a place that is not among them goes to one that is. */
export function readdress(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  device: Uint8Array,
): void {
  for (const [place, row] of listEnvelopes(tx)) {
    if (!equalBytes(row.root, root) || !equalBytes(row.device, device)) continue;
    const isStanding = placesOf(tx, row).some((one) => equalBytes(one.depositId, row.depositId));
    const [best] = isStanding ? [] : otherPlaces(tx, core, place, row);
    if (best !== undefined) moveTo(tx, core, place, row, best);
  }
}

function placesOf(view: VaultView, { root, device }: EnvelopeRow): readonly GrantPlace[] {
  const peer = getPeer(view, root, device);
  return peer === undefined ? [] : decodeGrantList(peer.grants);
}

function moveTo(
  tx: VaultTransaction,
  core: Core,
  place: number,
  row: EnvelopeRow,
  to: GrantPlace,
): void {
  const frame = unwrapFrame(parseWrapKey(row.wrapKey), row.envelope);
  putEnvelope(tx, place, { ...row, ...addressTo(to, frame, row.lane, core.random), lastFault: "" });
}
