/**
 * Another relay answers at the address a client knows: whoever took over the host, the port or the
 * network path, with everything but the relay's identity key.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lyingRelay } from "../support/lying-relay.ts";
import { acquaint, person } from "../support/people.ts";
import { temporaryDirectory } from "../support/relay.ts";
import { hurriedClock, pingPong, textsOf, until } from "../support/stories.ts";

describe("a relay with another identity key at the same address", () => {
  it("is told nothing and given nothing; with the right one back the message goes", async (t) => {
    const directory = await temporaryDirectory(t);
    const honest = await lyingRelay(t, { directory });
    const given = { clock: hurriedClock };
    const aigul = await person(t, honest.relay.address, given);
    const bek = await person(t, honest.relay.address, given);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    aigul.client.start();
    bek.client.start();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 2);
    await bek.client.close();
    await aigul.client.close();
    const { port } = honest.relay;
    await honest.relay.close();

    const impostor = await lyingRelay(t, { port });
    const again = await aigul.reopen();
    const { id } = await again.send("Бек", "бұл тек нағызына");
    again.start();
    await until("the fault is known", async () => {
      return /another identity key/.test((await again.outbox())[0]?.waitingFor ?? "");
    });
    await assert.rejects(again.sync({ timeoutMs: 100 }), { code: "RELAY_MISMATCH" });
    await assert.rejects(again.stored(id, { timeoutMs: 100 }), { code: "RELAY_MISMATCH" });
    assert.equal((await again.outbox())[0]?.state, "written");
    assert.deepEqual(impostor.store.committed, []);
    await assert.rejects(person(t, honest.relay.address), { code: "RELAY_MISMATCH" });
    assert.deepEqual(impostor.store.committed, []);
    await impostor.relay.close();

    await lyingRelay(t, { directory, port });
    await again.stored(id);
    const back = await bek.reopen();
    back.start();
    assert.deepEqual(await textsOf(back, 2), ["ball 0", "бұл тек нағызына"]);
  });
});
