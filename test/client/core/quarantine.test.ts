/** What is kept of envelopes on which this program fails is bounded, in number and in bytes. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  forgetFailing,
  listQuarantined,
  MAX_FAILING,
  MAX_QUARANTINE_BYTES,
  putFailing,
  putQuarantined,
  timesFailed,
} from "../../../client/core/state/quarantine.ts";
import { Draft } from "../../../client/vault/draft.ts";
import { emptyState } from "../../../client/vault/state.ts";
import { parseWrapKey } from "../../../shared/e2ee/grant.ts";

const HOUR = 480_000;
const DAY_HOURS = 24;
const idOf = (n: number) => new Uint8Array(24).fill(n);
const failing = (hour: number, times = 1) => ({ times, hour, reason: "TypeError" });

function quarantined(bytes: number) {
  const envelope = new Uint8Array(bytes);
  const wrapKey = parseWrapKey(new Uint8Array(32));
  return { reason: "TypeError", version: "1", hour: HOUR, envelope, wrapKey, contact: null };
}

describe("envelopes that fail", () => {
  it("are counted up to a number: those counted first are seen through", () => {
    const tx = new Draft(emptyState());
    for (let n = 0; n < MAX_FAILING; n++) assert.ok(putFailing(tx, idOf(n), failing(HOUR)));
    assert.ok(!putFailing(tx, idOf(MAX_FAILING), failing(HOUR)));
    assert.equal(timesFailed(tx, idOf(MAX_FAILING)), 0);
    assert.ok(putFailing(tx, idOf(3), failing(HOUR, 2)));
    assert.equal(timesFailed(tx, idOf(3)), 2);
    forgetFailing(tx, idOf(3));
    assert.equal(timesFailed(tx, idOf(3)), 0);
    assert.ok(putFailing(tx, idOf(MAX_FAILING), failing(HOUR)));
  });

  it("make room when no relay can have them any more", () => {
    const tx = new Draft(emptyState());
    for (let n = 0; n < MAX_FAILING; n++) putFailing(tx, idOf(n), failing(HOUR + n));
    // Later failures do not make it younger.
    putFailing(tx, idOf(0), failing(HOUR + 30 * DAY_HOURS, 2));
    assert.ok(!putFailing(tx, idOf(100), failing(HOUR + 30 * DAY_HOURS)));
    assert.ok(putFailing(tx, idOf(100), failing(HOUR + 30 * DAY_HOURS + 1)));
    assert.equal(timesFailed(tx, idOf(0)), 0);
    assert.equal(timesFailed(tx, idOf(1)), 1);
  });

  it("are kept up to so many bytes", () => {
    const tx = new Draft(emptyState());
    const large = quarantined(16_384);
    const count = MAX_QUARANTINE_BYTES / 16_384;
    assert.equal(count, 16);
    for (let n = 0; n < count - 1; n++) assert.ok(putQuarantined(tx, idOf(n), large));
    assert.ok(putQuarantined(tx, idOf(90), quarantined(1024)));
    assert.ok(!putQuarantined(tx, idOf(91), large));
    assert.ok(putQuarantined(tx, idOf(92), quarantined(4096)));
    assert.equal(listQuarantined(tx).length, count + 1);
  });
});
