/** One-time pairs: made for one relay each, published there under the front record. */

import { TumarError } from "../../shared/crypto/errors.ts";
import { frontRecordKeys } from "../../shared/e2ee/front-record.ts";
import {
  addPairs,
  countPairs,
  PAIRS_PER_RELAY,
  type StoredPair,
  signPair,
} from "../../shared/e2ee/prekey-state.ts";
import { sealPair } from "../../shared/e2ee/record-part.ts";
import type { RelayAddress } from "../../shared/e2ee/relay-address.ts";
import { parseCardSecret } from "../../shared/e2ee/root.ts";
import type { Relay } from "../net/requests.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { getHome, type HomeRow } from "./state/homes.ts";
import { getIdentity, type IdentityRow } from "./state/identity.ts";
import { getPrekeys, getUnpublished, putPrekeys, putUnpublished } from "./state/prekeys.ts";

const PAIRS_A_FRAME = 10;

export async function publishPairs(core: Core, address: RelayAddress, relay: Relay): Promise<void> {
  const home = await core.vault.read((view) => getHome(view, address.hash));
  if (home === undefined) throw new TumarError("RELAY_UNKNOWN", "the vault names no such relay");
  const { identity, pairs } = await core.vault.transaction((tx) =>
    pairsToPublish(tx, core, address),
  );
  for (let at = 0; at < pairs.length; at += PAIRS_A_FRAME) {
    const some = pairs.slice(at, at + PAIRS_A_FRAME);
    await publishSome(core, address, relay, { home, identity, pairs: some });
    const done = new Set(some.map(({ id }) => id));
    await core.vault.transaction((tx) => {
      const left = getUnpublished(tx, address.hash).filter((id) => !done.has(id));
      putUnpublished(tx, address.hash, left);
    });
  }
}

/** Makes what is missing from the pile and gives all pairs the relay has not confirmed. */
function pairsToPublish(
  tx: VaultTransaction,
  core: Core,
  address: RelayAddress,
): { readonly identity: IdentityRow; readonly pairs: readonly StoredPair[] } {
  const hour = core.time.hour();
  const before = getPrekeys(tx);
  const missing = PAIRS_PER_RELAY - countPairs(before, address.hash, hour);
  const { state, pairs } = addPairs(before, address.hash, Math.max(0, missing), hour, core.random);
  const wanted = [...getUnpublished(tx, address.hash), ...pairs.map(({ id }) => id)];
  if (pairs.length > 0) putPrekeys(tx, state);
  putUnpublished(tx, address.hash, wanted);
  const toPublish = state.prekeys.filter(
    (one): one is StoredPair => one.role === "pair" && wanted.includes(one.id),
  );
  return { identity: getIdentity(tx), pairs: toPublish };
}

async function publishSome(
  core: Core,
  address: RelayAddress,
  relay: Relay,
  {
    home,
    identity,
    pairs,
  }: {
    readonly home: HomeRow;
    readonly identity: IdentityRow;
    readonly pairs: readonly StoredPair[];
  },
): Promise<void> {
  const { device, root } = identity;
  const card = { root, secret: parseCardSecret(identity.cardSecret) };
  const keys = frontRecordKeys(card, address.hash);
  const context = { root, deviceId: device.id, relay: address.hash };
  const writer = home.writer.publicKey;
  const request = relay.owner.request(
    {
      type: "prekeys.publish",
      recordId: home.front.id,
      writer,
      pairs: pairs.map((pair) => ({
        pairId: pair.id,
        notAfter: pair.notAfter,
        sealed: sealPair(keys, writer, signPair(pair, device, context), core.random),
      })),
    },
    { proveWith: home.writer },
  );
  // The pile is full: somebody took pairs and never wrote. Their private halves die of age.
  await request.catch((error) => {
    if (!(error instanceof TumarError) || error.code !== "LIMIT_REACHED") throw error;
  });
}
