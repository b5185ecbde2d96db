/** How much may be under way to a relay, by how it answers. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { DepositWindow, LEAST_BYTES, MOST_BYTES } from "../../../client/core/deposit-window.ts";

const ENVELOPE_BYTES = 4096;

/** A full window is sent at once and answered one by one, on a line of this rate. */
function answerAll(window: DepositWindow, kbps: number, rttMs: number): void {
  const count = Math.floor(window.bytes / ENVELOPE_BYTES);
  for (let i = 1; i <= count; i++) {
    window.answered(ENVELOPE_BYTES, rttMs + (i * ENVELOPE_BYTES * 8) / kbps);
  }
}

it("grows on a line that answers in seconds, up to its most, and starts again after silence", () => {
  const window = new DepositWindow();
  assert.equal(window.bytes, LEAST_BYTES);
  for (let i = 0; i < 8; i++) answerAll(window, 200, 840);
  assert.equal(window.bytes, MOST_BYTES);
  window.lost();
  assert.equal(window.bytes, LEAST_BYTES);
});

it("hardly grows on a line that needs longer for what is under way", () => {
  const window = new DepositWindow();
  for (let i = 0; i < 50; i++) answerAll(window, 8, 1500);
  assert.equal(window.bytes, LEAST_BYTES);
});
