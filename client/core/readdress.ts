/**
 * A device told us better grants than those its waiting envelopes were made for: they are wrapped
 * anew for the new place. Only the outer wrap changes; the frame inside, sealed once, stays as it
 * is, so a receiver that gets it both ways opens it once.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { unwrapFrame, wrapFrame } from "../../shared/e2ee/envelope.ts";
import { decodeGrantList, parseWrapKey } from "../../shared/e2ee/grant.ts";
import { formatRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { getPeer } from "./state/contacts.ts";
import { listEnvelopes, putEnvelope } from "./state/outbox.ts";

export function readdress(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  device: Uint8Array,
): void {
  const peer = getPeer(tx, root, device);
  const [grant] = peer === undefined ? [] : decodeGrantList(peer.grants);
  if (grant === undefined) return;
  for (const [place, row] of listEnvelopes(tx)) {
    const isTheirs = equalBytes(row.root, root) && equalBytes(row.device, device);
    if (!isTheirs || equalBytes(row.depositId, grant.depositId)) continue;
    const frame = unwrapFrame(parseWrapKey(row.wrapKey), row.envelope);
    putEnvelope(tx, place, {
      ...row,
      relay: formatRelayAddress(grant.relay),
      depositId: grant.depositId,
      wrapKey: grant.wrapKey,
      envelope: wrapFrame(grant.wrapKey, frame, core.random),
      lastFault: "",
    });
  }
}
