/** One of the two relays of an inbox lies or dies; the other is honest. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClientEvent } from "../../client/core/types.ts";
import { MemoryDisk, MemoryStorage } from "../../client/vault/memory-storage.ts";
import { lyingRelay } from "../support/lying-relay.ts";
import { acquaint, person } from "../support/people.ts";
import { allStored, pingPong, textsOf, until } from "../support/stories.ts";

const HOUR_MS = 3_600_000;

describe("one of two relays", () => {
  it("that hides what it remembers does not hide a rollback the other knows of", async (t) => {
    const [liar, honest] = [await lyingRelay(t), await lyingRelay(t)];
    const disk = new MemoryDisk();
    const both = [liar.relay.address, honest.relay.address];
    const aigul = await person(t, both, { storage: new MemoryStorage(disk) });
    const bek = await person(t, both);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    aigul.client.start();
    bek.client.start();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
    await aigul.client.close();
    const old = disk.image?.slice();
    assert.ok(old !== undefined);
    const later = await aigul.reopen();
    later.start();
    await later.sync();
    await later.close();

    disk.image = old;
    liar.store.lies = { record: async () => undefined };
    const client = await aigul.reopen();
    const events: ClientEvent[] = [];
    client.on((event) => events.push(event));
    client.start();
    await until("the rollback is told", () => events.some(({ type }) => type === "rollback"));
    await pingPong([client, "Айгүл"], [bek.client, "Бек"], 4, 4);
  });

  it("that keeps a first message to itself delays it by a day: it is begun anew through the other", async (t) => {
    let aheadMs = 0;
    const clock = () => Date.now() + aheadMs;
    const [liar, honest] = [await lyingRelay(t, { clock }), await lyingRelay(t, { clock })];
    const given = { now: clock };
    const bek = await person(t, [liar.relay.address, honest.relay.address], given);
    const aigul = await person(t, honest.relay.address, given);
    await aigul.client.addContact(await bek.client.card(), "Бек");
    liar.store.lies = { waiting: () => [] };
    aigul.client.start();
    bek.client.start();
    const { id } = await aigul.client.send("Бек", "естіп тұрсың ба?");
    const stored = await aigul.client.stored(id);
    assert.equal(stored.receipt?.relay, liar.relay.address);
    await bek.client.sync();
    assert.deepEqual(await bek.client.received(), []);

    const atLiar = liar.store.deposits.length;
    aheadMs = 25 * HOUR_MS;
    const back = await aigul.reopen();
    back.start();
    assert.deepEqual(await textsOf(bek.client, 1), ["естіп тұрсың ба?"]);
    liar.store.lies = {};
    await bek.client.sync();
    assert.equal((await bek.client.received()).length, 1);
    assert.equal(new Set(liar.store.deposits).size, atLiar);
  });

  it("an alert is deposited at both, stored with the first receipt, and shown once", async (t) => {
    const [one, two] = [await lyingRelay(t), await lyingRelay(t)];
    const both = [one.relay.address, two.relay.address];
    const aigul = await person(t, both);
    const bek = await person(t, both);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    aigul.client.start();
    bek.client.start();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 2);
    await bek.client.sync();
    await bek.client.close();
    const before = [one, two].map(({ store }) => store.deposits.length);
    await aigul.client.send("Бек", "мені алып барады", { urgent: true });
    await allStored(aigul.client);
    await until("both have it", () =>
      [one, two].every(({ store }, i) => store.deposits.length > (before[i] ?? 0)),
    );
    const back = await bek.reopen();
    back.start();
    await back.sync();
    assert.deepEqual((await textsOf(back, 1)).at(-1), "ball 0");
    const alerts = (await back.received()).filter(({ kind }) => kind === "alert");
    assert.equal(alerts.length, 1);

    // One relay is enough for the first receipt.
    await back.close();
    await one.relay.close();
    const { id } = await aigul.client.send("Бек", "тағы", { urgent: true });
    const stored = await aigul.client.stored(id, { timeoutMs: 30_000 });
    assert.equal(stored.receipt?.relay, two.relay.address);
  });
});
