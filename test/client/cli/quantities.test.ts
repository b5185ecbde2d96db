/** Sizes, times and rates in words: short, and never far from the truth. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  durationText,
  positionMark,
  positionText,
  rateText,
  sizeText,
} from "../../../client/cli/quantities.ts";
import { RateMeter } from "../../../client/cli/rate-meter.ts";

const FACTORS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  PB: 1e15,
};

describe("quantities", () => {
  it("a size is short and within 5 % of the truth", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        const [, number = "", unit = ""] = /^(\d\.\d|\d{1,3}) (\w+)$/.exec(sizeText(bytes)) ?? [];
        const told = Number(number) * (FACTORS[unit] ?? Number.NaN);
        assert.ok(Math.abs(told - bytes) <= bytes * 0.05, `${bytes}: ${sizeText(bytes)}`);
      }),
    );
    const sizes = [0, 999, 1000, 9_949, 9_950, 999_499, 999_500, 20e6, 100e9].map(sizeText);
    assert.deepEqual(sizes, [
      "0 B",
      "999 B",
      "1.0 kB",
      "9.9 kB",
      "10 kB",
      "999 kB",
      "1.0 MB",
      "20 MB",
      "100 GB",
    ]);
    assert.equal(rateText(310_400), "310 kB/s");
  });

  it("a duration is rounded up, never to nothing while something is left", () => {
    const told = [0, 1, 59_001, 60_001, 3_540_001, 7_800_000, 172_800_000, 172_801_000].map(
      durationText,
    );
    assert.deepEqual(told, ["0 s", "1 s", "1 min", "2 min", "1 h", "2 h 10 min", "48 h", "3 days"]);
  });

  it("a place in a recording is read and typed alike", () => {
    assert.deepEqual([0, 41_999, 3_723_000].map(positionText), ["0:00", "0:41", "1:02:03"]);
    assert.deepEqual([0, 41_999, 3_723_000].map(positionMark), ["0m00s", "0m41s", "1h02m03s"]);
  });
});

describe("rate", () => {
  it("of a steady line is that of the line, and the time left fits it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.integer({ min: 20, max: 3000 }),
        (per, step) => {
          const meter = new RateMeter();
          for (let i = 0; i <= 100; i++) meter.count(i * step, i * per);
          const nowMs = 100 * step;
          const rate = meter.bytesPerSecond(nowMs) ?? 0;
          assert.ok(Math.abs(rate / ((per * 1000) / step) - 1) < 0.02, String(rate));
          const left = meter.leftMs(nowMs, 200 * per) ?? 0;
          assert.ok(Math.abs(left / nowMs - 1) < 0.02, String(left));
        },
      ),
    );
  });

  it("is unknown at first, follows a line that changes, and is none when nothing moves", () => {
    const meter = new RateMeter();
    meter.count(0, 5_000_000);
    assert.equal(meter.bytesPerSecond(0), null);
    assert.equal(meter.leftMs(0, 6_000_000), null);
    for (let second = 1; second <= 60; second++) meter.count(second * 1000, 5e6 + second * 1e5);
    assert.equal(meter.bytesPerSecond(60_000), 1e5);
    assert.equal(meter.leftMs(60_000, null), null);
    for (let second = 61; second <= 90; second++)
      meter.count(second * 1000, 11e6 + (second - 60) * 1e3);
    assert.equal(meter.bytesPerSecond(90_000), 1e3);
    assert.equal(meter.bytesPerSecond(200_000), null);
    assert.equal(meter.quietMs(200_000), 110_000);
    meter.count(200_000, 0);
    assert.equal(meter.bytesPerSecond(200_000), null);
    assert.equal(meter.quietMs(200_000), 0);
  });
});
