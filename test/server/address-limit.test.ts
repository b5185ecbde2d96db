/** Connections per address: counted, given back once, and kept as keyed hashes. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AddressLimit } from "../../server/address-limit.ts";
import { AddressNames, networkOf } from "../../server/address-names.ts";
import { HOUR_MS } from "../../server/clock.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";

describe("address limit", () => {
  it("counts by address and in all, and gives back once", () => {
    const limit = new AddressLimit(
      { perAddress: 2, total: 3 },
      new AddressNames(systemRandom, () => 0),
    );
    const first = limit.enter("192.0.2.1");
    assert.ok(first && limit.enter("192.0.2.1"));
    assert.equal(limit.enter("192.0.2.1"), undefined);
    assert.ok(limit.enter("192.0.2.2"));
    assert.equal(limit.enter("192.0.2.3"), undefined);
    first();
    first();
    assert.ok(limit.enter("192.0.2.1"));
    assert.equal(limit.enter("192.0.2.1"), undefined);
  });

  it("starts to count anew each hour, with another key", () => {
    let nowMs = 0;
    const limit = new AddressLimit(
      { perAddress: 1, total: 9 },
      new AddressNames(systemRandom, () => nowMs),
    );
    const before = limit.enter("192.0.2.1");
    assert.equal(limit.enter("192.0.2.1"), undefined);
    nowMs = HOUR_MS;
    const after = limit.enter("192.0.2.1");
    assert.ok(before && after);
    before();
    assert.equal(limit.enter("192.0.2.1"), undefined);
    after();
    assert.ok(limit.enter("192.0.2.1"));
  });

  it("counts IPv6 by /64 and IPv4 in IPv6 as IPv4", () => {
    assert.equal(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
    assert.equal(networkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
    assert.equal(networkOf("2001:0DB8:0001:0002::6"), "2001:db8:1:2");
    assert.equal(networkOf("2001:db8::1"), "2001:db8:0:0");
    assert.equal(networkOf("::1"), "0:0:0:0");
    assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0:0");
    assert.equal(networkOf("192.0.2.1"), "192.0.2.1");
    assert.equal(networkOf(""), "");
  });
});
