/** Bytes: text forms are canonical, the reader refuses whatever is not whole, brands copy. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  ByteReader,
  compareBytes,
  concat,
  copyExact,
  EMPTY,
  equalBytes,
  fromBase32,
  fromBase64Url,
  fromHex,
  fromUtf8,
  lp,
  toBase32,
  toBase64Url,
  toHex,
  u8,
  u16,
  u32,
  u64,
  utf8,
  wipe,
} from "../../../shared/crypto/bytes.ts";

const some = fc.uint8Array({ maxLength: 80 });
const MALFORMED = { code: "MALFORMED" };

describe("text forms", () => {
  const forms = [
    ["hex", toHex, fromHex, "hex"],
    ["base64url", toBase64Url, fromBase64Url, "base64url"],
  ] as const;
  for (const [name, to, from, node] of forms) {
    it(`${name} is Node's, and comes back (property)`, () => {
      fc.assert(
        fc.property(some, (bytes) => {
          assert.equal(to(bytes), Buffer.from(bytes).toString(node));
          assert.deepEqual(from(to(bytes)), bytes);
        }),
      );
    });
  }

  it("base32 is RFC 4648 in lower case, and comes back (property)", () => {
    const examples = { "": "", f: "my", fo: "mzxq", foo: "mzxw6", foobar: "mzxw6ytboi" };
    for (const [text, expected] of Object.entries(examples)) {
      assert.equal(toBase32(utf8(text)), expected);
    }
    fc.assert(fc.property(some, (bytes) => assert.deepEqual(fromBase32(toBase32(bytes)), bytes)));
  });

  it("have one text for one value: decoding any text gives an error or that text (property)", () => {
    const decoders = [
      [fromHex, toHex, "0123456789abcdefABCDEF "],
      [fromBase32, toBase32, "abcdefghijklmnopqrstuvwxyz234567A1="],
      [fromBase64Url, toBase64Url, "ABCDabcd0189-_+/="],
    ] as const;
    for (const [from, to, alphabet] of decoders) {
      const texts = fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 9 });
      fc.assert(
        fc.property(texts, (text) => {
          let bytes: Uint8Array;
          try {
            bytes = from(text);
          } catch (error) {
            assert.equal(error instanceof Error && "code" in error && error.code, "MALFORMED");
            return;
          }
          assert.equal(to(bytes), text);
        }),
        { numRuns: 500 },
      );
    }
  });

  it("UTF-8 comes back, and broken UTF-8 is refused", () => {
    const texts = fc.string({ unit: "grapheme" });
    fc.assert(fc.property(texts, (text) => assert.equal(fromUtf8(utf8(text)), text)));
    assert.equal(fromUtf8(utf8("\ufeffтұмар")), "\ufeffтұмар");
    for (const hex of ["ff", "c0af", "eda080", "e282"]) {
      assert.throws(() => fromUtf8(fromHex(hex)), MALFORMED);
    }
  });
});

describe("integers and parts", () => {
  it("are big-endian and come back (property)", () => {
    assert.equal(toHex(concat(u8(1), u16(2), u32(3), u64(4))), "010002000000030000000000000004");
    fc.assert(
      fc.property(
        fc.nat(0xff),
        fc.nat(0xffff),
        fc.nat(0xffff_ffff),
        fc.maxSafeNat(),
        some,
        (a, b, c, d, bytes) => {
          const reader = new ByteReader(concat(u8(a), u16(b), u32(c), u64(d), lp(bytes, EMPTY)));
          assert.deepEqual([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [a, b, c, d]);
          assert.equal(reader.offset, 15);
          assert.deepEqual(reader.part(), bytes);
          assert.equal(reader.part().length, 0);
          reader.finish();
        },
      ),
    );
  });

  it("lp says where each part ends (property)", () => {
    const parts = fc.array(some, { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const isSame =
          a.length === b.length && a.every((part, i) => equalBytes(part, b[i] ?? part));
        assert.equal(equalBytes(lp(...a), lp(...b)), isSame);
      }),
    );
    assert.equal(toHex(lp(utf8("ab"), EMPTY)), "00000002616200000000");
  });
});

describe("reader", () => {
  it("reads from inside a larger buffer", () => {
    const reader = new ByteReader(Uint8Array.of(9, 9, 0, 1, 2, 9).subarray(2, 5));
    assert.equal(reader.u16(), 1);
    assert.equal(reader.remaining, 1);
    assert.deepEqual([...reader.rest()], [2]);
    reader.finish();
  });

  it("refuses what ends early, is left over, or is out of range", () => {
    const reader = (): ByteReader => new ByteReader(Uint8Array.of(0, 0, 0));
    assert.throws(() => reader().u32(), MALFORMED);
    assert.throws(() => reader().u64(), MALFORMED);
    assert.throws(() => reader().take(4), MALFORMED);
    assert.throws(() => reader().finish(), MALFORMED);
    assert.throws(() => new ByteReader(EMPTY).u8(), MALFORMED);
    assert.throws(() => new ByteReader(EMPTY).u16(), MALFORMED);
    assert.throws(() => new ByteReader(lp(utf8("abc"))).part(2), MALFORMED);
    assert.throws(() => new ByteReader(fromHex("00000009ab")).part(), MALFORMED);
    assert.throws(() => new ByteReader(fromHex("0020000000000000")).u64(), MALFORMED);
    assert.equal(new ByteReader(fromHex("001fffffffffffff")).u64(), Number.MAX_SAFE_INTEGER);
  });

  it("stands where it stood after a failed read", () => {
    const reader = new ByteReader(Uint8Array.of(7, 8));
    assert.throws(() => reader.u32(), MALFORMED);
    assert.equal(reader.u16(), 0x0708);
  });
});

describe("comparison and copies", () => {
  it("orders as unsigned bytes, the shorter first", () => {
    const ordered = ["", "00", "0000", "0001", "7f", "80", "ff", "ff00"].map(fromHex);
    ordered.forEach((a, i) => {
      ordered.forEach((b, j) => {
        assert.equal(Math.sign(compareBytes(a, b)), Math.sign(i - j));
        assert.equal(equalBytes(a, b), i === j);
      });
    });
  });

  it("copyExact copies and checks the length; wipe overwrites", () => {
    const source = Uint8Array.of(1, 2, 3);
    const copy = copyExact<"Test">(source, 3, "test value");
    source[0] = 9;
    assert.deepEqual([...copy], [1, 2, 3]);
    assert.throws(() => copyExact(source, 4, "test value"), {
      ...MALFORMED,
      message: "test value must be 4 bytes, got 3",
    });
    wipe(copy, source);
    assert.deepEqual([...copy, ...source], [0, 0, 0, 0, 0, 0]);
  });
});
