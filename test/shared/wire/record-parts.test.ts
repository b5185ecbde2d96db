/** A record's parts: one order, each writer once, nothing beside. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compareBytes } from "../../../shared/crypto/bytes.ts";
import { type CborValue, encodeCbor } from "../../../shared/wire/codec.ts";
import {
  decodeRecordParts,
  encodeRecordParts,
  recordDigest,
} from "../../../shared/wire/record-parts.ts";

const partsOf = fc.uniqueArray(
  fc.record(
    {
      writer: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      version: fc.maxSafeNat(),
      bytes: fc.uint8Array(),
    },
    { noNullPrototype: true },
  ),
  { selector: (part) => part.writer.join(), maxLength: 32 },
);

describe("record parts", () => {
  it("round-trip in the order of their writers (property)", () => {
    fc.assert(
      fc.property(partsOf, (parts) => {
        const encoding = encodeRecordParts(parts);
        const sorted = parts.toSorted((a, b) => compareBytes(a.writer, b.writer));
        assert.deepEqual(decodeRecordParts(encoding), sorted);
        assert.deepEqual(encodeRecordParts(parts.toReversed()), encoding);
        assert.equal(recordDigest(encoding).length, 16);
      }),
      { numRuns: 50 },
    );
  });

  it("refuse a writer twice, another order, and other forms", () => {
    const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const part = (writer: CborValue, version: CborValue = 1, bytes: CborValue = a): CborValue[] => [
      writer,
      version,
      bytes,
    ];
    const wrong: CborValue[] = [
      0,
      [0],
      [part(a), part(a)],
      [part(b), part(a)],
      [part(a).slice(1)],
      [[...part(a), 0]],
      [part(a.subarray(1))],
      [part("x")],
      [part(a, "x")],
      [part(a, 1, "x")],
      [part(a, 1, new Uint8Array(16385))],
      Array.from({ length: 33 }, (_, i) => part(new Uint8Array(32).fill(i))),
    ];
    for (const value of wrong) {
      assert.throws(() => decodeRecordParts(encodeCbor(value)), { code: "MALFORMED" });
    }
    assert.equal(decodeRecordParts(encodeCbor([part(a), part(b)])).length, 2);
  });
});
