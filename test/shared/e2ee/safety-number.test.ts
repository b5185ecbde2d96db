/** The safety number: the same on both sides, and as documented. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY } from "../../../shared/crypto/bytes.ts";
import { H } from "../../../shared/crypto/hash.ts";
import { parseSigningPublicKey } from "../../../shared/crypto/sodium.ts";
import { safetyNumber } from "../../../shared/e2ee/safety-number.ts";

const low = parseSigningPublicKey(new Uint8Array(32).fill(1));
const high = parseSigningPublicKey(new Uint8Array(32).fill(255));

describe("safety number", () => {
  it("is 12 groups of five digits, equal on both sides (property)", () => {
    const roots = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(parseSigningPublicKey);
    fc.assert(
      fc.property(roots, roots, (a, b) => {
        assert.equal(safetyNumber(a, b), safetyNumber(b, a));
        assert.match(safetyNumber(a, b), /^[0-9]{5}( [0-9]{5}){11}$/);
      }),
      { numRuns: 50 },
    );
  });

  it("is the documented hash, five bytes a group", () => {
    const hash = H(EMPTY, "safety", concat(low, high), 60);
    const groups = Array.from({ length: 12 }, (_, i) => {
      const value = hash
        .slice(5 * i, 5 * i + 5)
        .reduce((n, byte) => n * 256n + BigInt(byte), 0n as bigint);
      return String(value % 100_000n).padStart(5, "0");
    });
    assert.equal(safetyNumber(high, low), groups.join(" "));
  });
});
