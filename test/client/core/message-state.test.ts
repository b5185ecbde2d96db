/** The state of a message of ours: whatever is heard, in whatever order, it never goes back. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { advance, laneOf, type News, writtenAgain } from "../../../client/core/message-state.ts";
import type { OutgoingState } from "../../../client/core/types.ts";

const NEWS: readonly News[] = ["expired", "stored", "read"];
const rank = (state: OutgoingState) => ["written", ...NEWS].indexOf(state);
const news = fc.array(fc.constantFrom(...NEWS), { maxLength: 12 });

describe("the state of a message", () => {
  it("never goes back, and ends the same in every order (property)", () => {
    fc.assert(
      fc.property(news, fc.nat(), (heard, seed) => {
        let state: OutgoingState = "written";
        for (const one of heard) {
          const next = advance(state, one);
          assert.ok(rank(next) >= rank(state));
          assert.equal(advance(next, one), next, "the same news twice");
          state = next;
        }
        const turned = heard.map((_, i) => heard[(i + seed) % heard.length] as News);
        assert.equal(turned.reduce<OutgoingState>(advance, "written"), state);
        assert.equal(rank(state), Math.max(0, ...heard.map(rank)));
      }),
    );
  });

  it("is written again by a new session, unless a person has read it", () => {
    assert.deepEqual((["written", ...NEWS] as const).map(writtenAgain), [
      "written",
      "written",
      "written",
      "read",
    ]);
  });

  it("has alerts in the urgent lane, all else in the lane of texts", () => {
    const kinds = ["alert", "text", "read", "grant", "status", "statements", "reset"] as const;
    assert.deepEqual(
      kinds.filter((kind) => laneOf(kind) === "urgent"),
      ["alert"],
    );
  });
});
