/** Receipts prove exactly one envelope of one commit, and nothing a change could turn them into. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { signingKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import { type Stored, signReceipts, verifyReceipt } from "../../../shared/wire/receipt.ts";

const identity = signingKeyPair(systemRandom(32));

function commitOf(count: number): Stored[] {
  return Array.from({ length: count }, (_, i) => ({
    envelopeId: systemRandom(24),
    size: 1024,
    hour: 500_000 + i,
  }));
}

describe("receipts", () => {
  it("verify for each leaf of trees of 1 to 128 leaves, with a path of at most seven", () => {
    for (const count of [1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 65, 127, 128]) {
      const stored = commitOf(count);
      const receipts = signReceipts(stored, identity);
      assert.equal(receipts.length, count);
      receipts.forEach((receipt, i) => {
        assert.equal(receipt.path.length, Math.ceil(Math.log2(count)));
        verifyReceipt(receipt, stored[i] as Stored, identity.publicKey);
      });
    }
  });

  it("refuse empty and larger trees", () => {
    assert.throws(() => signReceipts([], identity), RangeError);
    assert.throws(() => signReceipts(commitOf(129), identity), RangeError);
  });

  it("do not verify for anything else (property)", () => {
    const stored = commitOf(11);
    const receipts = signReceipts(stored, identity);
    fc.assert(
      fc.property(fc.nat({ max: 10 }), fc.nat({ max: 10 }), fc.nat({ max: 5 }), (i, j, change) => {
        const receipt = receipts[i];
        const leaf = stored[i];
        assert.ok(receipt && leaf);
        const { index, path, signature } = receipt;
        const cases = [
          [receipt, { ...leaf, envelopeId: systemRandom(24) }],
          [receipt, { ...leaf, size: leaf.size + 1 }],
          [receipt, { ...leaf, hour: leaf.hour + 1 }],
          [{ index: index === j ? 15 : j, path, signature }, leaf],
          [{ index, path: path.with(j % 4, systemRandom(32)), signature }, leaf],
          [{ index, path, signature: systemRandom(64) }, leaf],
        ] as const;
        const [proof, claim] = cases[change] ?? cases[0];
        assert.throws(() => verifyReceipt(proof, claim, identity.publicKey), {
          code: "BAD_RECEIPT",
        });
      }),
    );
  });

  it("do not verify with an index beyond the path, or by another relay", () => {
    const stored = commitOf(4);
    const [receipt] = signReceipts(stored, identity);
    const [leaf] = stored;
    assert.ok(receipt && leaf);
    for (const index of [4, 8, 127]) {
      assert.throws(() => verifyReceipt({ ...receipt, index }, leaf, identity.publicKey), {
        code: "BAD_RECEIPT",
      });
    }
    const other = signingKeyPair(systemRandom(32));
    assert.throws(() => verifyReceipt(receipt, leaf, other.publicKey), { code: "BAD_RECEIPT" });
  });
});
