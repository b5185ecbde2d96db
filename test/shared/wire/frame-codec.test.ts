/** Every frame of the table round-trips; every change to its bytes is refused with a code or is another valid frame. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../shared/wire/codec.ts";
import {
  decodeClientContent,
  decodeFrame,
  decodeRelayContent,
  encodeFrame,
  errorFrame,
} from "../../../shared/wire/frame-codec.ts";
import type { FieldSpec } from "../../../shared/wire/frame-fields.ts";
import { FRAME_SPECS, type FrameSpec } from "../../../shared/wire/frame-table.ts";
import type { ClientFrame, Frame, Ok } from "../../../shared/wire/frames.ts";
import { anyFrame, arbitraryFrame } from "../../support/frame-arbitraries.ts";

const REFUSALS = ["MALFORMED", "BAD_FRAME", "UNKNOWN_FRAME"];
const PADDING = Uint8Array.of(0x80, 0, 0);

function decode(bytes: Uint8Array, from: FrameSpec["from"]): Frame {
  return from === "client" ? decodeFrame(bytes, "client") : decodeFrame(bytes, "relay");
}

function isRefusal(error: unknown): boolean {
  assert.ok(error instanceof TumarError, String(error));
  assert.ok(REFUSALS.includes(error.code), error.code);
  return true;
}

/** Decodes to a frame whose encoding is the input, or is refused with one of the three codes. */
function decodesOrRefuses(bytes: Uint8Array, from: FrameSpec["from"]): void {
  let frame: Frame;
  try {
    frame = decode(bytes, from);
  } catch (error) {
    isRefusal(error);
    return;
  }
  assert.deepEqual(encodeFrame(frame), bytes);
}

/** A value just outside of each field. */
function outside(spec: FieldSpec): CborValue[] {
  switch (spec.kind) {
    case "uint":
      return [...(spec.min > 0 ? [spec.min - 1] : []), ...aboveUint(spec.max), EMPTY, "1"];
    case "flag":
      return [2, EMPTY, []];
    case "bytes":
      return [
        ...(spec.min > 0 ? [new Uint8Array(spec.min - 1)] : []),
        new Uint8Array(spec.max + 1),
        0,
        "text",
        [],
      ];
    case "text":
      return ["x".repeat(spec.max + 1), "é".repeat(spec.max / 2 + 1), EMPTY];
    case "list":
      return [Array.from({ length: spec.max + 1 }, () => EMPTY), 0, EMPTY];
    case "tuple":
      return [[], 0, EMPTY];
  }
}

function aboveUint(max: number): number[] {
  return max < Number.MAX_SAFE_INTEGER ? [max + 1] : [];
}

for (const spec of FRAME_SPECS) {
  describe(`frame ${spec.type}`, () => {
    it("round-trips (property)", () => {
      fc.assert(
        fc.property(arbitraryFrame(spec), (frame) => {
          assert.deepEqual(decode(encodeFrame(frame), spec.from), frame);
        }),
        { numRuns: 20 },
      );
    });

    it("is refused when cut, extended, changed or from the other side (property)", () => {
      fc.assert(
        fc.property(arbitraryFrame(spec), fc.nat(), fc.nat({ max: 255 }), (frame, at, byte) => {
          const whole = encodeFrame(frame);
          const changed = Uint8Array.from(whole);
          changed[at % whole.length] = byte;
          decodesOrRefuses(changed, spec.from);
          assert.throws(() => decode(whole.subarray(0, at % whole.length), spec.from), {
            code: "MALFORMED",
          });
          assert.throws(() => decode(concat(whole, Uint8Array.of(byte)), spec.from), {
            code: "MALFORMED",
          });
          const other = spec.from === "client" ? "relay" : "client";
          assert.throws(() => decode(whole, other), { code: "UNKNOWN_FRAME" });
        }),
        { numRuns: 30 },
      );
    });

    it("is refused when any field is out of bounds, missing or too many", () => {
      const [frame] = fc.sample(arbitraryFrame(spec), 1);
      assert.ok(frame);
      const items = decodeCbor(encodeFrame(frame)) as CborValue[];
      const variants: CborValue[][] = [[...items, 0], items.slice(0, -1)];
      spec.fields.forEach(([name, field], i) => {
        for (const value of outside(field)) {
          variants.push(items.with(i + 2, value));
          assert.throws(() => encodeFrame({ ...frame, [name]: value }), RangeError);
        }
      });
      for (const variant of variants) {
        assert.throws(() => decode(encodeCbor(variant), spec.from), { code: "BAD_FRAME" });
      }
    });
  });
}

