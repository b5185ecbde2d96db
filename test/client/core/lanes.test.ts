/** An alert leaves before every text that waits, also when texts are under way already. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { HeldLink } from "../../support/held-link.ts";
import { type LyingRelay, lyingRelay } from "../../support/lying-relay.ts";
import { acquaint, type Person, person } from "../../support/people.ts";
import { allStored, numbered, sendAll, synced, until } from "../../support/stories.ts";

/** Without the 64 that are under way still more than a ratchet skips (512). */
const MANY = 600;
const TEXTS = 100;
/** Envelopes under way at once (client/core/deposits.ts). */
const IN_FLIGHT = 64;

interface Scene extends LyingRelay {
  readonly aigul: Person;
  readonly bek: Person;
  readonly link: HeldLink;
}

/** In a session, so that grants that may be urgent were handed over. */
async function scene(t: TestContext): Promise<Scene> {
  const lying = await lyingRelay(t);
  const link = new HeldLink();
  const aigul = await person(t, lying.relay.address, { transport: link.transport() });
  const bek = await person(t, lying.relay.address);
  await acquaint([aigul, "Aigul"], [bek, "Bek"]);
  await aigul.client.send("Bek", "hello");
  await synced(aigul.client);
  await synced(bek.client);
  await bek.client.send("Aigul", "hello to you");
  await synced(bek.client);
  await synced(aigul.client);
  return { ...lying, aigul, bek, link };
}

/** Of what was deposited from now on: which was the urgent one. */
function placeOfAlert({ store }: LyingRelay, before: number): number {
  const deposits = store.committed.flatMap(({ operation }) =>
    operation.type === "deposit" ? [operation.urgent] : [],
  );
  return deposits.slice(before).indexOf(true);
}

describe("an alert", () => {
  it(`written behind ${TEXTS} waiting texts leaves first, and is shown before they came`, async (t) => {
    const made = await scene(t);
    const { store, aigul, bek } = made;
    const again = await aigul.reopen();
    await sendAll(again, "Bek", numbered("text", TEXTS));
    await again.send("Bek", "they are taking me", { urgent: true });
    const [first] = await again.outbox();
    assert.deepEqual([first?.text, first?.lane], ["they are taking me", "urgent"]);
    const before = store.deposits.length;
    await synced(again);
    assert.equal(placeOfAlert(made, before), 0);
    await synced(bek.client);
    const came = (await bek.client.received()).slice(1).map(({ text }) => text);
    assert.deepEqual(came, ["they are taking me", ...numbered("text", TEXTS)]);
  });

  it(`written behind ${MANY} texts, some under way, waits for those and no others`, async (t) => {
    const made = await scene(t);
    const { store, aigul, bek, link } = made;
    const before = store.deposits.length;
    link.hold();
    await sendAll(aigul.client, "Bek", numbered("text", MANY));
    await until("texts under way", () => link.heldBytes > 16 * 1024);
    await aigul.client.send("Bek", "they are taking me", { urgent: true });
    link.release();
    await allStored(aigul.client);
    const place = placeOfAlert(made, before);
    assert.ok(place > 0 && place <= IN_FLIGHT, `it was number ${place}`);
    await synced(bek.client);
    const came = (await bek.client.received()).slice(1);
    const texts = came.filter(({ kind }) => kind === "text").map(({ text }) => text);
    assert.deepEqual(texts, numbered("text", MANY));
    assert.equal(
      came.findIndex(({ kind }) => kind === "alert"),
      place,
    );
    assert.equal(came.length, MANY + 1);
  });
});
