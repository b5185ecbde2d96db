/**
 * A client that is left running for weeks on one connection: it learns what hour it is, renews its
 * prekeys, keeps its mailbox, and can be written to by strangers at the end as on the first day.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listHomes } from "../../client/core/state/homes.ts";
import type { Clock } from "../../client/net/clock.ts";
import { lyingRelay } from "../support/lying-relay.ts";
import { person } from "../support/people.ts";
import { hurriedClock, readVault, synced, textsOf, until } from "../support/stories.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** On a hurried clock. */
const AT_ONCE_MS = 2_500;
const STEPS = 6;

/** What is due in an hour comes at once; all else sooner than usual. */
const eagerClock: Clock = {
  now: () => hurriedClock.now(),
  after: (ms, task) => hurriedClock.after(ms < HOUR_MS ? ms : AT_ONCE_MS, task),
};

describe("a client that runs for weeks", () => {
  it("renews its prekeys as the relay's days go by and is reached by a stranger after 48 days", async (t) => {
    let aheadMs = 0;
    const now = () => Date.now() + aheadMs;
    const { relay, store } = await lyingRelay(t, { clock: now });
    const bek = await person(t, relay.address, { clock: eagerClock, now });
    const home = await readVault(bek.environment, (view) => listHomes(view)[0]);
    assert.ok(home !== undefined);
    bek.client.start();
    await synced(bek.client);
    for (let step = 1; step <= STEPS; step++) {
      aheadMs += 8 * DAY_MS;
      await until(`version ${step + 1}`, async () => {
        return ((await store.record(home.front.id))?.[0]?.version ?? 0) > step;
      });
      await relay.sweep();
    }
    const aigul = await person(t, relay.address, { now });
    await aigul.client.addContact(await bek.client.card(), "Бек");
    await aigul.client.send("Бек", "әлі сонда ма екенсің?");
    const { queued } = await aigul.client.sync();
    assert.equal(queued, 0, (await aigul.client.outbox())[0]?.waitingFor);
    assert.deepEqual(await textsOf(bek.client, 1), ["әлі сонда ма екенсің?"]);
  });
});
