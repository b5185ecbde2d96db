/** Puzzles: a solution fits one seed, one grant and one envelope. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  decodePuzzle,
  encodePuzzle,
  isPuzzleSolved,
  solvePuzzle,
} from "../../../shared/wire/puzzle.ts";

const puzzle = { seed: systemRandom(16), bits: 10 };
const depositId = systemRandom(24);
const envelopeId = systemRandom(24);

describe("puzzle", () => {
  it("is solved by trying, and the solution holds for nothing else", () => {
    const nonce = solvePuzzle(puzzle, depositId, envelopeId, 0, 100_000);
    assert.ok(nonce);
    assert.equal(isPuzzleSolved(puzzle, depositId, envelopeId, nonce), true);
    const hard = { ...puzzle, bits: 32 };
    assert.equal(isPuzzleSolved(hard, depositId, envelopeId, nonce), false);
    const others = Array.from({ length: 20 }, () =>
      [
        isPuzzleSolved({ ...puzzle, seed: systemRandom(16) }, depositId, envelopeId, nonce),
        isPuzzleSolved(puzzle, systemRandom(24), envelopeId, nonce),
        isPuzzleSolved(puzzle, depositId, systemRandom(24), nonce),
      ].filter(Boolean),
    );
    assert.ok(others.flat().length < 5);
    assert.equal(isPuzzleSolved(puzzle, depositId, envelopeId, nonce.subarray(1)), false);
  });

  it("goes on where it stopped", () => {
    const hard = { ...puzzle, bits: 32 };
    assert.equal(solvePuzzle(hard, depositId, envelopeId, 0, 10), undefined);
    let nonce: Uint8Array | undefined;
    for (let start = 0; nonce === undefined; start += 100) {
      nonce = solvePuzzle(puzzle, depositId, envelopeId, start, 100);
    }
    assert.deepEqual(nonce, solvePuzzle(puzzle, depositId, envelopeId, 0, 100_000));
  });

  it("takes nothing for no bits", () => {
    const none = { ...puzzle, bits: 0 };
    assert.equal(isPuzzleSolved(none, depositId, envelopeId, new Uint8Array(8)), true);
  });

  it("travels in an error's data", () => {
    assert.deepEqual(decodePuzzle(encodePuzzle(puzzle)), puzzle);
    for (const data of [new Uint8Array(0), new Uint8Array(16), new Uint8Array(18)]) {
      assert.throws(() => decodePuzzle(data), { code: "MALFORMED" });
    }
    const tooHard = encodePuzzle({ ...puzzle, bits: 33 });
    assert.throws(() => decodePuzzle(tooHard), { code: "MALFORMED" });
  });
});
