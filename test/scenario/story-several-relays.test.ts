/**
 * An inbox that lives on two relays, each a process of its own. One is killed for good in the middle of
 * a conversation, others are added and removed while a contact is away; every message is in the other's
 * inbox once, in the order it was written.
 *
 * Real time is the subject: a conversation goes on within 30 s of a relay's death.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { Client } from "../../client/core/client.ts";
import { acquaint, person } from "../support/people.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";
import { numbered, pingPong, sendAll, until } from "../support/stories.ts";

const GOES_ON_MS = 30_000;

async function relays(t: TestContext, count: number): Promise<readonly RelayProcess[]> {
  const folder = await temporaryDirectory(t);
  const names = Array.from({ length: count }, (_, i) => `relay ${i}`);
  return await Promise.all(names.map((name) => relayProcess(t, { directory: join(folder, name) })));
}

async function textsFrom(client: Client, who: string): Promise<readonly string[]> {
  const all = await client.received();
  return all.flatMap(({ from, kind, text }) => (from === who && kind === "text" ? [text] : []));
}

/** Until this text is there; how long that took. */
async function arrived(client: Client, who: string, text: string): Promise<number> {
  const startMs = performance.now();
  await until(text, async () => (await textsFrom(client, who)).includes(text));
  return performance.now() - startMs;
}

describe("an inbox on two relays", () => {
  it("goes on within 30 s when one is killed for good; so does a first contact", async (t) => {
    const [dying, living] = await relays(t, 2);
    assert.ok(dying !== undefined && living !== undefined);
    const both = [dying.address, living.address];
    const aigul = await person(t, both);
    const bek = await person(t, both);
    const stranger = await person(t, living.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    await stranger.client.addContact(await bek.client.card(), "Бек");
    for (const { client } of [aigul, bek, stranger]) client.start();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);

    await dying.end("SIGKILL");
    const fromAigul = numbered("Айгүл", 20);
    const fromBek = numbered("Бек", 20);
    await sendAll(aigul.client, "Бек", fromAigul);
    await sendAll(bek.client, "Айгүл", fromBek);
    await stranger.client.send("Бек", "мен жаңамын");
    const newcomer = stranger.client.identity;
    const took = await Promise.all([
      arrived(bek.client, "Айгүл", fromAigul.at(-1) ?? ""),
      arrived(aigul.client, "Бек", fromBek.at(-1) ?? ""),
      until("the first contact", async () =>
        (await bek.client.received()).some(({ text }) => text === "мен жаңамын"),
      ).then(() => 0),
    ]);
    assert.ok(Math.max(...took) < GOES_ON_MS, `after ${took.map(Math.round)} ms`);
    t.diagnostic(`went on after ${took.slice(0, 2).map(Math.round).join(" and ")} ms`);

    // What is known to be dead is not waited for again.
    const startMs = performance.now();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4, 4);
    t.diagnostic(`four more took ${Math.round(performance.now() - startMs)} ms`);
    assert.deepEqual(await textsFrom(bek.client, "Айгүл"), [
      "ball 0",
      "ball 2",
      ...fromAigul,
      "ball 4",
      "ball 6",
    ]);
    assert.deepEqual(await textsFrom(aigul.client, "Бек"), [
      "ball 1",
      "ball 3",
      ...fromBek,
      "ball 5",
      "ball 7",
    ]);
    const [met] = (await bek.client.received()).filter(({ from }) => from === null);
    assert.deepEqual(met?.identity, newcomer);

    // The dead one is moved away from with the living one alone.
    const host = new URL(dying.address).host;
    const left = await aigul.client.removeRelay(host, { timeoutMs: 1 });
    assert.equal(left?.stage, "leaving");
    assert.doesNotMatch(await aigul.client.card(), new RegExp(`^${new URL(dying.address).origin}`));
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 2, 8);
    const summary = await aigul.client.sync();
    assert.deepEqual(summary.unreachable, []);
    assert.deepEqual((await bek.client.sync()).unreachable, [dying.address]);
  });

  it("moves to another relay while a contact is away; who has the old card still reaches it", async (t) => {
    const [old, fresh] = await relays(t, 2);
    assert.ok(old !== undefined && fresh !== undefined);
    const aigul = await person(t, old.address);
    const bek = await person(t, old.address);
    const stranger = await person(t, fresh.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    await stranger.client.addContact(await aigul.client.card(), "Айгүл");
    aigul.client.start();
    bek.client.start();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
    await bek.reopen().then((client) => client.close());

    assert.equal((await aigul.client.addRelay(fresh.address)).stage, "live");
    assert.equal((await aigul.client.addRelay(fresh.address)).stage, "live");
    assert.equal(await aigul.client.removeRelay(old.address), null);
    const [only, ...others] = await aigul.client.relays();
    assert.deepEqual([only?.address, others.length], [fresh.address, 0]);
    await assert.rejects(aigul.client.removeRelay(fresh.address), { code: "RELAY_LAST" });
    await assert.rejects(aigul.client.removeRelay(old.address), { code: "RELAY_UNKNOWN" });
    await aigul.client.send("Бек", "көштім");

    const back = await bek.reopen();
    // Written before anybody has told him.
    await back.send("Айгүл", "қайдасың?");
    back.start();
    await arrived(back, "Айгүл", "көштім");
    await arrived(aigul.client, "Бек", "қайдасың?");
    await pingPong([aigul.client, "Айгүл"], [back, "Бек"], 4, 4);

    stranger.client.start();
    await stranger.client.send("Айгүл", "ескі картаңмен");
    await until("the old card", async () =>
      (await aigul.client.received()).some(({ text }) => text === "ескі картаңмен"),
    );

    // And back again, with the records it had there.
    assert.equal((await aigul.client.addRelay(old.address)).stage, "live");
    assert.equal(await aigul.client.removeRelay(new URL(fresh.address).host), null);
    await pingPong([aigul.client, "Айгүл"], [back, "Бек"], 4, 8);
    const seen = (await aigul.client.received()).map(({ id }) => id.join());
    assert.equal(new Set(seen).size, seen.length);
  });
});
