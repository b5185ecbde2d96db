/** Work somebody waits for at the screen, on a network that breaks off. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { persistently } from "../../../client/core/persistently.ts";
import { type ErrorCode, TumarError } from "../../../shared/crypto/errors.ts";
import { FakeClock } from "../net/fake-clock.ts";

/** Half of each bound. */
const random = (length: number): Uint8Array => new Uint8Array(length).fill(0x80);

/** Fails in the ways given, then succeeds. */
function failing(codes: readonly ErrorCode[]): { tries: number; task(): Promise<string> } {
  const left = [...codes];
  return {
    tries: 0,
    async task() {
      this.tries += 1;
      const code = left.shift();
      if (code !== undefined) throw new TumarError(code, "as the test says");
      return "done";
    },
  };
}

describe("work that somebody waits for", () => {
  it("is begun again after broken connections and late answers", async () => {
    const clock = new FakeClock();
    const work = failing(["RELAY_UNREACHABLE", "RELAY_TIMEOUT", "RELAY_UNREACHABLE"]);
    const done = persistently({ clock, random }, 60_000, () => work.task());
    await clock.advance(30_000);
    assert.equal(await done, "done");
    assert.equal(work.tries, 4);
    assert.equal(clock.waiting, 0);
  });

  it("ends at once with what waiting does not cure", async () => {
    const work = failing(["RELAY_MISMATCH"]);
    await assert.rejects(
      persistently({ clock: new FakeClock(), random }, 60_000, () => work.task()),
      { code: "RELAY_MISMATCH" },
    );
    assert.equal(work.tries, 1);
  });

  it("ends with the last fault when the time is over, and tells how much is left", async () => {
    const clock = new FakeClock();
    const left: number[] = [];
    const done = persistently({ clock, random }, 3_000, async (leftMs) => {
      left.push(leftMs);
      throw new TumarError("RELAY_UNREACHABLE", "again");
    });
    const ended = assert.rejects(done, { code: "RELAY_UNREACHABLE" });
    await clock.advance(3_000);
    await ended;
    assert.equal(left[0], 3_000);
    assert.ok(left.length > 1);
    assert.ok(left.every((ms, i) => i === 0 || ms < (left[i - 1] ?? 0)));
  });
});
