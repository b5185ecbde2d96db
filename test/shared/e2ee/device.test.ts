/** Device keys: the id binds both, the secret form comes back, and nothing else is accepted. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY } from "../../../shared/crypto/bytes.ts";
import { H } from "../../../shared/crypto/hash.ts";
import {
  DEVICE_ID_BYTES,
  DEVICE_SECRET_BYTES,
  decodeDeviceKeys,
  deviceIdOf,
  devicePublicKeys,
  encodeDeviceKeys,
  generateDevice,
  parseDeviceId,
  wipeDeviceKeys,
} from "../../../shared/e2ee/device.ts";
import { seededRandom } from "../../support/seeded-random.ts";

describe("device keys", () => {
  it("have an id over both public keys", () => {
    const device = generateDevice(seededRandom("device"));
    const { IKs, IKd } = devicePublicKeys(device);
    assert.equal(device.id.length, DEVICE_ID_BYTES);
    assert.equal(DEVICE_ID_BYTES, 16);
    assert.deepEqual(device.id, H(EMPTY, "device", concat(IKs, IKd), 16));
    const other = generateDevice(seededRandom("other"));
    assert.notDeepEqual(deviceIdOf({ IKs, IKd: other.IKd.publicKey }), device.id);
    assert.notDeepEqual(deviceIdOf({ IKs: other.IKs.publicKey, IKd }), device.id);
  });

  it("come back from their secret form (property)", () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const device = generateDevice(seededRandom(seed));
        const secret = encodeDeviceKeys(device);
        assert.equal(secret.length, DEVICE_SECRET_BYTES);
        assert.deepEqual(decodeDeviceKeys(secret), device);
      }),
      { numRuns: 30 },
    );
    assert.equal(DEVICE_SECRET_BYTES, 64);
  });

  it("refuse a secret form or id of another length", () => {
    const secret = encodeDeviceKeys(generateDevice(seededRandom("x")));
    assert.throws(() => decodeDeviceKeys(secret.subarray(1)), { code: "MALFORMED" });
    assert.throws(() => decodeDeviceKeys(concat(secret, EMPTY, Uint8Array.of(0))), {
      code: "MALFORMED",
    });
    assert.throws(() => parseDeviceId(new Uint8Array(15)), { code: "MALFORMED" });
  });

  it("are gone after a wipe", () => {
    const device = generateDevice(seededRandom("x"));
    wipeDeviceKeys(device);
    assert.deepEqual(encodeDeviceKeys(device), new Uint8Array(64));
  });
});
