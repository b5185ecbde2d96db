/** What is remembered of revoked grants, and for how long. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Revocations } from "../../server/revocations.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";

const HOUR_MS = 3_600_000;
const some = () => [systemRandom(32), systemRandom(32)] as const;

describe("revoked grants", () => {
  it("are known for two epochs, of their own mailbox only", () => {
    let now = 0;
    const revocations = new Revocations(() => now);
    const [mailbox, hash] = some();
    assert.equal(revocations.has(mailbox, hash), false);
    revocations.add(mailbox, hash);
    assert.equal(revocations.has(mailbox, hash), true);
    assert.equal(revocations.has(systemRandom(32), hash), false);
    now = 2 * HOUR_MS - 1;
    assert.equal(revocations.has(mailbox, hash), true);
    now += 1;
    assert.equal(revocations.has(mailbox, hash), false);
  });

  it("are bounded: the oldest are forgotten first, one revoked again is new", () => {
    const revocations = new Revocations(() => 0, 2);
    const [first, second, third] = [some(), some(), some()];
    revocations.add(...first);
    revocations.add(...second);
    revocations.add(...first);
    revocations.add(...third);
    assert.deepEqual(
      [first, second, third].map((one) => revocations.has(...one)),
      [true, false, true],
    );
  });
});
