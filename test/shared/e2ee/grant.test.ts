/** Grants: lists come back, flags are closed, the count is bounded. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, u8 } from "../../../shared/crypto/bytes.ts";
import {
  decodeGrantList,
  encodeGrantList,
  encodeGrantPlace,
  type GrantPlace,
  parseDepositId,
  parseWrapKey,
} from "../../../shared/e2ee/grant.ts";
import { parseRelayAddress } from "../../../shared/e2ee/relay-address.ts";

const relay = parseRelayAddress("https://relay.example#k=AAAAAAAAAAAAAAAAAAAAAA");
const exactly = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const places = fc
  .record({ depositId: exactly(24), wrapKey: exactly(32), mayBeUrgent: fc.boolean() })
  .map(
    ({ depositId, wrapKey, mayBeUrgent }): GrantPlace => ({
      relay,
      depositId: parseDepositId(depositId),
      wrapKey: parseWrapKey(wrapKey),
      mayBeUrgent,
    }),
  );

describe("grant list", () => {
  it("comes back from its bytes (property)", () => {
    fc.assert(
      fc.property(fc.array(places, { maxLength: 8 }), (list) => {
        assert.deepEqual(decodeGrantList(encodeGrantList(list)), list);
      }),
      { numRuns: 50 },
    );
  });

  it("has the size of its parts", () => {
    const [place] = fc.sample(places, 1);
    assert.ok(place);
    assert.equal(encodeGrantPlace(place).length, 1 + 1 + 13 + 16 + 24 + 32 + 1);
    assert.equal(encodeGrantPlace(place).length, 88);
  });

  it("refuses unknown flags, too many, cut and prolonged", () => {
    const [place] = fc.sample(places, 1);
    assert.ok(place);
    const bytes = encodeGrantList([place]);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeGrantList(bytes.subarray(0, length)), { code: "MALFORMED" });
    }
    assert.throws(() => decodeGrantList(concat(bytes, u8(0))), { code: "MALFORMED" });
    assert.throws(() => decodeGrantList(concat(bytes.subarray(0, -1), u8(2))), {
      code: "MALFORMED",
    });
    assert.throws(() => decodeGrantList(u8(9)), { code: "MALFORMED" });
    assert.throws(() => encodeGrantList(Array.from({ length: 9 }, () => place)), RangeError);
  });
});
