/** Certificates: both signatures count, only the pinned root or its admins certify, sizes are fixed. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { concat, u8 } from "../../../shared/crypto/bytes.ts";
import { type SigningKeyPair, signingKeyPair } from "../../../shared/crypto/sodium.ts";
import { generateDevice } from "../../../shared/e2ee/device.ts";
import {
  BORROWED_LIFE_HOURS,
  CERTIFICATE_BODY_BYTES,
  CERTIFICATE_LIFE_HOURS,
  decodeCertificate,
  isNearExpiry,
  ROOT_CERTIFICATE_BYTES,
  signCertificate,
  verifyCertificate,
} from "../../../shared/e2ee/statements/certificate.ts";
import { signDelegation } from "../../../shared/e2ee/statements/delegation.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const random = seededRandom("certificate");
const keyPair = (): SigningKeyPair => signingKeyPair(random(32));
const root = keyPair();
const stranger = keyPair();
const device = generateDevice(random);
const fields = { role: "own", seq: 7, notAfter: 500_000 } as const;

describe("certificate", () => {
  it("comes back from its bytes and verifies under its root", () => {
    const signed = signCertificate({ root }, device, fields);
    const decoded = decodeCertificate(signed.bytes);
    assert.deepEqual(verifyCertificate(decoded, root.publicKey), signed);
    assert.deepEqual(decoded.deviceId, device.id);
    assert.equal(decoded.role, "own");
    assert.equal(decoded.seq, 7);
    assert.equal(decoded.notAfter, 500_000);
  });

  it("has the size of its parts", () => {
    assert.equal(1 + 32 + 32 + 32 + 1 + 4 + 4, 106);
    assert.equal(CERTIFICATE_BODY_BYTES, 106);
    assert.equal(106 + 64 + 1 + 64, 235);
    assert.equal(ROOT_CERTIFICATE_BYTES, 235);
    const signed = signCertificate({ root }, device, fields);
    assert.equal(signed.bytes.length, 235);
    assert.equal(signed.body.length, 106);
  });

  it("under another root than the pinned one is IDENTITY_CHANGED", () => {
    const signed = signCertificate({ root: stranger }, device, fields);
    assert.throws(() => verifyCertificate(signed, root.publicKey), { code: "IDENTITY_CHANGED" });
  });

  it("with any one bit changed does not verify", () => {
    const { bytes } = signCertificate({ root }, device, fields);
    for (let i = 0; i < bytes.length; i++) {
      const changed = Uint8Array.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.throws(
        () => verifyCertificate(decodeCertificate(changed), root.publicKey),
        /TumarError/,
        `byte ${i}`,
      );
    }
  });

  it("cut or prolonged is MALFORMED", () => {
    const { bytes } = signCertificate({ root }, device, fields);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeCertificate(bytes.subarray(0, length)), { code: "MALFORMED" });
    }
    assert.throws(() => decodeCertificate(concat(bytes, u8(0))), { code: "MALFORMED" });
  });

  it("cannot be made for another's device: the device must sign too", () => {
    const forger = { ...device, IKs: { ...stranger, publicKey: device.IKs.publicKey } };
    const forged = signCertificate({ root }, forger, fields);
    assert.throws(() => verifyCertificate(forged, root.publicKey), { code: "BAD_SIGNATURE" });
  });

  it("by admins holds for staff and for nobody else", () => {
    const [admin, other] = [keyPair(), keyPair()];
    const delegation = signDelegation(root, {
      power: "admins",
      k: 1,
      keys: [admin.publicKey, other.publicKey],
      devices: [],
      epoch: 1,
      notAfter: 500_000,
    });
    const signer = { delegation, keys: [admin] };
    const staff = signCertificate(signer, device, { ...fields, role: "staff" });
    assert.deepEqual(verifyCertificate(decodeCertificate(staff.bytes), root.publicKey), staff);
    for (const role of ["own", "admin", "borrowed"] as const) {
      const certificate = signCertificate(signer, device, { ...fields, role });
      assert.throws(() => verifyCertificate(certificate, root.publicKey), {
        code: "NOT_EMPOWERED",
      });
    }
  });

  it("warns 90 days before its end", () => {
    const certificate = signCertificate({ root }, device, fields);
    assert.equal(isNearExpiry(certificate, 500_000 - 90 * 24), false);
    assert.equal(isNearExpiry(certificate, 500_000 - 90 * 24 + 1), true);
    assert.equal(CERTIFICATE_LIFE_HOURS, 43_800);
    assert.equal(BORROWED_LIFE_HOURS, 2);
  });
});
