/**
 * A relay without room: its disk is full, or somebody filled the recipient's mailbox. What it cannot
 * take stays with the sender as *written* and goes when there is room again.
 */

import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Client } from "../../client/core/client.ts";
import { lyingRelay } from "../support/lying-relay.ts";
import { acquaint, person } from "../support/people.ts";
import { temporaryDirectory } from "../support/relay.ts";
import {
  allStored,
  clockHurriedBy,
  numbered,
  sendAll,
  textsOf,
  until,
} from "../support/stories.ts";

const PAGE_BYTES = 4096;
const COUNT = 40;
const TEXTS = numbered("хат", COUNT);
/** Answers need real time: only so much less is waited before the next try. */
const given = { clock: clockHurriedBy(5) };

/** Some were stored, some were not, and it is known why. */
async function untilRefused(client: Client, reason: RegExp): Promise<void> {
  await until("some stored, a refusal", async () => {
    const states = (await client.sent()).map(({ state }) => state);
    assert.ok(states.every((state) => state === "stored" || state === "written"));
    const isRefused = (await client.outbox()).some(({ waitingFor }) => reason.test(waitingFor));
    return isRefused && states.includes("stored") && states.includes("written");
  });
}

describe("a relay without room", () => {
  it("a full disk refuses and loses nothing; everything goes once there is room", async (t) => {
    const directory = await temporaryDirectory(t);
    const roomy = await lyingRelay(t, { directory });
    const aigul = await person(t, roomy.relay.address, given);
    const bek = await person(t, roomy.relay.address, given);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    const { port } = roomy.relay;
    await roomy.relay.close();
    const { size } = await stat(join(directory, "story.sqlite"));
    const full = await lyingRelay(t, { directory, port, maxPages: size / PAGE_BYTES + 30 });
    aigul.client.start();
    await sendAll(aigul.client, "Бек", TEXTS);
    await untilRefused(aigul.client, /disk|storage|room/i);
    await full.relay.close();

    await lyingRelay(t, { directory, port });
    await allStored(aigul.client);
    bek.client.start();
    assert.deepEqual(await textsOf(bek.client, COUNT), TEXTS);
  });

  it("a full mailbox keeps what it has; the rest follows as its owner takes them", async (t) => {
    const { relay, store } = await lyingRelay(t, { limits: { mailboxEnvelopes: 10 } });
    const aigul = await person(t, relay.address, given);
    const bek = await person(t, relay.address, given);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    aigul.client.start();
    await sendAll(aigul.client, "Бек", TEXTS);
    await untilRefused(aigul.client, /mailbox|full|room/i);
    assert.ok((await store.counts()).envelopes <= 10);
    bek.client.start();
    assert.deepEqual(await textsOf(bek.client, COUNT), TEXTS);
    await allStored(aigul.client);
    assert.equal((await bek.client.received()).length, COUNT);
  });
});
