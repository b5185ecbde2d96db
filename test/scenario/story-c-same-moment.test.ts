/**
 * Story (c): two people write to each other for the first time at the same moment, before either has
 * heard of the other's handshake. Everything arrives once, and both end on one session, however the
 * network interleaves what they hear.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { acquaint, type Person, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { Shuffle } from "../support/shuffled-transport.ts";
import {
  allStored,
  assertOneSession,
  numbered,
  pingPong,
  sendAll,
  textsOf,
} from "../support/stories.ts";

const BALLS = 20;

async function twoOn(t: TestContext, seed: string): Promise<readonly [Person, Person]> {
  const relay = await relayInProcess(t);
  const shuffle = new Shuffle(seed);
  const aigul = await person(t, relay.address, { transport: shuffle.transport() });
  const bek = await person(t, relay.address, { transport: shuffle.transport() });
  await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
  return [aigul, bek];
}

/** Everything of each side is at the other once and in order, balls of the ping-pong included. */
async function assertAllThere(
  [aigul, bek]: readonly [Person, Person],
  ofAigul: readonly string[],
  ofBek: readonly string[],
): Promise<void> {
  assert.deepEqual(await textsOf(bek.client, ofAigul.length), ofAigul);
  assert.deepEqual(await textsOf(aigul.client, ofBek.length), ofBek);
  await allStored(aigul.client);
  await allStored(bek.client);
  await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], BALLS);
  assert.equal((await bek.client.received()).length, ofAigul.length + BALLS / 2);
  assert.equal((await aigul.client.received()).length, ofBek.length + BALLS / 2);
  await assertOneSession(aigul.environment, bek.environment);
}

describe("story (c): both write first at the same moment", () => {
  for (const seed of ["қазан", "қараша", "желтоқсан"]) {
    it(`everything arrives once and one session is left (network ${seed})`, async (t) => {
      const people = await twoOn(t, seed);
      const [aigul, bek] = people;
      const [counts = 0] = seededRandom(seed)(1);
      const ofAigul = numbered("Айгүлден", 1 + (counts % 8));
      const ofBek = numbered("Бектен", 1 + (counts >> 5));
      await sendAll(aigul.client, "Бек", ofAigul);
      await sendAll(bek.client, "Айгүл", ofBek);
      aigul.client.start();
      bek.client.start();
      await assertAllThere(people, ofAigul, ofBek);
    });
  }

  it("also when both handshakes lie at the relay before either side looks", async (t) => {
    const people = await twoOn(t, "ақпан");
    const [aigul, bek] = people;
    aigul.client.start();
    bek.client.start();
    // Both are idle and up to date; then both write in one turn.
    await Promise.all([aigul.client.sync(), bek.client.sync()]);
    await Promise.all([aigul.client.send("Бек", "мен"), bek.client.send("Айгүл", "сен")]);
    await assertAllThere(people, ["мен"], ["сен"]);
  });
});
