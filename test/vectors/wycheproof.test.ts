/**
 * Wycheproof (C2SP/wycheproof, testvectors_v1) through our wrappers of libsodium: X25519, Ed25519,
 * XChaCha20-Poly1305. ML-KEM-768 has no wrapper of ours, only X-Wing has (xwing.test.ts); its files
 * run against the same libsodium build directly, because X-Wing stands on it.
 */

import assert from "node:assert/strict";
import { describe } from "node:test";
import sodium from "libsodium-wrappers";
import { concat, fromHex, toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import {
  dh,
  isSignatureValid,
  parseDhPublicKey,
  parseDhSecretKey,
  parseSigningPublicKey,
  seal,
  tryOpen,
} from "../../shared/crypto/sodium.ts";
import { itWithVectors } from "../support/vector-files.ts";

/** The fields of all files used here; each file has some of them. Bytes are in hex. */
interface Vector {
  readonly tcId: number;
  readonly comment?: string;
  readonly result: string;
  readonly public?: string;
  readonly private?: string;
  readonly shared?: string;
  readonly key?: string;
  readonly iv?: string;
  readonly aad?: string;
  readonly msg?: string;
  readonly ct?: string;
  readonly tag?: string;
  readonly sig?: string;
  readonly seed?: string;
  readonly m?: string;
  readonly ek?: string;
  readonly dk?: string;
  readonly c?: string;
  readonly K?: string;
}

interface Group {
  readonly ivSize?: number;
  readonly publicKey?: { readonly pk: string };
  readonly tests: readonly Vector[];
}

function groupsOf(file: unknown): readonly Group[] {
  return (file as { readonly testGroups: readonly Group[] }).testGroups;
}

/** How many tests a check ran over, so that an empty file cannot pass. */
function each(file: unknown, check: (vector: Vector, group: Group) => void): number {
  let count = 0;
  for (const group of groupsOf(file)) {
    for (const vector of group.tests) {
      check(vector, group);
      count += 1;
    }
  }
  return count;
}

const label = ({ tcId, comment }: Vector): string => `${tcId} ${comment ?? ""}`;

function wycheproof(name: string, file: string, check: (vectors: unknown) => void): void {
  const origin = file.replace(/^wycheproof_(.*)\.json$/, "$1_test.json");
  itWithVectors(name, file, `C2SP/wycheproof testvectors_v1/${origin}`, check);
}

/** Undefined where our rules refuse the key or the result: bit 255 set, or an all-zero secret. */
function sharedSecret(vector: Vector): Uint8Array | undefined {
  try {
    return dh(
      parseDhSecretKey(fromHex(vector.private ?? "")),
      parseDhPublicKey(fromHex(vector.public ?? "")),
    );
  } catch (error) {
    assert.ok(error instanceof TumarError && error.code === "BAD_KEY", label(vector));
    return undefined;
  }
}

function checkX25519(vector: Vector): void {
  const isHighBitSet = ((fromHex(vector.public ?? "")[31] ?? 0) & 0x80) !== 0;
  const isZero = /^0+$/.test(vector.shared ?? "");
  const secret = sharedSecret(vector);
  if (isHighBitSet || isZero) assert.equal(secret, undefined, label(vector));
  else assert.equal(toHex(secret ?? new Uint8Array(0)), vector.shared, label(vector));
}

function checkXChaCha(vector: Vector, { ivSize }: Group): void {
  const key = fromHex(vector.key ?? "");
  const nonce = fromHex(vector.iv ?? "");
  const data = fromHex(vector.aad ?? "");
  const box = concat(fromHex(vector.ct ?? ""), fromHex(vector.tag ?? ""));
  const isValid = vector.result === "valid";
  const opened = tryOpen(key, nonce, box, data);
  assert.equal(opened !== undefined, isValid, label(vector));
  if (!isValid || ivSize !== 192) return;
  assert.equal(toHex(opened ?? new Uint8Array(0)), vector.msg, label(vector));
  assert.deepEqual(seal(key, nonce, fromHex(vector.msg ?? ""), data), box, label(vector));
}

/** Undefined when libsodium refuses. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

describe("Wycheproof", () => {
  wycheproof("X25519", "wycheproof_x25519.json", (file) => {
    assert.equal(each(file, checkX25519), 518);
  });

  wycheproof("Ed25519", "wycheproof_ed25519.json", (file) => {
    const count = each(file, (vector, { publicKey }) => {
      const key = parseSigningPublicKey(fromHex(publicKey?.pk ?? ""));
      const isValid = isSignatureValid(fromHex(vector.sig ?? ""), fromHex(vector.msg ?? ""), key);
      assert.equal(isValid, vector.result === "valid", label(vector));
    });
    assert.equal(count, 151);
  });

  wycheproof("XChaCha20-Poly1305", "wycheproof_xchacha20_poly1305.json", (file) => {
    assert.equal(each(file, checkXChaCha), 315);
  });

  wycheproof("ML-KEM-768 key generation", "wycheproof_mlkem_768_keygen_seed.json", (file) => {
    const count = each(file, (vector) => {
      const pair = sodium.crypto_kem_mlkem768_seed_keypair(fromHex(vector.seed ?? ""));
      assert.equal(toHex(pair.publicKey), vector.ek, label(vector));
      assert.equal(toHex(pair.privateKey), vector.dk, label(vector));
    });
    assert.equal(count, 100);
  });

  wycheproof("ML-KEM-768 encapsulation", "wycheproof_mlkem_768_encaps.json", (file) => {
    const count = each(file, (vector) => {
      const made = attempt(() =>
        sodium.crypto_kem_mlkem768_enc_deterministic(
          fromHex(vector.ek ?? ""),
          fromHex(vector.m ?? ""),
        ),
      );
      assert.equal(made !== undefined, vector.result === "valid", label(vector));
      if (made === undefined) return;
      assert.equal(toHex(made.ciphertext), vector.c, label(vector));
      assert.equal(toHex(made.sharedSecret), vector.K, label(vector));
    });
    assert.equal(count, 265);
  });

  wycheproof("ML-KEM-768 decapsulation", "wycheproof_mlkem_768.json", (file) => {
    const count = each(file, (vector) => {
      const secret = attempt(() => {
        const pair = sodium.crypto_kem_mlkem768_seed_keypair(fromHex(vector.seed ?? ""));
        return sodium.crypto_kem_mlkem768_dec(fromHex(vector.c ?? ""), pair.privateKey);
      });
      assert.equal(secret !== undefined, vector.result === "valid", label(vector));
      if (secret !== undefined) assert.equal(toHex(secret), vector.K, label(vector));
    });
    assert.equal(count, 193);
  });
});
