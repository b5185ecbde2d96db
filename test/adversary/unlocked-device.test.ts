/**
 * A device that was unlocked when it was taken: everything in its vault is in other hands. What is
 * not in it stays safe: the words and the root, and what was deleted after it was read.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listPeers } from "../../client/core/state/contacts.ts";
import { listMyGrants } from "../../client/core/state/grants.ts";
import { getIdentity } from "../../client/core/state/identity.ts";
import { getPrekeys } from "../../client/core/state/prekeys.ts";
import type { VaultView } from "../../client/vault/draft.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { parsePhrase, phraseSeed } from "../../shared/crypto/phrase.ts";
import { type DevicePeer, decodePeer } from "../../shared/e2ee/device-peer.ts";
import { unwrapFrame } from "../../shared/e2ee/envelope.ts";
import { openIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import { prekeySecrets } from "../../shared/e2ee/prekey-state.ts";
import { capsuleKeyPair, rootKeyPair } from "../../shared/e2ee/root.ts";
import { receiveFrom } from "../../shared/e2ee/session-receive.ts";
import { findLeaks } from "../support/leak-search.ts";
import { lyingRelay } from "../support/lying-relay.ts";
import { acquaint, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import { allStored, numbered, pingPong, readVault, sendAll, textsOf } from "../support/stories.ts";

const COUNT = 6;
const MINUTE_MS = 60_000;

/** What a thief with this vault makes of an envelope: how many of his tries open it. */
function tries(view: VaultView, envelope: Uint8Array): readonly boolean[] {
  const peers = listPeers(view).flatMap(({ sessions }) =>
    sessions === null ? [] : [decodePeer(sessions)],
  );
  return listMyGrants(view).flatMap(({ wrapKey }) => {
    const frame = orNothing(() => unwrapFrame(wrapKey, envelope));
    if (frame === undefined) return [];
    // With the sessions as they are, and as if nothing had ever been received.
    return [peers, []].map((candidates) => opens(view, candidates, frame));
  });
}

function opens(view: VaultView, candidates: readonly DevicePeer[], frame: Uint8Array): boolean {
  const { root, device } = getIdentity(view);
  const receiver = {
    own: { root, device },
    candidates,
    peerOf: () => undefined,
    prekeysOf: (ids: Parameters<typeof prekeySecrets>[1]) => prekeySecrets(getPrekeys(view), ids),
    openIdentity: openIdentityBlock,
  };
  const minute = Math.floor(Date.now() / MINUTE_MS);
  return orNothing(() => receiveFrom(receiver, frame, minute)) !== undefined;
}

function orNothing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof TumarError) return undefined;
    throw error;
  }
}

describe("a device taken unlocked", () => {
  it("has neither the words nor the root's secret", async (t) => {
    const relay = await relayInProcess(t);
    const { environment, created } = await person(t, relay.address);
    const entropy = await parsePhrase(created.phrase);
    const seed = await phraseSeed(entropy, environment.deriveKey);
    const everything = await readVault(environment, (view) =>
      Buffer.concat(view.list("").map(([, bytes]) => Buffer.from(bytes))),
    );
    const secrets = [
      { what: "entropy of the words", secret: entropy },
      { what: "words", secret: created.phrase },
      { what: "digits", secret: created.digits },
      { what: "seed", secret: seed },
      { what: "root secret", secret: rootKeyPair(seed).secretKey.subarray(0, 32) },
      { what: "capsule secret", secret: capsuleKeyPair(seed).secretKey },
    ];
    assert.deepEqual(findLeaks(everything, secrets), []);
    const found = findLeaks(everything, [{ what: "identity", secret: created.identity }]);
    assert.deepEqual(found, ["identity (raw)"]);
  });

  it("opens nothing that was recorded at the relay and read before it was taken", async (t) => {
    const { relay, store } = await lyingRelay(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    aigul.client.start();
    await sendAll(aigul.client, "Бек", numbered("алғашқы", COUNT));
    await allStored(aigul.client);
    bek.client.start();
    await textsOf(bek.client, COUNT);
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], COUNT);
    await allStored(bek.client);
    await bek.client.close();
    const recorded = [...store.deposits];
    await aigul.client.send("Бек", "әлі оқылмаған");
    await allStored(aigul.client);
    const unread = store.deposits.slice(recorded.length);

    const [past, present] = await readVault(bek.environment, (view) => [
      recorded.map((envelope) => tries(view, envelope)),
      unread.map((envelope) => tries(view, envelope)),
    ]);
    const toBek = past?.filter((own) => own.length > 0) ?? [];
    assert.ok(toBek.length >= COUNT + COUNT / 2);
    assert.deepEqual(new Set(toBek.flat()), new Set([false]));
    // The same tries do open what was still to be read.
    assert.ok(present?.flat().includes(true));
  });
});
