/**
 * Story: the same conversation without one WebSocket, over exchanges and over thrifty ones: through a
 * man in the middle who cuts, doubles and repeats, a network that wants a login, and a relay that is
 * killed. Every message arrives once; each fault has its name; nothing that waits is lost.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { ClientEnvironment } from "../../client/core/environment.ts";
import type { Random } from "../../shared/crypto/bytes.ts";
import { DEEDS, type Deed, HttpMiddleman, type Meddle } from "../support/http-middleman.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { relayInProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";
import { seededRandom } from "../support/seeded-random.ts";
import {
  allStored,
  assertOneSession,
  clockHurriedBy,
  numbered,
  pingPong,
  sendAll,
  textsOf,
} from "../support/stories.ts";

const KINDS = ["exchange", "thrifty"] as const;
const EACH = 50;
const ATTACKS = 40;
/** Answers need real time: only so much less is waited before the next try. */
const clock = clockHurriedBy(8);

async function two(
  t: TestContext,
  address: string,
  given: Partial<ClientEnvironment>,
): Promise<readonly [Person, Person]> {
  const aigul = await person(t, address, given);
  const bek = await person(t, address, given);
  await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
  return [aigul, bek];
}

/** Both write at once; each text arrives once, in order. */
async function converse(aigul: Person, bek: Person, count: number): Promise<void> {
  const [ofAigul, ofBek] = [numbered("Айгүлден", count), numbered("Бектен", count)];
  aigul.client.start();
  bek.client.start();
  await Promise.all([sendAll(aigul.client, "Бек", ofAigul), sendAll(bek.client, "Айгүл", ofBek)]);
  assert.deepEqual(await textsOf(bek.client, count), ofAigul);
  assert.deepEqual(await textsOf(aigul.client, count), ofBek);
}

/** Does `ATTACKS` bad things to exchanges, drawn from a seed, then tires of it. */
function attacker(seed: string) {
  const random: Random = seededRandom(seed);
  const done = new Map<Deed, number>();
  const count = () => [...done.values()].reduce((sum, times) => sum + times, 0);
  const meddle: Meddle = () => {
    const [chance = 0, drawn = 0] = random(2);
    if (chance % 3 > 0 || count() >= ATTACKS) return "carry";
    const deed = DEEDS[drawn % DEEDS.length] ?? "carry";
    done.set(deed, (done.get(deed) ?? 0) + 1);
    return deed;
  };
  return { meddle, done, count };
}

for (const transportKind of KINDS) {
  describe(`a conversation over ${transportKind} alone`, () => {
    it("a hundred messages both ways arrive once and in order, and one by one at once", async (t) => {
      const relay = await relayInProcess(t);
      const [aigul, bek] = await two(t, relay.address, { transportKind });
      await converse(aigul, bek, EACH);
      await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
      await allStored(aigul.client);
      await assertOneSession(aigul.environment, bek.environment);
    });

    it("somebody who cuts, doubles, repeats and damages exchanges delays it and no more", async (t) => {
      const relay = await relayInProcess(t);
      const middleman = await HttpMiddleman.start(t, relay.address);
      const [aigul, bek] = await two(t, middleman.address, { transportKind, clock });
      const { meddle, done, count } = attacker(transportKind);
      middleman.meddle = meddle;
      await converse(aigul, bek, 12);
      const more = numbered("тағы", ATTACKS);
      for (const [i, text] of more.entries()) {
        if (count() === ATTACKS) break;
        await aigul.client.send("Бек", text);
        assert.equal((await textsOf(bek.client, 12 + i + 1)).at(-1), text);
      }
      assert.equal(count(), ATTACKS);
      assert.ok(done.size >= DEEDS.length - 1, [...done.keys()].join());
      await allStored(aigul.client);
      await allStored(bek.client);
      const received = (await bek.client.received()).map(({ id }) => id.join());
      assert.equal(new Set(received).size, (await aigul.client.sent()).length);
      await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
      await assertOneSession(aigul.environment, bek.environment);
    });
  });
}

describe("a conversation over exchanges that meets", () => {
  it("a login page waits, and goes out once the page is gone", async (t) => {
    const relay = await relayInProcess(t);
    const middleman = await HttpMiddleman.start(t, relay.address);
    const [aigul, bek] = await two(t, middleman.address, { transportKind: "exchange", clock });
    middleman.meddle = () => "answer with a page";
    aigul.client.start();
    await sendAll(aigul.client, "Бек", numbered("хат", 3));
    await assert.rejects(aigul.client.sync({ timeoutMs: 8_000 }), { code: "CAPTIVE_PORTAL" });
    middleman.meddle = () => "carry";
    bek.client.start();
    assert.deepEqual(await textsOf(bek.client, 3), numbered("хат", 3));
  });

  it("a relay that is killed twice loses nothing, over thrifty ones", async (t) => {
    const directory = await temporaryDirectory(t);
    let relay = await relayProcess(t, { directory });
    const { port, address } = relay;
    const [aigul, bek] = await two(t, address, { transportKind: "thrifty", clock });
    aigul.client.start();
    bek.client.start();
    const texts = numbered("хат", 30);
    for (const [i, text] of texts.entries()) {
      await aigul.client.send("Бек", text);
      if (i % 12 !== 11) continue;
      await relay.end("SIGKILL");
      relay = await relayProcess(t, { directory, port });
    }
    assert.deepEqual(await textsOf(bek.client, texts.length), texts);
    await allStored(aigul.client);
  });
});
