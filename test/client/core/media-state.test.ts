/** What is shown of media that arrives follows from what is known, and changes only as it should. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  learn,
  mediaPercent,
  mediaState,
  type PartKnowledge,
  QUIET_SECONDS,
} from "../../../client/core/media-state.ts";

const SEALED = 1_000_000;

const knowledge: fc.Arbitrary<PartKnowledge> = fc.record({
  sealedBytes: fc.constantFrom(0, SEALED),
  isCutOff: fc.boolean(),
  storedBytes: fc.nat(SEALED + 1_000),
  isQuiet: fc.boolean(),
  fetchedBytes: fc.nat(SEALED),
});

const answers = fc.record({
  storedBytes: fc.nat(SEALED),
  isComplete: fc.boolean(),
  quietSeconds: fc.nat(2 * QUIET_SECONDS),
});

const NOTHING: PartKnowledge = {
  sealedBytes: SEALED,
  isCutOff: false,
  storedBytes: 0,
  isQuiet: false,
  fetchedBytes: 0,
};

describe("media that arrives", () => {
  it("is complete exactly when all of it is there and its sender did not break off", () => {
    fc.assert(
      fc.property(knowledge, (known) => {
        const { sealedBytes, storedBytes, fetchedBytes, isCutOff } = known;
        const isAll = sealedBytes > 0 && Math.max(storedBytes, fetchedBytes) >= sealedBytes;
        assert.equal(mediaState(known) === "complete", isAll && !isCutOff);
        if (isAll && isCutOff) assert.equal(mediaState(known), "cut-off");
      }),
    );
  });

  it("shows 100 % only when nothing is missing, and no per cent of what still grows", () => {
    fc.assert(
      fc.property(knowledge, (known) => {
        const percent = mediaPercent(known);
        if (known.sealedBytes === 0) assert.equal(percent, null);
        else {
          assert.ok(percent !== null && percent >= 0 && percent <= 100);
          const present = Math.max(known.storedBytes, known.fetchedBytes);
          assert.equal(percent === 100, present >= known.sealedBytes);
        }
      }),
    );
  });

  it("is not complete any more when its relay has less than it said, and nothing of it is here", () => {
    fc.assert(
      fc.property(answers, ({ quietSeconds, isComplete, storedBytes }) => {
        const claimed = { ...NOTHING, ...learn({ storedBytes: SEALED, quietSeconds, isComplete }) };
        assert.equal(mediaState(claimed), "complete");
        const less = { storedBytes: Math.min(storedBytes, SEALED - 1), quietSeconds, isComplete };
        const seen = { ...claimed, ...learn(less) };
        assert.equal(seen.storedBytes, less.storedBytes);
        assert.notEqual(mediaState(seen), "complete");
      }),
    );
  });

  it("is cut off after ten quiet minutes, and arrives again when it grows", () => {
    const at = (storedBytes: number, quietSeconds: number, isComplete = false) => ({
      storedBytes,
      quietSeconds,
      isComplete,
    });
    let known: PartKnowledge = NOTHING;
    const states = [
      at(0, 0),
      at(300_000, 3),
      at(300_000, QUIET_SECONDS - 1),
      at(300_000, QUIET_SECONDS),
      at(300_000, 90_000),
      at(310_000, 0),
      at(310_000, 601),
      at(SEALED, 0, true),
      at(SEALED, 90_000, true),
    ].map((answer) => {
      known = { ...known, ...learn(answer) };
      return `${mediaState(known)} ${mediaPercent(known)}`;
    });
    assert.deepEqual(states, [
      "arriving 0",
      "arriving 30",
      "arriving 30",
      "cut-off 30",
      "cut-off 30",
      "arriving 31",
      "cut-off 31",
      "complete 100",
      "complete 100",
    ]);
  });

  it("stays complete once it is here, though the relay forgets it", () => {
    const here = { ...NOTHING, fetchedBytes: SEALED, isQuiet: true };
    assert.equal(mediaState(here), "complete");
  });
});
