/**
 * A relay that shows other records than those that were written: somebody else's, forged ones, old
 * ones. It can keep a first contact from happening, and nothing else.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listContacts } from "../../client/core/state/contacts.ts";
import { type HomeRow, listHomes } from "../../client/core/state/homes.ts";
import { getIdentity } from "../../client/core/state/identity.ts";
import type { ClientEvent } from "../../client/core/types.ts";
import { equalBytes } from "../../shared/crypto/bytes.ts";
import { parseSigningPublicKey, systemRandom } from "../../shared/crypto/sodium.ts";
import { parseCard } from "../../shared/e2ee/card.ts";
import { frontRecordKeys, openFrontPart, sealFrontPart } from "../../shared/e2ee/front-record.ts";
import { type LyingRelay, lyingScene } from "../support/lying-relay.ts";
import type { Person } from "../support/people.ts";
import { readVault, synced, textsOf, until } from "../support/stories.ts";

const DAY_MS = 86_400_000;

async function homeOf({ environment }: Person): Promise<HomeRow> {
  const home = await readVault(environment, (view) => listHomes(view)[0]);
  assert.ok(home !== undefined);
  return home;
}

function eventsOf({ client }: Person): readonly ClientEvent[] {
  const events: ClientEvent[] = [];
  client.on((event) => events.push(event));
  return events;
}

describe("a lying relay: records", () => {
  it("that shows somebody else's record for a card gets nothing sent to it", async (t) => {
    const { store, aigul, bek, newcomer } = await lyingScene(t);
    const mallory = await newcomer();
    const [ofBek, ofMallory] = [await homeOf(bek), await homeOf(mallory)];
    store.lies = {
      record: (id, look) => look(equalBytes(id, ofBek.front.id) ? ofMallory.front.id : id),
    };
    await aigul.client.addContact(await bek.client.card(), "Бек");
    const { id } = await aigul.client.send("Бек", "тек саған");
    await assert.rejects(
      async () => {
        await synced(aigul.client);
        await aigul.client.stored(id);
      },
      { code: "NOT_REGISTERED" },
    );
    assert.equal(store.deposits.length, 0);
    store.lies = {};
    await synced(aigul.client);
    await synced(bek.client);
    assert.deepEqual(await textsOf(bek.client, 1), ["тек саған"]);
  });

  it("that holds the card and forges its record under another identity is refused for good", async (t) => {
    const { store, aigul, bek, newcomer } = await lyingScene(t);
    const mallory = await newcomer();
    const forged = await forgedRecord(store, bek, mallory);
    const bekHome = await homeOf(bek);
    store.lies = {
      record: async (id, look) => (equalBytes(id, bekHome.front.id) ? [forged] : await look(id)),
    };
    const events = eventsOf(aigul);
    await aigul.client.addContact(await bek.client.card(), "Бек");
    const { id } = await aigul.client.send("Бек", "тек саған");
    aigul.client.start();
    await assert.rejects(aigul.client.stored(id), {
      code: "IDENTITY_CHANGED",
    });
    assert.deepEqual(
      events.filter(({ type }) => type === "identity-changed"),
      [{ type: "identity-changed", identity: bek.created.identity }],
    );
    assert.equal((await aigul.client.contact("Бек")).isIdentityChanged, true);
    await assert.rejects(aigul.client.send("Бек", "тағы"), { code: "IDENTITY_CHANGED" });
    // An honest record afterwards does not undo it, nor does a restart.
    store.lies = {};
    const again = await aigul.reopen();
    await synced(again);
    await assert.rejects(again.send("Бек", "тағы"), { code: "IDENTITY_CHANGED" });
    assert.equal(store.deposits.length, 0);
    const known = await readVault(aigul.environment, listContacts);
    assert.equal(known.length, 1);
  });

  it("that shows an old version of a record delays nothing while its keys live, and then stops", async (t) => {
    const { store, aigul, bek, newcomer, turnClock } = await lyingScene(t);
    const home = await homeOf(bek);
    const old = await store.record(home.front.id);
    assert.equal(old?.[0]?.version, 1);
    turnClock(8 * DAY_MS);
    await synced(bek.client);
    await until("the new version", async () => {
      return ((await store.record(home.front.id))?.[0]?.version ?? 0) > 1;
    });
    store.lies = {
      record: async (id, look) => (equalBytes(id, home.front.id) ? old : await look(id)),
    };
    await aigul.client.addContact(await bek.client.card(), "Бек");
    await aigul.client.send("Бек", "ескі кілтпен");
    await synced(aigul.client);
    assert.deepEqual(await textsOf(bek.client, 1), ["ескі кілтпен"]);

    turnClock(30 * DAY_MS);
    const deposits = store.deposits.length;
    const dana = await newcomer();
    await dana.client.addContact(await bek.client.card(), "Бек");
    await dana.client.send("Бек", "өлі кілтпен");
    assert.equal((await synced(dana.client)).queued, 1);
    assert.equal(store.deposits.length, deposits);
  });
});

/** Mallory's own certificate, locator and prekeys, sealed as whoever holds Bek's card can. */
async function forgedRecord(
  store: LyingRelay["store"],
  bek: Person,
  mallory: Person,
): Promise<{ readonly writer: Uint8Array; readonly version: number; readonly part: Uint8Array }> {
  const [relay] = parseCard(await bek.client.card()).relays;
  assert.ok(relay !== undefined);
  const keysOf = async (someone: Person) =>
    frontRecordKeys(parseCard(await someone.client.card()), relay.hash);
  const [own] = (await store.record((await homeOf(mallory)).front.id)) ?? [];
  assert.ok(own !== undefined);
  const { writer: key, version, part: sealed } = own;
  const place = { writer: parseSigningPublicKey(key), version };
  const { root } = await readVault(mallory.environment, getIdentity);
  const opened = openFrontPart(await keysOf(mallory), place, sealed, root);
  const part = sealFrontPart(await keysOf(bek), place, opened, systemRandom);
  return { writer: place.writer, version, part };
}