describe("frames", () => {
  it("refuse random bytes with a code (property)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodesOrRefuses(bytes, "client");
        decodesOrRefuses(bytes, "relay");
      }),
      { numRuns: 500 },
    );
  });

  it("have distinct numbers", () => {
    assert.equal(new Set(FRAME_SPECS.map((spec) => spec.number)).size, FRAME_SPECS.length);
  });

  it("refuse request ids out of range", () => {
    const ok: Ok = { type: "ok", requestId: 1 };
    for (const requestId of [0, -1, 2 ** 32, 0.5]) {
      assert.throws(() => encodeFrame({ ...ok, requestId }), RangeError);
    }
    assert.throws(() => decodeFrame(encodeCbor([65, 0]), "relay"), { code: "BAD_FRAME" });
    assert.throws(() => decodeFrame(encodeCbor([65, 2 ** 32]), "relay"), { code: "BAD_FRAME" });
    assert.throws(() => encodeFrame({ type: "none", requestId: 1 } as unknown as Ok), RangeError);
  });

  it("lets an error speak of no request in particular", () => {
    const frame = errorFrame(0, "CLOSING");
    assert.deepEqual(decodeFrame(encodeFrame(frame), "relay"), frame);
  });
});

describe("content of a channel message", () => {
  it("carries many frames and its padding (property)", () => {
    const isFromClient = (frame: Frame): frame is ClientFrame =>
      FRAME_SPECS.some((spec) => spec.type === frame.type && spec.from === "client");
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), (frames) => {
        const ours = frames.filter(isFromClient);
        const content = concat(...ours.map(encodeFrame), PADDING);
        assert.deepEqual(decodeClientContent(content), ours);
      }),
      { numRuns: 50 },
    );
  });

  it("keeps the good frames around a faulty one, which names its request", () => {
    const good = encodeFrame({ type: "hello", requestId: 1, version: 1 });
    const content = concat(
      good,
      encodeCbor([1, 7, 0]),
      encodeCbor([200, 8]),
      encodeCbor([EMPTY, EMPTY]),
      encodeCbor(5),
      good,
      PADDING,
    );
    const frames = decodeClientContent(content);
    assert.deepEqual(
      frames.map((frame) =>
        frame.type === "fault" ? [frame.requestId, frame.error.code] : frame.type,
      ),
      [
        "hello",
        [7, "BAD_FRAME"],
        [8, "UNKNOWN_FRAME"],
        [0, "BAD_FRAME"],
        [0, "BAD_FRAME"],
        "hello",
      ],
    );
  });

  it("is refused as a whole by a client when the relay sends a fault", () => {
    const content = concat(
      encodeFrame({ type: "ok", requestId: 1 }),
      encodeCbor([200, 8]),
      PADDING,
    );
    assert.throws(() => decodeRelayContent(content), { code: "UNKNOWN_FRAME" });
  });

  it("is refused without padding or with padding that is not canonical", () => {
    const frame = encodeFrame({ type: "hello", requestId: 1, version: 1 });
    for (const tail of [[], [0x80, 0, 1], [0x80, 0x80], [0, 0x80], [0xff]]) {
      const content = concat(frame, Uint8Array.from(tail));
      if (tail[0] === 0) {
        assert.deepEqual(
          decodeClientContent(content).map((item) => item.type),
          ["hello", "fault"],
        );
      } else {
        assert.throws(() => decodeClientContent(content), { code: "MALFORMED" });
      }
    }
  });
});
