/** A message that no relay took before its last day: told once, and listed. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Operation, Result } from "../../../server/store/store.ts";
import { lyingScene } from "../../support/lying-relay.ts";
import { acquaint } from "../../support/people.ts";
import { synced, until } from "../../support/stories.ts";

const DAY_MS = 86_400_000;
const FULL: Result = { ok: false, code: "MAILBOX_FULL" };

describe("a message that could not leave in time", () => {
  it("expires: an event, a state and a fault", async (t) => {
    const { store, aigul, bek, turnClock } = await lyingScene(t);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await aigul.client.send("Bek", "hello");
    await synced(aigul.client);
    await synced(bek.client);
    const events: string[] = [];
    aigul.client.on(({ type }) => events.push(type));
    const isDeposit = ({ type }: Operation): boolean => type === "deposit";
    store.lies = {
      commit: async (operations, keep) =>
        operations.some(isDeposit) ? operations.map(() => FULL) : keep(operations),
    };
    const { id } = await aigul.client.send("Bek", "too late");
    await until("a refusal", async () =>
      /mailbox/i.test((await aigul.client.outbox())[0]?.waitingFor ?? ""),
    );
    const [waiting] = await aigul.client.outbox();
    assert.ok(waiting?.expiresAt !== null && waiting !== undefined);
    const days = (waiting.expiresAt - Date.now()) / DAY_MS;
    assert.ok(days > 29 && days <= 31, `${days} days`);
    turnClock(31 * DAY_MS);
    store.lies = {};
    await until("expiry", async () => (await aigul.client.outbox()).length === 0);
    await assert.rejects(aigul.client.stored(id), { code: "EXPIRED" });
    assert.deepEqual(
      (await aigul.client.sent()).map(({ state }) => state),
      ["stored", "expired"],
    );
    assert.deepEqual(
      events.filter((type) => type === "expired"),
      ["expired"],
    );
  });
});
