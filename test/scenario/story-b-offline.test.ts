/**
 * Story (b): one person writes forty messages, first contact included, while the other is not there
 * at all. When the other comes, every message arrives once and in order, and answers flow.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type HomeRow, listHomes } from "../../client/core/state/homes.ts";
import { toBase32 } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { BareClient } from "../support/bare-client.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { relayInProcess, type TestRelay } from "../support/relay.ts";
import {
  allStored,
  assertOneSession,
  numbered,
  pingPong,
  readVault,
  sendAll,
  textsOf,
} from "../support/stories.ts";

const COUNT = 40;
const PAIRS = 30;
const TEXTS = numbered("хат", COUNT);

interface Two {
  readonly relay: TestRelay;
  readonly aigul: Person;
  readonly bek: Person;
}

async function two(t: TestContext): Promise<Two> {
  const relay = await relayInProcess(t);
  return { relay, aigul: await person(t, relay.address), bek: await person(t, relay.address) };
}

/** Writes all of them and leaves: nobody has answered yet. */
async function writeAndLeave({ client }: Person, to: string): Promise<void> {
  await sendAll(client, to, TEXTS);
  const { queued } = await client.sync();
  assert.equal(queued, 0);
  assert.ok((await client.sent()).every(({ state }) => state === "stored"));
  await client.close();
}

describe("story (b): one is offline for the whole sending", () => {
  it("forty messages before any answer arrive once and in order", async (t) => {
    const { aigul, bek } = await two(t);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    await writeAndLeave(aigul, "Бек");
    bek.client.start();
    assert.deepEqual(await textsOf(bek.client, COUNT), TEXTS);
    assert.ok((await bek.client.received()).every(({ from }) => from === "Айгүл"));

    await bek.client.send("Айгүл", "бәрін оқыдым");
    const back = await aigul.reopen();
    back.start();
    assert.deepEqual(await textsOf(back, 1), ["бәрін оқыдым"]);
    await pingPong([back, "Айгүл"], [bek.client, "Бек"], 4);
    assert.equal((await bek.client.received()).length, COUNT + 2);
    await assertOneSession(aigul.environment, bek.environment);
  });

  it("a stranger's messages are kept with the identity to compare, and answered once named", async (t) => {
    const { aigul, bek } = await two(t);
    await aigul.client.addContact(await bek.client.card(), "Бек");
    await writeAndLeave(aigul, "Бек");
    bek.client.start();
    assert.deepEqual(await textsOf(bek.client, COUNT), TEXTS);
    const received = await bek.client.received();
    for (const { from, identity } of received) {
      assert.equal(from, null);
      assert.deepEqual(identity, aigul.created.identity);
    }
    const back = await aigul.reopen();
    back.start();
    const { identity } = await bek.client.nameContact(
      toBase32(aigul.created.identity).slice(0, 8),
      "Айгүл",
    );
    assert.deepEqual(identity, aigul.created.identity);
    assert.equal((await bek.client.received())[0]?.from, "Айгүл");
    assert.equal(await bek.client.safetyNumber("Айгүл"), await back.safetyNumber("Бек"));
    await bek.client.send("Айгүл", "сен бе?");
    assert.deepEqual(await textsOf(back, 1), ["сен бе?"]);
    assert.equal((await back.received())[0]?.from, "Бек");
    await pingPong([back, "Айгүл"], [bek.client, "Бек"], 4);
    await assertOneSession(aigul.environment, bek.environment);
  });

  it("the recipient is restarted in the middle of taking them", async (t) => {
    const { aigul, bek } = await two(t);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    await writeAndLeave(aigul, "Бек");
    let client = bek.client;
    for (const enough of [5, 17, 33]) {
      client.start();
      await textsOf(client, enough);
      client = await bek.reopen();
    }
    client.start();
    assert.deepEqual(await textsOf(client, COUNT), TEXTS);
    await client.send("Айгүл", "жетті");
    await allStored(client);
    const back = await aigul.reopen();
    back.start();
    assert.deepEqual(await textsOf(back, 1), ["жетті"]);
    assert.equal((await client.received()).length, COUNT);
  });

  it("the thirty-first first contact to one card goes by the last-resort key", async (t) => {
    const relay = await relayInProcess(t);
    const bek = await person(t, relay.address);
    const home = await readVault(bek.environment, (view) => listHomes(view)[0]);
    assert.ok(home !== undefined);
    // Twenty-eight people read the card and took a pair; the next three really write.
    for (let i = 0; i < PAIRS - 2; i++) assert.equal(await takePair(relay, home), 1);
    const texts = ["жиырма тоғызыншы", "отызыншы", "отыз бірінші"];
    let last: Person | undefined;
    for (const [i, text] of texts.entries()) {
      const writer = await person(t, relay.address);
      last = writer;
      if (i === 2) assert.equal(await takePair(relay, home), 0);
      await writer.client.addContact(await bek.client.card(), "Бек");
      await writer.client.send("Бек", text);
      assert.equal((await writer.client.sync()).queued, 0);
    }
    bek.client.start();
    assert.deepEqual([...(await textsOf(bek.client, 3))].sort(), [...texts].sort());
    assert.ok(last !== undefined);
    await bek.client.nameContact(toBase32(last.created.identity), "соңғы");
    await pingPong([last.client, "соңғы"], [bek.client, "Бек"], 4);
  });
});

/** As whoever holds the card may; the number of pairs that were given. */
async function takePair({ address }: TestRelay, { front }: HomeRow): Promise<number> {
  const reader = await BareClient.connect(address);
  const answer = await reader.request({
    type: "prekeys.take",
    recordId: front.id,
    token: systemRandom(16),
    first: 0,
  });
  assert.ok(answer.type === "pairs");
  await reader.close();
  return answer.pairs.length;
}
