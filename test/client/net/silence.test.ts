/** A connection that dies without a word, under each kind, on a clock that a test moves. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { setUpExchange, subscribe } from "./exchange-support.ts";
import { FakeRelay } from "./fake-relay.ts";
import { newKey, setUp } from "./support.ts";

const LONGEST_SILENCE_MS = 90_000;

describe("a dead connection that nobody closed", () => {
  it("is found out and replaced within 90 s over a WebSocket", async () => {
    const relay = new FakeRelay();
    const { link, clock } = setUp({ relay });
    let subscribed = 0;
    link.owner.subscribe(newKey(), {
      onDeliver: () => {},
      onSubscribed: () => subscribed++,
      onEnded: () => {},
    });
    await clock.advance(1_000);
    assert.equal(subscribed, 1);
    relay.last.isOpen = false;
    await clock.advance(LONGEST_SILENCE_MS);
    assert.equal(subscribed, 2);
    link.close();
  });

  for (const kind of ["exchange", "thrifty"] as const) {
    it(`is found out and replaced within 90 s over ${kind}`, async () => {
      const { relay, link, clock } = setUpExchange({ kind });
      const { delivered } = subscribe(link);
      await clock.advance(1_000);
      const lost = new Set(relay.posts);
      relay.network = (answer, post) =>
        lost.has(post) ? new Promise(() => {}) : Promise.resolve(answer);
      const envelope = systemRandom(1024);
      relay.arrive(envelope);
      await clock.advance(LONGEST_SILENCE_MS);
      assert.deepEqual(
        delivered.map((one) => one.envelope),
        [envelope],
      );
      link.close();
    });
  }
});
