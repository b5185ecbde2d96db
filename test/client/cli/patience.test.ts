/** A time-out that counts from the last progress. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Patience } from "../../../client/cli/patience.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";

const late = (): TumarError => new TumarError("RELAY_TIMEOUT", "nothing came");

describe("patience", () => {
  it("lasts while something gets further, and ends with its reason", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const patience = new Patience(30_000, late);
    for (let bytes = 0; bytes < 5; bytes++) {
      patience.reached(bytes);
      t.mock.timers.tick(29_999);
      assert.equal(patience.signal.aborted, false);
    }
    for (const bytes of [4, 3, 4]) patience.reached(bytes);
    t.mock.timers.tick(1);
    assert.equal((patience.signal.reason as TumarError).code, "RELAY_TIMEOUT");
    patience.reached(6);
    patience.end();
  });

  it("does not run out after its end", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const patience = new Patience(1, late);
    patience.end();
    t.mock.timers.tick(1_000);
    assert.equal(patience.signal.aborted, false);
  });
});
