/** The work a relay may ask for: little, in pieces, and given up when nobody waits for it. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { workFor } from "../../../client/core/puzzle-work.ts";
import type { Clock } from "../../../client/net/clock.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { envelopeId } from "../../../shared/wire/ids.ts";
import { isPuzzleSolved } from "../../../shared/wire/puzzle.ts";

const SEED = new Uint8Array(16).fill(7);
const ROW = { depositId: new Uint8Array(24).fill(1), envelope: new Uint8Array(1024).fill(2) };

function asked(puzzleBits: number): TumarError {
  const details = { puzzleSeed: toHex(SEED), puzzleBits };
  return new TumarError("PUZZLE_REQUIRED", "the relay refused", { details });
}

/** Counts how often the work lets others go on. */
function breathing(): { readonly clock: Clock; readonly breaths: () => number } {
  let breaths = 0;
  const after = (_ms: number, task: () => void) => {
    breaths++;
    setImmediate(task);
    return () => {};
  };
  return { clock: { now: () => 0, after }, breaths: () => breaths };
}

describe("the work a relay asks for", () => {
  it("solves what relays ask for, and lets others go on in between", async () => {
    const { clock, breaths } = breathing();
    const nonce = await workFor(asked(17), ROW, clock, new AbortController().signal);
    const puzzle = { seed: SEED, bits: 17 };
    assert.ok(isPuzzleSolved(puzzle, ROW.depositId, envelopeId(ROW.envelope), nonce));
    assert.ok(breaths() > 0);
  });

  it("is not begun when it is much: a relay cannot keep a device busy", async () => {
    const { clock, breaths } = breathing();
    const much = asked(32);
    await assert.rejects(workFor(much, ROW, clock, new AbortController().signal), much);
    assert.equal(breaths(), 0);
  });

  it("ends when nobody waits for it any more", async () => {
    const { clock } = breathing();
    const giveUp = new AbortController();
    const work = workFor(asked(22), ROW, clock, giveUp.signal);
    giveUp.abort(new Error("no longer wanted"));
    await assert.rejects(work, { message: "no longer wanted" });
  });

  it("is only for what asks for it", async () => {
    const { clock } = breathing();
    const other = new TumarError("QUOTA", "the relay refused");
    await assert.rejects(workFor(other, ROW, clock, new AbortController().signal), other);
  });
});
