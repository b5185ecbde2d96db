/** Token buckets: a burst, a bounded debt, and refusal beyond it. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TokenBucket } from "../../server/rate.ts";

describe("token bucket", () => {
  it("gives two seconds at once, lends one more, then refuses", () => {
    let nowMs = 0;
    const bucket = new TokenBucket(10, () => nowMs);
    for (let i = 0; i < 20; i++) assert.ok(bucket.take(1));
    assert.equal(bucket.debtMs, 0);
    for (let i = 0; i < 10; i++) assert.ok(bucket.take(1));
    assert.equal(bucket.debtMs, 1000);
    assert.ok(!bucket.take(1));
    assert.equal(bucket.debtMs, 1000);
    nowMs = 500;
    assert.ok(bucket.take(5));
    assert.ok(!bucket.take(1));
    nowMs = 100_000;
    assert.ok(bucket.take(30));
    assert.ok(!bucket.take(1));
  });

  it("does not gain when the clock goes back", () => {
    let nowMs = 1000;
    const bucket = new TokenBucket(10, () => nowMs);
    assert.ok(bucket.take(30));
    nowMs = 0;
    assert.ok(!bucket.take(1));
    nowMs = 100;
    assert.ok(bucket.take(1));
  });
});
