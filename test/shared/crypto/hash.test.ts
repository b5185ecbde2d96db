/** BLAKE2b and H(): RFC 7693, @noble/hashes, and the documented input. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blake2b as nobleBlake2b } from "@noble/hashes/blake2.js";
import fc from "fast-check";
import { concat, EMPTY, toHex, u8, utf8 } from "../../../shared/crypto/bytes.ts";
import { H } from "../../../shared/crypto/hash.ts";
import { blake2b } from "../../../shared/crypto/sodium.ts";

describe("BLAKE2b", () => {
  it("is RFC 7693, appendix A", () => {
    assert.equal(
      toHex(blake2b(64, utf8("abc"))),
      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1" +
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
    );
  });

  it("agrees with @noble/hashes for every length and key (property)", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: 64 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        (dkLen, message, key) => {
          assert.deepEqual(blake2b(dkLen, message), nobleBlake2b(message, { dkLen }));
          assert.deepEqual(blake2b(dkLen, message, key), nobleBlake2b(message, { dkLen, key }));
        },
      ),
    );
  });
});

describe("H", () => {
  it("hashes the label's length, the label and the message (property)", () => {
    const labels = fc.stringMatching(/^[a-z0-9.-]{1,20}$/);
    const keys = fc.uint8Array({ maxLength: 64 });
    fc.assert(
      fc.property(keys, labels, fc.uint8Array({ maxLength: 99 }), (key, label, message) => {
        const full = utf8(`tumar/v1/${label}`);
        const input = concat(u8(full.length), full, message);
        const options = key.length === 0 ? { dkLen: 32 } : { dkLen: 32, key };
        assert.deepEqual(H(key, label, message, 32), nobleBlake2b(input, options));
      }),
    );
  });

  it("of another length is another hash, not a prefix", () => {
    assert.notDeepEqual(H(EMPTY, "x", EMPTY, 64).slice(0, 32), H(EMPTY, "x", EMPTY, 32));
  });
});
