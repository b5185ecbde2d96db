/** What the phrase's seed gives: every key apart from every other, and the labels as documented. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY, toHex, u8, u32 } from "../../../shared/crypto/bytes.ts";
import { H } from "../../../shared/crypto/hash.ts";
import { kemKeyPair, signingKeyPair } from "../../../shared/crypto/sodium.ts";
import {
  capsuleKeyPair,
  cardSecret,
  caseKeyPair,
  letterboxOf,
  OWNER_KEYS,
  parseCardSecret,
  recordOwnerKeyPair,
  rootKeyPair,
} from "../../../shared/e2ee/root.ts";

const seed = new Uint8Array(32).fill(3);

describe("root derivations", () => {
  it("follow the documented labels", () => {
    const root = rootKeyPair(seed);
    assert.deepEqual(root, signingKeyPair(H(seed, "root", EMPTY, 32)));
    assert.deepEqual(capsuleKeyPair(seed), kemKeyPair(H(seed, "capsule", EMPTY, 32)));
    const both = H(seed, "letterbox", u32(5), 64);
    assert.deepEqual(letterboxOf(seed, 5), {
      mailbox: signingKeyPair(both.slice(0, 32)),
      kem: kemKeyPair(both.slice(32)),
    });
    assert.deepEqual(cardSecret(seed, 2), H(seed, "card", u32(2), 16));
    const desk = rootKeyPair(new Uint8Array(32)).publicKey;
    assert.deepEqual(caseKeyPair(seed, desk), signingKeyPair(H(seed, "case", desk, 32)));
    assert.deepEqual(recordOwnerKeyPair(seed, 31), signingKeyPair(H(seed, "owner", u8(31), 32)));
  });

  it("are all different", () => {
    const keys = [
      rootKeyPair(seed).publicKey,
      letterboxOf(seed, 0).mailbox.publicKey,
      letterboxOf(seed, 1).mailbox.publicKey,
      caseKeyPair(seed, rootKeyPair(seed).publicKey).publicKey,
      ...Array.from({ length: OWNER_KEYS }, (_, i) => recordOwnerKeyPair(seed, i).publicKey),
    ].map(toHex);
    assert.equal(new Set(keys).size, 36);
    assert.notDeepEqual(cardSecret(seed, 0), cardSecret(seed, 1));
  });

  it("refuse a wrong seed, index or secret", () => {
    assert.throws(() => rootKeyPair(new Uint8Array(31)), RangeError);
    for (const index of [-1, 32, 1.5]) {
      assert.throws(() => recordOwnerKeyPair(seed, index), RangeError);
    }
    assert.throws(() => parseCardSecret(new Uint8Array(15)), { code: "MALFORMED" });
  });
});
