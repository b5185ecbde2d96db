/** Which relay an envelope goes to: what answers comes first, and what was silent is asked now and then. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RelayHealth } from "../../../client/core/relay-health.ts";
import { SILENCE_MS, watchSilence } from "../../../client/core/silence.ts";
import type { LinkState } from "../../../client/net/requests.ts";
import { type GrantPlace, parseDepositId, parseWrapKey } from "../../../shared/e2ee/grant.ts";
import { formatRelayAddress, parseRelayHash } from "../../../shared/e2ee/relay-address.ts";
import { FakeClock, settled } from "../net/fake-clock.ts";

const PROBE_MS = 30_000;

function place(i: number): GrantPlace {
  return {
    relay: {
      scheme: "https",
      host: `r${i}.example`,
      hash: parseRelayHash(new Uint8Array(16).fill(i)),
    },
    depositId: parseDepositId(new Uint8Array(24).fill(i)),
    wrapKey: parseWrapKey(new Uint8Array(32).fill(i)),
    mayBeUrgent: true,
  };
}

const PLACES = [place(1), place(2), place(3)];
const [FIRST, SECOND] = PLACES.map(({ relay }) => formatRelayAddress(relay));

function hosts(places: readonly GrantPlace[]): readonly string[] {
  return places.map(({ relay }) => relay.host.slice(0, 2));
}

describe("places in order", () => {
  it("keep their order, those that refused behind, those that are silent last", () => {
    const health = new RelayHealth(new FakeClock(), async () => false);
    assert.deepEqual(hosts(health.inOrder(PLACES)), ["r1", "r2", "r3"]);
    health.silent(FIRST ?? "");
    health.refused(place(2).depositId);
    assert.deepEqual(hosts(health.inOrder(PLACES)), ["r3", "r2", "r1"]);
    assert.deepEqual(
      PLACES.map((one) => health.isGood(one)),
      [false, false, true],
    );
    health.answered(FIRST ?? "");
    assert.deepEqual(hosts(health.inOrder(PLACES)), ["r1", "r3", "r2"]);
  });

  it("are asked whether they are back when somebody looks, less and less often", async () => {
    const clock = new FakeClock();
    const probes: string[] = [];
    let isBack = false;
    const health = new RelayHealth(clock, async (address) => {
      probes.push(address);
      return isBack;
    });
    for (let i = 0; i < 9; i++) health.silent(SECOND ?? "");
    health.inOrder(PLACES);
    assert.deepEqual(probes, []);
    for (const waitMs of [PROBE_MS, 2 * PROBE_MS, 4 * PROBE_MS]) {
      const before: number = probes.length;
      await clock.advance(waitMs - 1);
      health.inOrder(PLACES);
      assert.equal(probes.length, before);
      await clock.advance(1);
      health.inOrder(PLACES);
      assert.equal(probes.length, before + 1);
    }
    isBack = true;
    await clock.advance(8 * PROBE_MS);
    health.inOrder(PLACES);
    await settled();
    assert.equal(health.isDown(SECOND ?? ""), false);
    assert.equal(new Set(probes).size, 1);
  });
});

describe("a relay that says nothing", () => {
  const up: LinkState = {
    isUp: true,
    nextTryMs: null,
    reason: "",
    error: null,
    transport: "websocket",
    trying: "",
    situation: {
      phase: "up",
      hindrance: "none",
      transport: "websocket",
      door: "",
      nextTryMs: null,
    },
  };
  const gone: LinkState = { ...up, isUp: false, nextTryMs: 500 };

  async function silentAfter(
    state: LinkState,
    bytes: number,
    lastAnswerMs: () => number | undefined = () => undefined,
  ): Promise<number> {
    const clock = new FakeClock();
    let at = Number.NaN;
    const watch = watchSilence(clock, { state: () => state }, bytes, lastAnswerMs);
    void watch.silent.then(() => {
      at = clock.now();
    });
    for (let i = 0; i < 200; i++) await clock.advance(250);
    assert.equal(clock.waiting, 0);
    return at;
  }

  it("is silent after ten seconds, after three when it cannot be reached, later with much to send", async () => {
    assert.equal(await silentAfter(up, 0), SILENCE_MS);
    assert.equal(await silentAfter(gone, 16_384), 3_000);
    assert.equal(await silentAfter(up, 16_384), 26_500);
    assert.equal(await silentAfter(up, 0, () => 7_000), 17_000);
  });

  it("is not told to whoever stopped asking", async () => {
    const clock = new FakeClock();
    const watch = watchSilence(clock, { state: () => up }, 0, () => undefined);
    watch.stop();
    assert.equal(clock.waiting, 0);
  });
});
