/** What each frame needs first: kind of channel, freshness, proof, as docs/PROTOCOL.md says. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FRAME_SPECS } from "../../../shared/wire/frame-table.ts";
import type { ClientFrame } from "../../../shared/wire/frames.ts";
import { admit, type ChannelFacts, keyToProve } from "../../../shared/wire/preconditions.ts";
import { arbitraryFrame } from "../../support/frame-arbitraries.ts";

const BLOBS = ["blob.create", "blob.append", "blob.head", "blob.get"];
const FREE = ["hello", "deposit", "record.get", ...BLOBS];
const UNPROVEN = [...FREE, "prove", "prekeys.take"];
const SENDER = ["deposit", "record.get", "prekeys.take", ...BLOBS];

const frames = FRAME_SPECS.filter((spec) => spec.from === "client").map(
  (spec) => fc.sample(arbitraryFrame(spec), 1)[0] as ClientFrame,
);
const ready: ChannelFacts = { kind: undefined, isFresh: true, isProven: () => true };

function kindOf(frame: ClientFrame): "owner" | "sender" | undefined {
  if (frame.type === "hello") return undefined;
  return SENDER.includes(frame.type) ? "sender" : "owner";
}

describe("preconditions", () => {
  for (const frame of frames) {
    it(`${frame.type}: kind of channel`, () => {
      const kind = kindOf(frame);
      assert.equal(admit(frame, ready), kind);
      for (const fixed of ["owner", "sender"] as const) {
        if (kind === undefined || kind === fixed) {
          assert.equal(admit(frame, { ...ready, kind: fixed }), fixed);
        } else {
          assert.throws(() => admit(frame, { ...ready, kind: fixed }), { code: "WRONG_CHANNEL" });
        }
      }
    });

    it(`${frame.type}: epoch`, () => {
      const replayed = { ...ready, isFresh: false };
      if (FREE.includes(frame.type)) assert.doesNotThrow(() => admit(frame, replayed));
      else assert.throws(() => admit(frame, replayed), { code: "RETRY" });
    });

    it(`${frame.type}: proof`, () => {
      const unproven = { ...ready, isProven: () => false };
      if (UNPROVEN.includes(frame.type)) {
        assert.equal(keyToProve(frame), undefined);
        assert.doesNotThrow(() => admit(frame, unproven));
      } else {
        assert.equal(keyToProve(frame)?.length, 32);
        assert.throws(() => admit(frame, unproven), { code: "PROOF_REQUIRED" });
      }
    });
  }
});
