/**
 * Lanes: while a large clip goes up over 32 kbit/s, a text and an alert are stored within three round
 * trips, the time of their own bytes, and that of one chunk in flight.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MediaFile } from "../../../client/media/source.ts";
import { LEAST_WINDOW_BYTES } from "../../../client/net/transfer-window.ts";
import { PROFILES } from "../../support/impair/profiles.ts";
import type { NetworkStory } from "../../support/network-story.ts";
import { until } from "../../support/stories.ts";
import { twoPeople } from "./cases.ts";

/** 50 MB, hours of this line. */
const CLIP: MediaFile = {
  size: 50_000_000,
  read: async (_, length) => new Uint8Array(length),
};
const TEXTS = 2;
/** Timers and two processes on a machine with other work; the line's own time is far longer. */
const MARGIN = 1.25;
const { rttMs, rate } = PROFILES.throttle;

interface Sent {
  readonly ms: number;
  readonly bytes: number;
}

/** How long until the relay has it, and what passed on the line meanwhile. */
async function timed(story: NetworkStory, urgent: boolean): Promise<Sent> {
  const { client, network } = story.aigul;
  const before = network.stats();
  const fromMs = performance.now();
  const { id } = await client.send(story.bek.name, "Мен жақсымын, хабар күт", { urgent });
  await client.stored(id);
  const ms = performance.now() - fromMs;
  const { upBytes, downBytes } = network.stats();
  return { ms, bytes: upBytes - before.upBytes + downBytes - before.downBytes };
}

describe("a text beside a clip over 32 kbit/s", () => {
  it("is stored within 3 round trips, its own bytes and one chunk in flight; so is an alert", async (t) => {
    assert.ok(rate !== undefined);
    const story = await twoPeople(t, { profile: "throttle", limitMs: 120_000 });
    const { client, network } = story.aigul;
    await client.send(story.bek.name, "Бәрі дұрыс па?");
    await story.bek.client.close();
    await until("the line is free", async () => (await client.outbox()).length === 0);
    const alone = await timed(story, false);
    t.diagnostic(`alone: ${alone.ms.toFixed()} ms, ${alone.bytes} bytes`);

    const clip = await client.sendMedia(story.bek.name, { kind: "file", source: CLIP });
    const storedBytes = async (): Promise<number> =>
      (await client.sentMessage(clip.id)).media?.storedBytes ?? 0;
    await until(
      "the clip is on its way",
      async () => (await storedBytes()) > 2 * LEAST_WINDOW_BYTES,
    );

    const lineMs = ((alone.bytes + LEAST_WINDOW_BYTES) * 8) / rate.upKbps;
    const limitMs = 3 * rttMs + lineMs;
    t.diagnostic(`at most ${limitMs.toFixed()} ms`);
    for (let i = 0; i <= TEXTS; i++) {
      const isUrgent = i === TEXTS;
      const before = await storedBytes();
      const { ms } = await timed(story, isUrgent);
      t.diagnostic(`${isUrgent ? "alert" : "text"}: ${ms.toFixed()} ms`);
      assert.ok(ms < MARGIN * limitMs, `${ms} ms, where ${limitMs} is the limit`);
      await until("the clip goes on", async () => (await storedBytes()) > before);
    }
    const { state, media } = await client.sentMessage(clip.id);
    assert.notEqual(state, "stored");
    assert.ok((media?.storedBytes ?? 0) < CLIP.size / 100, "the clip is still at its beginning");
    assert.equal(network.stats().resets, 0);
  });
});
