/** The wrappers of libsodium: their own checks; the primitives themselves are in test/vectors. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { x25519 } from "@noble/curves/ed25519.js";
import { sha3_256 } from "@noble/hashes/sha3.js";
import fc from "fast-check";
import { concat, EMPTY, fromHex, toHex, u8, utf8 } from "../../../shared/crypto/bytes.ts";
import {
  checkPrimitives,
  dh,
  dhKeyPair,
  equalSecret,
  isSignatureValid,
  KEM_CIPHERTEXT_BYTES,
  KEM_ENCAPSULATION_SEED_BYTES,
  KEM_PUBLIC_KEY_BYTES,
  KEM_SHARED_SECRET_BYTES,
  kemDecapsulate,
  kemEncapsulate,
  kemKeyPair,
  open,
  openChaCha,
  parseDhPublicKey,
  parseDhSecretKey,
  parseKemCiphertext,
  parseKemPublicKey,
  parseKemSecretKey,
  parseSignature,
  parseSigningPublicKey,
  parseSigningSecretKey,
  seal,
  sealChaCha,
  sha3,
  sign,
  signingKeyPair,
  systemRandom,
  tryOpen,
  verifySignature,
} from "../../../shared/crypto/sodium.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const random = seededRandom("sodium");

describe("loading", () => {
  it("names what a library lacks", () => {
    assert.throws(() => checkPrimitives({}), {
      code: "CRYPTO_UNAVAILABLE",
      message: /crypto_kem_xwing_dec/,
    });
  });

  it("draws different bytes each time", () => {
    assert.equal(systemRandom(32).length, 32);
    assert.notDeepEqual(systemRandom(32), systemRandom(32));
  });
});

describe("equalSecret", () => {
  it("is equality, also for other lengths (property)", () => {
    const some = fc.uint8Array({ maxLength: 4 });
    fc.assert(
      fc.property(some, some, (a, b) => assert.equal(equalSecret(a, b), toHex(a) === toHex(b))),
    );
  });
});

describe("Ed25519", () => {
  const { publicKey, secretKey } = signingKeyPair(random(32));
  const message = utf8("message");
  const signature = sign(message, secretKey);

  it("verifies what was signed and nothing else", () => {
    verifySignature(signature, message, publicKey, "test");
    assert.equal(isSignatureValid(signature.subarray(1), message, publicKey), false);
    assert.throws(() => verifySignature(signature, utf8("other"), publicKey, "test"), {
      code: "BAD_SIGNATURE",
      message: "the signature of the test does not verify",
    });
  });

  it("takes keys and signatures of the right length only", () => {
    assert.deepEqual(parseSigningPublicKey(publicKey), publicKey);
    assert.deepEqual(parseSigningSecretKey(secretKey), secretKey);
    assert.deepEqual(parseSignature(signature), signature);
    for (const parse of [parseSigningPublicKey, parseSigningSecretKey, parseSignature]) {
      assert.throws(() => parse(new Uint8Array(33)), { code: "MALFORMED" });
    }
    assert.throws(() => signingKeyPair(new Uint8Array(31)), RangeError);
  });
});

describe("X25519", () => {
  it("agrees with @noble/curves (property)", () => {
    const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(secrets, secrets, (a, b) => {
        const [mine, theirs] = [dhKeyPair(a), dhKeyPair(b)];
        assert.deepEqual(mine.publicKey, x25519.getPublicKey(a));
        const shared = dh(mine.secretKey, theirs.publicKey);
        assert.deepEqual(shared, dh(theirs.secretKey, mine.publicKey));
        assert.deepEqual(shared, x25519.getSharedSecret(a, theirs.publicKey));
      }),
      { numRuns: 20 },
    );
  });

  it("refuses keys of low order, with the high bit, or of another length", () => {
    const { secretKey } = dhKeyPair(random(32));
    for (const low of ["00", "01"].map((first) => fromHex(first + "00".repeat(31)))) {
      assert.throws(() => dh(secretKey, parseDhPublicKey(low)), { code: "BAD_KEY" });
    }
    assert.throws(() => parseDhPublicKey(new Uint8Array(32).fill(0xff)), { code: "BAD_KEY" });
    assert.throws(() => parseDhPublicKey(new Uint8Array(31)), { code: "MALFORMED" });
    assert.throws(() => parseDhSecretKey(new Uint8Array(31)), { code: "MALFORMED" });
  });

  it("keeps a copy of the secret", () => {
    const secret = random(32);
    const pair = dhKeyPair(secret);
    const before = toHex(pair.secretKey);
    secret.fill(0);
    assert.equal(toHex(pair.secretKey), before);
  });
});

describe("X-Wing", () => {
  const pair = kemKeyPair(random(32));
  const { ciphertext, sharedSecret } = kemEncapsulate(pair.publicKey, random(64));

  it("has the documented sizes and agrees on both sides", () => {
    assert.equal(KEM_PUBLIC_KEY_BYTES, 1216);
    assert.equal(KEM_CIPHERTEXT_BYTES, 1120);
    assert.equal(KEM_SHARED_SECRET_BYTES, 32);
    assert.equal(KEM_ENCAPSULATION_SEED_BYTES, 64);
    assert.equal(parseKemPublicKey(pair.publicKey).length, 1216);
    assert.equal(ciphertext.length, 1120);
    assert.deepEqual(kemDecapsulate(ciphertext, pair.secretKey), sharedSecret);
  });

  it("gives another secret for a changed ciphertext", () => {
    const changed = parseKemCiphertext(ciphertext);
    changed[5] = (changed[5] ?? 0) ^ 1;
    assert.notDeepEqual(kemDecapsulate(changed, pair.secretKey), sharedSecret);
  });

  it("refuses keys that no honest peer sends", () => {
    const overflow = parseKemPublicKey(new Uint8Array(1216).fill(0xff));
    assert.throws(() => kemEncapsulate(overflow, random(64)), { code: "BAD_KEY" });
    const lowOrder = parseKemCiphertext(concat(ciphertext.subarray(0, -32), new Uint8Array(32)));
    assert.throws(() => kemDecapsulate(lowOrder, pair.secretKey), { code: "BAD_KEY" });
    for (const parse of [parseKemPublicKey, parseKemCiphertext, parseKemSecretKey]) {
      assert.throws(() => parse(new Uint8Array(33)), { code: "MALFORMED" });
    }
  });
});

describe("sealed boxes", () => {
  const boxes = [
    ["XChaCha20-Poly1305", seal, open, 24],
    ["ChaCha20-Poly1305", sealChaCha, openChaCha, 12],
  ] as const;
  for (const [name, close, reopen, nonceLength] of boxes) {
    it(`${name} opens with the same key, nonce and data only (property)`, () => {
      const key = random(32);
      const nonce = random(nonceLength);
      fc.assert(
        fc.property(fc.uint8Array(), fc.uint8Array(), fc.nat(), (plaintext, data, at) => {
          const box = close(key, nonce, plaintext, data);
          assert.equal(box.length, plaintext.length + 16);
          assert.deepEqual(reopen(key, nonce, box, data), plaintext);
          const changed = Uint8Array.from(box);
          changed[at % box.length] = (changed[at % box.length] ?? 0) ^ 0x10;
          const fail = { code: "CANNOT_OPEN" };
          assert.throws(() => reopen(key, nonce, changed, data), fail);
          assert.throws(() => reopen(key, nonce, box, concat(data, u8(0))), fail);
          assert.throws(() => reopen(key, random(nonceLength), box, data), fail);
        }),
        { numRuns: 30 },
      );
      assert.throws(() => reopen(key, nonce, new Uint8Array(15), EMPTY), { code: "CANNOT_OPEN" });
    });
  }

  it("tryOpen gives undefined instead of an error", () => {
    const [key, nonce] = [random(32), random(24)];
    assert.equal(tryOpen(key, nonce, new Uint8Array(15), EMPTY), undefined);
    assert.equal(tryOpen(key, nonce, new Uint8Array(16), EMPTY), undefined);
    assert.deepEqual(tryOpen(key, nonce, seal(key, nonce, u8(1), EMPTY), EMPTY), u8(1));
  });
});

describe("SHA3-256", () => {
  it("agrees with @noble/hashes (property)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) =>
        assert.deepEqual(sha3(message), sha3_256(message)),
      ),
    );
  });
});
