/** Announcements: only the pinned relay's signature counts, and no change goes unseen. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dhKeyPair, signingKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  encodeAnnouncement,
  isNewerKey,
  signChannelKey,
  verifyAnnouncement,
} from "../../../shared/wire/channel-key.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../shared/wire/codec.ts";
import { relayHash } from "../../../shared/wire/ids.ts";

const identity = signingKeyPair(systemRandom(32));
const pinned = relayHash(identity.publicKey);
const { publicKey } = dhKeyPair(systemRandom(32));
const announcement = { ...signChannelKey(identity, publicKey, 500_000), epoch: systemRandom(16) };
const encoded = encodeAnnouncement(announcement);
const items = decodeCbor(encoded) as CborValue[];

describe("channel key announcement", () => {
  it("verifies under the pinned hash", () => {
    assert.deepEqual(verifyAnnouncement(encoded, pinned), announcement);
  });

  it("another relay's is a mismatch, however well signed", () => {
    const other = signingKeyPair(systemRandom(32));
    const forged = encodeAnnouncement({ ...announcement, ...signChannelKey(other, publicKey, 1) });
    assert.throws(() => verifyAnnouncement(forged, pinned), { code: "RELAY_MISMATCH" });
    assert.throws(() => verifyAnnouncement(encoded, relayHash(other.publicKey)), {
      code: "RELAY_MISMATCH",
    });
  });

  it("another key, hour or signature does not verify", () => {
    const changed: [number, CborValue][] = [
      [1, dhKeyPair(systemRandom(32)).publicKey],
      [2, 500_001],
      [3, new Uint8Array(64)],
    ];
    for (const [at, value] of changed) {
      assert.throws(() => verifyAnnouncement(encodeCbor(items.with(at, value)), pinned), {
        code: "BAD_SIGNATURE",
      });
    }
  });

  it("cut, extended or of another form is malformed", () => {
    for (let n = 0; n < encoded.length; n++) {
      assert.throws(() => verifyAnnouncement(encoded.subarray(0, n), pinned), {
        code: "MALFORMED",
      });
    }
    const wrong: CborValue[] = [0, [], [...items, 0], items.slice(1)];
    for (const at of items.keys()) {
      wrong.push(items.with(at, "text"), items.with(at, new Uint8Array(3)));
    }
    for (const value of wrong) {
      assert.throws(() => verifyAnnouncement(encodeCbor(value), pinned), { code: "MALFORMED" });
    }
  });

  it("a key with its high bit set is refused", () => {
    const high = new Uint8Array(32).fill(0xff);
    assert.throws(() => verifyAnnouncement(encodeCbor(items.with(1, high)), pinned), {
      code: "BAD_KEY",
    });
  });

  it("newer means of a later hour", () => {
    const later = signChannelKey(identity, publicKey, 500_001);
    assert.equal(isNewerKey(later, announcement), true);
    assert.equal(isNewerKey(announcement, announcement), false);
    assert.equal(isNewerKey(announcement, later), false);
  });
});
