/**
 * A relay that speaks the protocol and lies: it drops, doubles and repeats envelopes, gives them
 * wrong tags, and signs for what it was not given. It can keep messages from arriving. It can do
 * nothing else.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Client } from "../../client/core/client.ts";
import type { WaitingEnvelope } from "../../server/store/store.ts";
import { equalBytes, toHex } from "../../shared/crypto/bytes.ts";
import { type LyingScene, lyingScene } from "../support/lying-relay.ts";
import { acquaint } from "../support/people.ts";
import {
  allStored,
  numbered,
  pingPong,
  sendAll,
  synced,
  textsOf,
  until,
  untilShown,
} from "../support/stories.ts";

const COUNT = 10;

/** They know each other and have talked: four messages, two each way. */
async function acquainted(t: TestContext): Promise<LyingScene> {
  const all = await lyingScene(t);
  const { aigul, bek } = all;
  await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
  aigul.client.start();
  bek.client.start();
  await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
  return all;
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
        const results = await keep(
          operations.map((operation) =>
            operation.type === "deposit"
              ? { ...operation, envelopeId: operation.envelopeId.slice() }
              : operation,
          ),
        );
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
