/** Two people exchange messages through a real relay, over the library. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Client } from "../../../client/core/client.ts";
import { acquaint, person } from "../../support/people.ts";
import { relayInProcess } from "../../support/relay.ts";

async function nextTexts(client: Client, count: number): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const message of client.messages()) {
    texts.push(message.text);
    if (texts.length === count) break;
  }
  return texts;
}

describe("two clients", () => {
  it("exchange messages both ways, first contact included", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    aigul.client.start();
    bek.client.start();

    const { id } = await aigul.client.send("Бек", "Сәлем, Бек");
    const stored = await aigul.client.stored(id);
    assert.equal(stored.state, "stored");
    assert.ok(stored.receipt);
    assert.deepEqual(await nextTexts(bek.client, 1), ["Сәлем, Бек"]);
    const [received] = await bek.client.received();
    assert.equal(received?.from, "Айгүл");

    await bek.client.send("Айгүл", "Сәлем, Айгүл");
    await bek.client.send("Айгүл", "Қайдасың?");
    assert.deepEqual(await nextTexts(aigul.client, 2), ["Сәлем, Айгүл", "Қайдасың?"]);
    assert.equal(await aigul.client.safetyNumber("Бек"), await bek.client.safetyNumber("Айгүл"));
  });

  it("sync sends what is queued, takes what waits, and ends", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    for (let i = 0; i < 40; i++) await aigul.client.send("Bek", `message ${i}`);
    assert.equal((await aigul.client.outbox()).length, 40);
    const summary = await aigul.client.sync();
    assert.equal(summary.queued, 0);
    const bekSummary = await bek.client.sync();
    assert.equal(bekSummary.received, 40);
    assert.deepEqual(
      (await bek.client.received()).map((message) => message.text),
      Array.from({ length: 40 }, (_, i) => `message ${i}`),
    );
  });
});
