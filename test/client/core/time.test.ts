/** The relay's hour and the minutes in it; hours that only a lie can be. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreTime, hourToMs } from "../../../client/core/time.ts";

const HOUR_MS = 3_600_000;
const U32 = 0xffff_ffff;

describe("CoreTime", () => {
  it("is the device's until a relay told the hour, then the relay's", () => {
    let hour: number | undefined;
    const time = new CoreTime(
      () => hour,
      () => 5 * HOUR_MS + 1,
    );
    assert.equal(time.hour(), 5);
    hour = 490_000;
    assert.equal(time.hour(), 490_000);
    assert.equal(time.day(), Math.floor(490_000 / 24));
  });

  it("counts minutes from when the hour was told, within the hour, whatever the clock does", () => {
    let nowMs = 0;
    let hour = 100;
    const time = new CoreTime(
      () => hour,
      () => nowMs,
    );
    assert.equal(time.minute(), 6_000);
    nowMs = 7.5 * 60_000;
    assert.equal(time.minute(), 6_007);
    nowMs = 5 * HOUR_MS;
    assert.equal(time.minute(), 6_059);
    nowMs = -HOUR_MS;
    assert.equal(time.minute(), 6_000);
    hour = 101;
    assert.equal(time.minute(), 6_060);
  });

  it("stays within what is stored in 32 bits and what a Date can hold", () => {
    const time = new CoreTime(
      () => U32,
      () => 0,
    );
    assert.ok(time.minute() <= U32);
    assert.doesNotThrow(() => new Date(hourToMs(U32)).toISOString());
    assert.equal(hourToMs(2), 2 * HOUR_MS);
  });
});
