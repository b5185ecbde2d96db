/** How frames are grouped into channel messages. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Outgoing } from "../../server/outgoing.ts";
import { CHANNEL_BUCKETS } from "../../shared/wire/limits.ts";

const room = (bucket: number) => bucket - 50;

function bucketsFor(sizes: readonly number[], maxBucket?: number): number[] {
  const outgoing = new Outgoing();
  if (maxBucket !== undefined) outgoing.maxBucket = maxBucket;
  for (const size of sizes) outgoing.push(new Uint8Array(size));
  return [...outgoing.groups(room)].map(({ bucket }) => bucket);
}

describe("outgoing frames", () => {
  it("go in the smallest message that holds them all, or in as few large ones as fit", () => {
    assert.deepEqual(bucketsFor([10, 10]), [512]);
    assert.deepEqual(bucketsFor([400, 400]), [1536]);
    assert.deepEqual(bucketsFor(Array(8).fill(1100)), [16896]);
    assert.deepEqual(bucketsFor(Array(16).fill(1100)), [16896, 1536]);
  });

  it("go in two messages when one would be mostly padding", () => {
    assert.deepEqual(bucketsFor(Array(5).fill(1100)), [4608, 1536]);
  });

  it("keep to the largest message the peer takes", () => {
    assert.deepEqual(bucketsFor(Array(4).fill(400), 512), [512, 512, 512, 512]);
  });

  it("come out whole and in order, none beyond its room (property)", () => {
    const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 460 }), { maxLength: 60 });
    fc.assert(
      fc.property(frames, fc.constantFrom(...CHANNEL_BUCKETS), (given, maxBucket) => {
        const outgoing = new Outgoing();
        outgoing.maxBucket = maxBucket;
        for (const frame of given) outgoing.push(frame);
        const groups = [...outgoing.groups(room)];
        assert.deepEqual(
          groups.flatMap((group) => group.frames),
          given,
        );
        for (const { frames: held, bucket } of groups) {
          const bytes = held.reduce((sum, { length }) => sum + length, 0);
          assert.ok(bucket <= maxBucket && bytes <= room(bucket));
        }
        assert.ok(outgoing.isEmpty && outgoing.bytes === 0);
      }),
    );
  });
});
