/** Full jitter: every wait lies under a ceiling that doubles to its cap, and only health resets it. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Backoff, DEFAULT_BACKOFF } from "../../../client/net/backoff.ts";
import { u32 } from "../../../shared/crypto/bytes.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";

const { baseMs, capMs, healthyMs, rememberedFailures } = DEFAULT_BACKOFF;
const largest = () => u32(0xffff_ffff);
const ceiling = (failures: number) => Math.min(capMs, baseMs * 2 ** failures);

describe("backoff", () => {
  it("waits between 0 and the doubling ceiling, whatever the randomness (property)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 40 }),
        (draws) => {
          let at = 0;
          const backoff = new Backoff(DEFAULT_BACKOFF, () => u32(draws[at++] ?? 0));
          draws.forEach((_, failures) => {
            const delay = backoff.nextDelayMs();
            assert.ok(Number.isInteger(delay) && delay >= 0 && delay <= ceiling(failures));
          });
        },
      ),
    );
  });

  it("reaches both ends of the range", () => {
    assert.equal(new Backoff(DEFAULT_BACKOFF, () => u32(0)).nextDelayMs(), 0);
    assert.equal(new Backoff(DEFAULT_BACKOFF, largest).nextDelayMs(), baseMs);
  });

  it("spreads clients over the whole range", () => {
    const delays = Array.from({ length: 400 }, () => {
      const backoff = new Backoff(DEFAULT_BACKOFF, systemRandom);
      for (let i = 0; i < 10; i++) backoff.nextDelayMs();
      return backoff.nextDelayMs();
    });
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    assert.ok(Math.abs(mean - capMs / 2) < capMs / 10, `mean ${mean}`);
  });

  it("a healthy connection resets it; one that answered and broke only shortens it", () => {
    const backoff = new Backoff(DEFAULT_BACKOFF, largest);
    for (let i = 0; i < 12; i++) backoff.nextDelayMs();
    backoff.wasUp(healthyMs - 1);
    assert.equal(backoff.nextDelayMs(), ceiling(rememberedFailures));
    assert.equal(backoff.nextDelayMs(), ceiling(rememberedFailures + 1));
    backoff.wasUp(healthyMs);
    assert.equal(backoff.nextDelayMs(), baseMs);
  });
});
