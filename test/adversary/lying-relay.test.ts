/**
 * A relay that speaks the protocol and lies: it drops, doubles and repeats envelopes, gives them
 * wrong tags, signs for what it was not given, and shows other records than those that were
 * written. It can keep messages from arriving. It can do nothing else.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Client } from "../../client/core/client.ts";
import { listContacts } from "../../client/core/state/contacts.ts";
import { getIdentity, type HomeRow, listHomes } from "../../client/core/state/identity.ts";
import type { ClientEvent } from "../../client/core/types.ts";
import type { WaitingEnvelope } from "../../server/store/store.ts";
import { equalBytes, toHex } from "../../shared/crypto/bytes.ts";
import { parseSigningPublicKey, systemRandom } from "../../shared/crypto/sodium.ts";
import { parseCard } from "../../shared/e2ee/card.ts";
import { frontRecordKeys, openFrontPart, sealFrontPart } from "../../shared/e2ee/front-record.ts";
import { type LyingRelay, lyingRelay } from "../support/lying-relay.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import {
  allStored,
  hurriedClock,
  numbered,
  pingPong,
  readVault,
  sendAll,
  synced,
  textsOf,
  until,
  untilShown,
} from "../support/stories.ts";

const DAY_MS = 86_400_000;
const COUNT = 10;

interface Scene extends LyingRelay {
  readonly aigul: Person;
  readonly bek: Person;
  /** Moves the clocks of both people and the relay. */
  turnClock(ms: number): void;
  /** Another one on the same clock. */
  newcomer(): Promise<Person>;
}

async function scene(t: TestContext): Promise<Scene> {
  let aheadMs = 0;
  const now = () => Date.now() + aheadMs;
  const lying = await lyingRelay(t, { clock: now });
  const given = { now, clock: hurriedClock };
  const aigul = await person(t, lying.relay.address, given);
  const bek = await person(t, lying.relay.address, given);
  return {
    ...lying,
    aigul,
    bek,
    newcomer: () => person(t, lying.relay.address, given),
    turnClock: (ms) => {
      aheadMs += ms;
    },
  };
}

/** They know each other and have talked: four messages, two each way. */
async function acquainted(t: TestContext): Promise<Scene> {
  const all = await scene(t);
  const { aigul, bek } = all;
  await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
  aigul.client.start();
  bek.client.start();
  await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
  return all;
}

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

describe("a lying relay: envelopes", () => {
  it("that drops what it signed for loses just that; the rest is shown in order", async (t) => {
    const { store, aigul, bek, turnClock } = await acquainted(t);
    store.lies = {
      commit: async (operations, keep) => {
        const kept = operations.filter(({ type }) => type !== "deposit");
        const results = [...(await keep(kept))];
        return operations.map(({ type }) => {
          const lie = { ok: true, value: { mailbox: 0, duplicate: true } } as const;
          return (type === "deposit" ? lie : results.shift()) ?? lie;
        });
      },
    };
    const lost = await aigul.client.send("Бек", "жоғалған");
    await aigul.client.stored(lost.id);
    store.lies = {};
    await sendAll(aigul.client, "Бек", numbered("кейінгі", COUNT));
    await allStored(aigul.client);
    await untilShown(bek.client, `кейінгі ${COUNT - 1}`, turnClock);
    const texts = await textsOf(bek.client, 2 + COUNT);
    assert.deepEqual(texts, ["ball 0", "ball 2", ...numbered("кейінгі", COUNT)]);
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 2, 4);
  });

  it("that delivers everything twice, and old envelopes again, shows nothing twice", async (t) => {
    const { store, aigul, bek } = await acquainted(t);
    const old: WaitingEnvelope[] = [];
    let replays = 0;
    store.lies = {
      waiting: (found) => {
        if (found.length === 0) return found;
        const again = old.slice(0, replays);
        replays = Math.min(replays + 1, COUNT);
        old.push(...found);
        return [...again, ...found, ...found];
      },
    };
    for (const text of numbered("хат", COUNT)) {
      await sendAll(aigul.client, "Бек", [text]);
      await until(text, async () => (await bek.client.received()).at(-1)?.text === text);
      await sendAll(bek.client, "Айгүл", [text]);
    }
    await textsOf(aigul.client, 2 + COUNT);
    assert.ok(replays >= COUNT);
    const back = await bek.reopen();
    await synced(back);
    const shown = async (client: Client) =>
      (await client.received()).map(({ kind, text }) => `${kind}: ${text}`);
    const texts = numbered("text: хат", COUNT);
    assert.deepEqual(await shown(back), ["text: ball 0", "text: ball 2", ...texts]);
    assert.deepEqual(await shown(aigul.client), ["text: ball 1", "text: ball 3", ...texts]);
  });

  it("that swaps tags makes nobody's message somebody else's", async (t) => {
    const { store, aigul, bek, newcomer, turnClock } = await acquainted(t);
    const dana = await newcomer();
    await acquaint([dana, "Дана"], [bek, "Бек"]);
    dana.client.start();
    await pingPong([dana.client, "Дана"], [bek.client, "Бек"], 4, 4);
    const tags = new Map<string, Uint8Array>();
    store.lies = {
      waiting: (found) => {
        for (const { tag } of found) tags.set(toHex(tag), tag);
        const other = (tag: Uint8Array) =>
          [...tags.values()].find((known) => !equalBytes(known, tag)) ?? tag;
        return found.map((envelope) => ({ ...envelope, tag: other(envelope.tag) }));
      },
    };
    await bek.client.close();
    await aigul.client.send("Бек", "Айгүлден");
    await dana.client.send("Бек", "Данадан");
    await allStored(aigul.client);
    await allStored(dana.client);
    const back = await bek.reopen();
    await synced(back);
    assert.equal(tags.size, 2);
    store.lies = {};
    await aigul.client.send("Бек", "Айгүлден тағы");
    await dana.client.send("Бек", "Данадан тағы");
    await untilShown(back, "Айгүлден тағы", turnClock);
    await untilShown(back, "Данадан тағы", turnClock);
    for (const { from, text } of await back.received()) {
      if (text.startsWith("Айгүл")) assert.equal(from, "Айгүл");
      if (text.startsWith("Дана")) assert.equal(from, "Дана");
    }
    const contacts = await back.contacts();
    assert.ok(contacts.every(({ isIdentityChanged }) => !isIdentityChanged));
  });

  it("that signs for another envelope is not believed: the message stays and goes later", async (t) => {
    const { store, aigul, bek } = await acquainted(t);
    let lies = 0;
    store.lies = {
      commit: async (operations, keep) => {
        const results = await keep(operations);
        for (const operation of operations) {
          // The receipt is signed over this id.
          if (operation.type === "deposit") operation.envelopeId[0] = ++lies & 0xff;
        }
        return results;
      },
    };
    const { id } = await aigul.client.send("Бек", "қолхат");
    await until("two tries", () => lies >= 2);
    const [item] = await aigul.client.outbox();
    assert.deepEqual(item?.id, id);
    assert.equal(item?.state, "written");
    assert.equal(item?.receipt, null);
    store.lies = {};
    await allStored(aigul.client);
    assert.deepEqual(await textsOf(bek.client, 3), ["ball 0", "ball 2", "қолхат"]);
  });
});

describe("a lying relay: records", () => {
  it("that shows somebody else's record for a card gets nothing sent to it", async (t) => {
    const { store, aigul, bek, newcomer } = await scene(t);
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
    const { store, aigul, bek, newcomer } = await scene(t);
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
    const { store, aigul, bek, newcomer, turnClock } = await scene(t);
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
