/** The codec takes one canonical form and nothing else; what it takes is its own re-encoding. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import {
  type CborValue,
  decodeCbor,
  decodePaddedSequence,
  encodeCbor,
} from "../../../shared/wire/codec.ts";

const scalar: fc.Arbitrary<CborValue> = fc.oneof(
  fc.maxSafeNat(),
  fc.nat({ max: 300 }),
  fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.string(),
  fc.uint8Array({ maxLength: 300 }),
);

function nested(depth: number): fc.Arbitrary<CborValue> {
  return depth === 0 ? scalar : fc.oneof(scalar, fc.array(nested(depth - 1), { maxLength: 30 }));
}

/** Bytes that are nearly right: tokens of CBOR in any order. */
const tokens = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."00 17 1818 1817 190100 1900ff 40 4161 5818 60 6161 80 81 82 9f ff".split(" "),
      ),
      fc.constantFrom(
        ..."f6 f4 f5 f90000 fa3f800000 fb7ff0000000000000 a0 a10000 c000 20 3863".split(" "),
      ),
      fc.uint8Array({ maxLength: 3 }).map(toHex),
    ),
    { maxLength: 12 },
  )
  .map((parts) => fromHex(parts.join("")));

describe("CBOR codec", () => {
  it("round-trips every value (property)", () => {
    fc.assert(
      fc.property(nested(4), (value) => {
        assert.deepEqual(decodeCbor(encodeCbor(value)), value);
      }),
      { numRuns: 200 },
    );
  });

  it("takes nothing that is not its own re-encoding (property)", () => {
    let accepted = 0;
    fc.assert(
      fc.property(tokens, (bytes) => {
        let value: CborValue;
        try {
          value = decodeCbor(bytes);
        } catch (error) {
          assert.ok(error instanceof TumarError && error.code === "MALFORMED", String(error));
          return;
        }
        accepted++;
        assert.equal(toHex(encodeCbor(value)), toHex(bytes));
      }),
      { numRuns: 5000 },
    );
    assert.ok(accepted > 50, `only ${accepted} accepted`);
  });

  it("takes no changed byte that does not re-encode to itself (property)", () => {
    fc.assert(
      fc.property(nested(3), fc.nat(), fc.nat({ max: 255 }), (value, at, byte) => {
        const bytes = encodeCbor(value);
        bytes[at % bytes.length] = byte;
        try {
          assert.deepEqual(encodeCbor(decodeCbor(bytes)), bytes);
        } catch (error) {
          assert.ok(error instanceof TumarError && error.code === "MALFORMED", String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses every truncation and extension (property)", () => {
    fc.assert(
      fc.property(nested(2), fc.nat({ max: 255 }), (value, extra) => {
        const bytes = encodeCbor(value);
        for (let n = 0; n < bytes.length; n++) {
          assert.throws(() => decodeCbor(bytes.subarray(0, n)), { code: "MALFORMED" });
        }
        assert.throws(() => decodeCbor(concat(bytes, Uint8Array.of(extra))), { code: "MALFORMED" });
      }),
      { numRuns: 50 },
    );
  });

  const refused: Readonly<Record<string, string>> = {
    "an empty input": "",
    "a wide integer": "1817",
    "a wider integer": "1900ff",
    "a widest integer": "1b00000000ffffffff",
    "an integer above 2^53 - 1": "1b0020000000000000",
    "a negative integer": "20",
    "a wide length": "580161",
    "a wide array": "980100",
    "an indefinite array": "9f00ff",
    "an indefinite byte string": "5f4161ff",
    "an indefinite text": "7f6161ff",
    "a lone break": "ff",
    "a reserved length": "1c",
    "a map": "a0",
    "a map with a key twice": "a200000000",
    "a tag": "c000",
    false: "f4",
    null: "f6",
    undefined: "f7",
    "a simple value": "f8ff",
    "a half float": "f93c00",
    "a wide float": "fb3ff0000000000000",
    "not a number": "f97e00",
    "text that is not UTF-8": "61ff",
    "text with a surrogate": "63eda080",
    "an array that promises more": "8300",
    "an array of 2^32 items": "9b0000000100000000",
    "bytes that promise more": "5affffffff00",
    "five arrays": "818181818100",
  };
  for (const [what, hex] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeCbor(fromHex(hex)), { name: "TumarError", code: "MALFORMED" });
    });
  }

  it("takes four arrays in one another, and no depth bomb", () => {
    assert.deepEqual(decodeCbor(fromHex("8181818100")), [[[[0]]]]);
    const bomb = new Uint8Array(1_000_000).fill(0x81);
    assert.throws(() => decodeCbor(bomb), { code: "MALFORMED" });
  });

  it("gives copies of byte strings, also from a Buffer", () => {
    const bytes = Buffer.from(encodeCbor([Uint8Array.of(1, 2)]));
    const value = decodeCbor(bytes);
    bytes.fill(9);
    assert.deepEqual(value, [Uint8Array.of(1, 2)]);
  });

  it("encodes nothing that it would not decode", () => {
    const wrong: unknown[] = [-1, 0.5, 2 ** 53, Number.NaN, null, undefined, true, {}, 1n];
    wrong.push([[[[[0]]]]]);
    for (const value of wrong) assert.throws(() => encodeCbor(value as CborValue), RangeError);
  });

  it("reads a sequence up to its padding", () => {
    assert.deepEqual(decodePaddedSequence(fromHex("01410280000000")), [1, Uint8Array.of(2)]);
    assert.deepEqual(decodePaddedSequence(fromHex("80")), []);
    for (const hex of ["", "01", "0180ff", "018001", "9f80", "0118"]) {
      assert.throws(() => decodePaddedSequence(fromHex(hex)), { code: "MALFORMED" });
    }
  });
});
