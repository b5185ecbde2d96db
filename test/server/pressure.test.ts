/** Pressure: when a puzzle is asked, and which solutions count. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HOUR_MS } from "../../server/clock.ts";
import { Pressure } from "../../server/pressure.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { type Puzzle, solvePuzzle } from "../../shared/wire/puzzle.ts";

const DEPOSIT_ID = new Uint8Array(24).fill(1);
const ENVELOPE_ID = new Uint8Array(24).fill(2);
const NONE = new Uint8Array(0);

function solution(puzzle: Puzzle): Uint8Array {
  const nonce = solvePuzzle(puzzle, DEPOSIT_ID, ENVELOPE_ID, 0, 100_000);
  assert.ok(nonce !== undefined);
  return nonce;
}

describe("pressure", () => {
  it("is off until more deposits come in a second than configured, and for a minute after", () => {
    let nowMs = 0;
    const pressure = new Pressure({ above: 3, bits: 4 }, systemRandom, () => nowMs);
    for (let second = 0; second < 5; second++) {
      nowMs = second * 1000;
      for (let i = 0; i < 3; i++) assert.ok(pressure.admits(DEPOSIT_ID, ENVELOPE_ID, NONE));
    }
    assert.equal(pressure.puzzle, undefined);
    assert.ok(!pressure.admits(DEPOSIT_ID, ENVELOPE_ID, NONE));
    assert.ok(pressure.puzzle !== undefined);
    nowMs += 59_000;
    assert.ok(!pressure.admits(DEPOSIT_ID, ENVELOPE_ID, NONE));
    nowMs += 1000;
    assert.equal(pressure.puzzle, undefined);
  });

  it("takes a solution of this hour's and the last hour's seed, for that deposit only", () => {
    let nowMs = 0;
    const pressure = new Pressure({ above: 0, bits: 6 }, systemRandom, () => nowMs);
    const puzzle = pressure.puzzle;
    assert.ok(puzzle !== undefined && puzzle.bits === 6);
    const nonce = solution(puzzle);
    assert.ok(pressure.admits(DEPOSIT_ID, ENVELOPE_ID, nonce));
    assert.ok(!pressure.admits(DEPOSIT_ID, ENVELOPE_ID, NONE));
    nowMs = HOUR_MS;
    assert.notDeepEqual(pressure.puzzle?.seed, puzzle.seed);
    assert.ok(pressure.admits(DEPOSIT_ID, ENVELOPE_ID, nonce));
    nowMs = 3 * HOUR_MS;
    const strict = new Pressure({ above: 0, bits: 20 }, systemRandom, () => nowMs);
    assert.ok(!strict.admits(DEPOSIT_ID, ENVELOPE_ID, nonce));
  });
});
