/** Where blobs go: a place that the recipient's devices named, another when that one fails. */

import { equalBytes, toHex } from "../../shared/crypto/bytes.ts";
import { decodeGrantList, type GrantPlace } from "../../shared/e2ee/grant.ts";
import { UPLOAD_ID_BYTES } from "../../shared/wire/limits.ts";
import type { Clock } from "../net/clock.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { addressOf } from "./manifest.ts";
import { draftUpdate } from "./media-updates.ts";
import { devicesOf } from "./seal.ts";
import { getContact, getPeer } from "./state/contacts.ts";
import { findOutgoing } from "./state/messages.ts";
import { putSentPart, type SentPartRow } from "./state/sent-media.ts";

/** A grant that took no blob may take one again then: a day's quota is over, the disk has room. */
const REFUSAL_MS = 600_000;

/** Grants that took no blob lately; they may still take envelopes, which the health of relays says. */
export class BlobRefusals {
  readonly #clock: Clock;
  readonly #atMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(depositId: Uint8Array): void {
    this.#atMs.set(toHex(depositId), this.#clock.now());
  }

  has(depositId: Uint8Array): boolean {
    const atMs = this.#atMs.get(toHex(depositId));
    return atMs !== undefined && this.#clock.now() - atMs < REFUSAL_MS;
  }
}

/** Whether its place may be used, as far as is known. */
export function isGoodPlace(
  view: VaultView,
  core: Core,
  refusals: BlobRefusals,
  id: Uint8Array,
  { depositId }: SentPartRow,
): boolean {
  const place = placesOf(view, core, id).find((one) => equalBytes(one.depositId, depositId));
  return place !== undefined && isGood(core, refusals, place);
}

/**
 * Sends it to the best other place, if that is good, from its beginning; to another grant at the same
 * relay it goes on. The recipient is told.
 */
export function moveUpload(
  tx: VaultTransaction,
  core: Core,
  refusals: BlobRefusals,
  id: Uint8Array,
  part: 0 | 1,
  row: SentPartRow,
): boolean {
  const best = placesOf(tx, core, id).find(
    (place) => !equalBytes(place.depositId, row.depositId) && isGood(core, refusals, place),
  );
  if (best === undefined) return false;
  const address = addressOf(best);
  if (address.relay === row.relay) {
    putSentPart(tx, id, part, { ...row, ...address, lastFault: "" });
    return true;
  }
  const uploadId = core.random(UPLOAD_ID_BYTES);
  putSentPart(tx, id, part, { ...row, ...address, uploadId, storedBytes: 0, lastFault: "" });
  draftUpdate(tx, core, id, part);
  return true;
}

function isGood(core: Core, refusals: BlobRefusals, place: GrantPlace): boolean {
  return core.health.isGood(place) && !refusals.has(place.depositId);
}

/** Of all devices that the message was sealed to, or would be now: each of them reads it there. */
function placesOf(view: VaultView, core: Core, id: Uint8Array): readonly GrantPlace[] {
  const [, message] = findOutgoing(view, id) ?? [];
  const contact = message === undefined ? undefined : getContact(view, message.root);
  if (contact === undefined) return [];
  const places = devicesOf(view, core, contact).flatMap(({ deviceId }) => {
    const peer = getPeer(view, contact.root, deviceId);
    return peer === undefined ? [] : decodeGrantList(peer.grants);
  });
  return core.health.inOrder(places);
}
