/** Rates per address: its own buckets, kept as long as there is room for those that ask. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AddressNames } from "../../server/address-names.ts";
import { AddressRates, MAX_ADDRESSES } from "../../server/address-rates.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";

describe("address rates", () => {
  it("gives each address buckets of its own, and the same ones again", () => {
    const rates = freshRates();
    const first = rates.of("192.0.2.1");
    assert.ok(first.exchanges.take(3));
    assert.ok(!rates.of("192.0.2.1").exchanges.take(1));
    assert.ok(rates.of("192.0.2.2").exchanges.take(3));
    assert.ok(first.frames.take(6));
    assert.ok(!first.frames.take(1));
  });

  it("forgets the address that asked longest ago, and no other, when there are too many", () => {
    const rates = freshRates();
    const first = rates.of("192.0.2.1");
    const second = rates.of("192.0.2.2");
    for (let i = 2; i < MAX_ADDRESSES; i++) rates.of(`10.0.${i >> 8}.${i & 255}`);
    assert.equal(rates.of("192.0.2.1"), first);
    rates.of("192.0.2.3");
    assert.equal(rates.of("192.0.2.1"), first);
    assert.notEqual(rates.of("192.0.2.2"), second);
  });
});

function freshRates(): AddressRates {
  const names = new AddressNames(systemRandom, () => 0);
  return new AddressRates({ exchanges: 1, frames: 2 }, names, () => 0);
}
