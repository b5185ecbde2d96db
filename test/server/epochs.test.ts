/** Epochs: what counts as fresh, once. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HOUR_MS } from "../../server/clock.ts";
import { Epochs } from "../../server/epochs.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";

describe("epochs", () => {
  it("admit an ephemeral key once in the current and the previous epoch", () => {
    let nowMs = 10 * HOUR_MS;
    const epochs = new Epochs(systemRandom, () => nowMs);
    const first = epochs.current;
    const [a, b] = [systemRandom(32), systemRandom(32)];
    assert.ok(epochs.admit(first, a));
    assert.ok(!epochs.admit(first, a));
    assert.ok(!epochs.admit(systemRandom(16), b));
    assert.ok(!epochs.admit(new Uint8Array(0), b));
    nowMs += HOUR_MS;
    assert.notDeepEqual(epochs.current, first);
    assert.ok(!epochs.admit(first, a));
    assert.ok(epochs.admit(first, b));
    assert.ok(!epochs.admit(epochs.current, b));
    nowMs += HOUR_MS;
    assert.ok(!epochs.admit(first, systemRandom(32)));
  });

  it("forget a previous epoch that is too old, also after a long sleep or a clock set back", () => {
    let nowMs = 10 * HOUR_MS;
    const epochs = new Epochs(systemRandom, () => nowMs);
    const first = epochs.current;
    nowMs += 5 * HOUR_MS;
    assert.ok(!epochs.admit(first, systemRandom(32)));
    const second = epochs.current;
    nowMs -= 8 * HOUR_MS;
    assert.notDeepEqual(epochs.current, second);
  });

  it("begin early when an epoch holds as many keys as it may", () => {
    const epochs = new Epochs(systemRandom, () => 0, 2);
    const first = epochs.current;
    assert.ok(epochs.admit(first, systemRandom(32)));
    assert.ok(epochs.admit(first, systemRandom(32)));
    assert.ok(!epochs.admit(first, systemRandom(32)));
    assert.notDeepEqual(epochs.current, first);
    assert.ok(!epochs.admit(first, systemRandom(32)));
    assert.ok(epochs.admit(epochs.current, systemRandom(32)));
  });
});
