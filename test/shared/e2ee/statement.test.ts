/** The six kinds: each comes back from its bytes, has a fixed size, and fails by any changed bit. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { concat, u8 } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { kemKeyPair, type SigningKeyPair, signingKeyPair } from "../../../shared/crypto/sodium.ts";
import {
  decodeStatement,
  decodeStatements,
  encodeStatements,
  MAX_STATEMENT_BYTES,
  MAX_STATEMENTS,
  type VerifiedStatement,
  verifyStatement,
} from "../../../shared/e2ee/statement.ts";
import { signCertificate } from "../../../shared/e2ee/statements/certificate.ts";
import {
  type DelegationFields,
  MAX_DELEGATION_BYTES,
  signDelegation,
  type VerifiedDelegation,
} from "../../../shared/e2ee/statements/delegation.ts";
import { keyHashOf } from "../../../shared/e2ee/statements/locator.ts";
import { signNotice } from "../../../shared/e2ee/statements/notice.ts";
import { REMOVAL_BODY_BYTES } from "../../../shared/e2ee/statements/removal.ts";
import { RESIGNATION_BYTES, signResignation } from "../../../shared/e2ee/statements/resignation.ts";
import {
  ROOT_REVOCATION_BYTES,
  signRevocation,
} from "../../../shared/e2ee/statements/revocation.ts";
import { certify, HOUR, locate, makeIdentity } from "../../support/identities.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const me = makeIdentity("statement");
const other = makeIdentity("another");
const random = seededRandom("guardians");
const guardians: readonly SigningKeyPair[] = Array.from({ length: 3 }, () =>
  signingKeyPair(random(32)),
);
const certificate = certify(me, me.device);
const hash = keyHashOf(kemKeyPair(random(32)).publicKey);
const removal = { deviceId: me.device.id, cutOffHour: HOUR - 3 };

function delegate(fields: Partial<DelegationFields> = {}): VerifiedDelegation {
  return signDelegation(me.root, {
    power: "guardians",
    k: 2,
    keys: guardians.map(({ publicKey }) => publicKey),
    devices: [],
    epoch: 1,
    notAfter: HOUR + 1000,
    ...fields,
  });
}

const notice = signNotice(delegate(), guardians, removal);
const all: readonly VerifiedStatement[] = [
  certificate,
  signRevocation({ root: me.root }, removal),
  delegate(),
  delegate({ devices: [me.device.id, me.second.id], power: "suspension" }),
  locate(me, me.device, { holdKeyHash: hash, letterboxKeyHash: hash }),
  locate(me, me.device, { place: "status", grants: [] }),
  signResignation(me.device, me.root.publicKey, HOUR),
  notice,
];

function verify(bytes: Uint8Array, root: SigningKeyPair = me.root): VerifiedStatement {
  return verifyStatement(decodeStatement(bytes), root.publicKey, () => certificate);
}

describe("statement", () => {
  it("comes back from its bytes, alone and in a list", () => {
    for (const statement of all) assert.deepEqual(verify(statement.bytes), statement);
    assert.deepEqual(decodeStatements(encodeStatements(all)), all);
  });

  it("has the size of its parts", () => {
    const sizes = all.map(({ bytes }) => bytes.length);
    assert.equal(REMOVAL_BODY_BYTES, 53);
    assert.equal(ROOT_REVOCATION_BYTES, 118);
    assert.equal(RESIGNATION_BYTES, 165);
    assert.equal(1 + 32 + 1 + 1 + 1 + 3 * 32 + 1 + 4 + 4 + 64, 205);
    assert.equal(205 + 2 * 16, 237);
    assert.equal(1 + 32 + 1 + 1 + 1 + 16 * 32 + 1 + 32 * 16 + 4 + 4 + 64, MAX_DELEGATION_BYTES);
    const place = 1 + 1 + 17 + 16 + 24 + 32 + 1;
    assert.equal(1 + 16 + 1 + 4 + 1 + 2 * 32 + 1 + 2 * place + 64, 336);
    assert.equal(1 + 16 + 1 + 4 + 1 + 1 + 64, 88);
    assert.equal(53 + 1 + 4 + 205 + 2 * (1 + 64), 393);
    assert.deepEqual(sizes, [235, 118, 205, 237, 336, 88, 165, 393]);
  });

  it("is refused with any one bit changed, cut or prolonged", () => {
    for (const { bytes, kind } of all) {
      for (let i = 0; i < bytes.length; i++) {
        const changed = Uint8Array.from(bytes);
        changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
        assert.throws(() => verify(changed), TumarError, `${kind} ${i}`);
        assert.throws(() => decodeStatement(bytes.subarray(0, i)), { code: "MALFORMED" });
      }
      assert.throws(() => decodeStatement(concat(bytes, u8(0))), { code: "MALFORMED" });
    }
  });

  it("of another root is IDENTITY_CHANGED, a locator of another device UNKNOWN_DEVICE", () => {
    for (const { bytes, kind } of all) {
      if (kind === "locator") continue;
      assert.throws(() => verify(bytes, other.root), { code: "IDENTITY_CHANGED" });
    }
    const locator = decodeStatement(locate(me, me.second).bytes);
    assert.throws(() => verifyStatement(locator, me.root.publicKey, () => certificate), {
      code: "UNKNOWN_DEVICE",
    });
    assert.throws(() => verifyStatement(locator, me.root.publicKey, () => undefined), {
      code: "UNKNOWN_DEVICE",
    });
  });

  it("of an unknown kind or in too long a list is MALFORMED", () => {
    for (const kind of [0, 7, 255]) {
      assert.throws(() => decodeStatement(u8(kind)), { code: "MALFORMED" });
    }
    assert.throws(() => decodeStatement(new Uint8Array(0)), { code: "MALFORMED" });
    const list = encodeStatements([certificate]);
    assert.throws(() => decodeStatements(concat(u8(1), u8(1), list)), { code: "MALFORMED" });
    assert.throws(() => decodeStatements(concat(list, u8(0))), { code: "MALFORMED" });
    const many = Array.from({ length: MAX_STATEMENTS + 1 }, () => certificate);
    assert.throws(() => encodeStatements(many), RangeError);
    assert.equal(MAX_STATEMENTS, 256);
  });

  it("never outgrows the limit, whatever the delegation", () => {
    const keys = Array.from({ length: 16 }, () => signingKeyPair(random(32)));
    const devices = Array.from({ length: 31 }, () => makeIdentity(String(random(1))).device.id);
    const ids = [...new Map(devices.map((id) => [String(id), id])).values()];
    const admins = delegate({
      power: "admins",
      k: 16,
      keys: keys.map(({ publicKey }) => publicKey),
      devices: [me.device.id, ...ids],
    });
    const signer = { delegation: admins, keys };
    const largest = signCertificate(signer, me.device, { role: "staff", seq: 1, notAfter: HOUR });
    assert.ok(largest.bytes.length <= MAX_STATEMENT_BYTES);
    assert.deepEqual(verify(largest.bytes), largest);
  });
});

describe("delegated powers", () => {
  it("need k distinct keys of the delegation", () => {
    const one = guardians.slice(0, 1);
    assert.throws(() => signNotice(delegate(), one, removal), RangeError);
    const strangers = Array.from({ length: 2 }, () => signingKeyPair(random(32)));
    assert.throws(() => signNotice(delegate(), strangers, removal), RangeError);
    assert.equal(signNotice(delegate({ k: 1 }), one, removal).kind, "notice");
    const twice = Uint8Array.from(notice.bytes);
    twice.copyWithin(notice.bytes.length - 65, notice.bytes.length - 130);
    assert.throws(() => decodeStatement(twice), { code: "MALFORMED" });
  });

  it("cover their devices only", () => {
    const delegation = delegate({ devices: [me.second.id] });
    const wrong = signNotice(delegation, guardians, removal);
    assert.throws(() => verify(wrong.bytes), { code: "NOT_EMPOWERED" });
    const right = signNotice(delegation, guardians, { ...removal, deviceId: me.second.id });
    assert.deepEqual(verify(right.bytes), right);
  });

  it("do not reach beyond themselves", () => {
    for (const power of ["guardians", "suspension"] as const) {
      const signer = { delegation: delegate({ power }), keys: guardians };
      const revocation = signRevocation(signer, removal);
      assert.throws(() => verify(revocation.bytes), { code: "NOT_EMPOWERED" });
    }
    const admins = delegate({ power: "admins" });
    const byAdmins = signNotice(admins, guardians, removal);
    assert.throws(() => verify(byAdmins.bytes), { code: "NOT_EMPOWERED" });
    const revoked = signRevocation({ delegation: admins, keys: guardians }, removal);
    assert.deepEqual(verify(revoked.bytes), revoked);
  });

  it("cannot be lent: a notice is bound to its delegation, a delegation to its root", () => {
    const next = delegate({ epoch: 2 });
    const moved = concat(
      notice.bytes.subarray(0, 53 + 1 + 4),
      next.bytes,
      notice.bytes.subarray(53 + 1 + 4 + 205),
    );
    assert.throws(() => verify(moved), { code: "BAD_SIGNATURE" });
    const foreign = signDelegation(other.root, { ...delegate(), devices: [] });
    const forged = concat(
      notice.bytes.subarray(0, 53 + 1 + 4),
      foreign.bytes,
      notice.bytes.subarray(53 + 1 + 4 + 205),
    );
    assert.throws(() => verify(forged), { code: "IDENTITY_CHANGED" });
  });

  it("refuse counts out of bounds", () => {
    const key = guardians[0]?.publicKey;
    assert.ok(key);
    assert.throws(() => delegate({ keys: [] }), RangeError);
    assert.throws(() => delegate({ k: 0 }), RangeError);
    assert.throws(() => delegate({ k: 4 }), RangeError);
    assert.throws(() => delegate({ k: 1, keys: [key, key] }), RangeError);
    const many = Array.from({ length: 17 }, () => signingKeyPair(random(32)).publicKey);
    assert.throws(() => delegate({ keys: many }), RangeError);
  });

  it("a notice by the root alone is refused: that would be a revocation", () => {
    const bytes = Uint8Array.from(signRevocation({ root: me.root }, removal).bytes);
    bytes[0] = 6;
    assert.throws(() => verify(bytes), { code: "NOT_EMPOWERED" });
  });
});
