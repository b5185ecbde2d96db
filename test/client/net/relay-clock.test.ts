/** The shared clock: the median of what relays tell, and never backwards. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RelayClock } from "../../../client/net/relay-clock.ts";

const HOUR = 490_000;

describe("relay clock", () => {
  it("knows nothing until a relay has spoken, and begins at the floor it is given", () => {
    assert.equal(new RelayClock().hour(), undefined);
    assert.equal(new RelayClock(HOUR).hour(), HOUR);
  });

  it("never goes backwards, whatever relays tell (property)", () => {
    const told = fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
    fc.assert(
      fc.property(fc.array(told), (hours) => {
        const clock = new RelayClock();
        let last = 0;
        for (const [relay, hour] of hours) {
          clock.observe(relay, hour);
          const now = clock.hour() ?? 0;
          assert.ok(now >= last);
          last = now;
        }
      }),
    );
  });

  it("one liar among three does not move it, nor does one of two move it forwards", () => {
    const clock = new RelayClock();
    clock.observe("a", HOUR);
    clock.observe("b", HOUR + 9000);
    assert.equal(clock.hour(), HOUR);
    clock.observe("c", HOUR + 1);
    assert.equal(clock.hour(), HOUR + 1);
  });

  it("is agreed when two relays tell the same hour, give or take one", () => {
    const clock = new RelayClock();
    clock.observe("a", HOUR);
    assert.equal(clock.isAgreed(), false);
    clock.observe("b", HOUR + 1);
    assert.equal(clock.isAgreed(), true);
    clock.observe("c", HOUR + 3);
    assert.equal(clock.isAgreed(), false);
    clock.forget("c");
    assert.equal(clock.isAgreed(), true);
  });
});
