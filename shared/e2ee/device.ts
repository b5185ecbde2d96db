/**
 * The keys of one device (docs/CRYPTOGRAPHY.md 3): `IKs` (Ed25519) signs, `IKd` (X25519) agrees.
 *
 *     device id    = H("", "device", IKs ‖ IKd, 16)
 *     secret form  = IKs seed 32 ‖ IKd secret 32           (64 bytes, in the vault only)
 *
 * The two are drawn apart: neither is computed from the other or from the recovery phrase.
 */

import {
  ByteReader,
  type Bytes,
  concat,
  copyExact,
  EMPTY,
  type Random,
  wipe,
} from "../crypto/bytes.ts";
import { H } from "../crypto/hash.ts";
import {
  DH_KEY_BYTES,
  type DhKeyPair,
  type DhPublicKey,
  dhKeyPair,
  SIGNING_SEED_BYTES,
  type SigningKeyPair,
  type SigningPublicKey,
  signingKeyPair,
} from "../crypto/sodium.ts";

export type DeviceId = Bytes<"DeviceId">;

export interface DevicePublicKeys {
  readonly IKs: SigningPublicKey;
  readonly IKd: DhPublicKey;
}

export interface DeviceKeys {
  readonly id: DeviceId;
  readonly IKs: SigningKeyPair;
  readonly IKd: DhKeyPair;
}

export const DEVICE_ID_BYTES = 16;
export const DEVICE_SECRET_BYTES = 64;

export function parseDeviceId(bytes: Uint8Array): DeviceId {
  return copyExact(bytes, DEVICE_ID_BYTES, "device id");
}

export function deviceIdOf(keys: DevicePublicKeys): DeviceId {
  return parseDeviceId(H(EMPTY, "device", concat(keys.IKs, keys.IKd), DEVICE_ID_BYTES));
}

export function generateDevice(random: Random): DeviceKeys {
  const signingSeed = random(SIGNING_SEED_BYTES);
  const dhSecret = random(DH_KEY_BYTES);
  const device = deviceOf(signingSeed, dhSecret);
  wipe(signingSeed, dhSecret);
  return device;
}

export function devicePublicKeys(device: DeviceKeys): DevicePublicKeys {
  return { IKs: device.IKs.publicKey, IKd: device.IKd.publicKey };
}

/** The secret form; the caller wipes it once it is sealed. */
export function encodeDeviceKeys(device: DeviceKeys): Uint8Array {
  return concat(device.IKs.secretKey.subarray(0, SIGNING_SEED_BYTES), device.IKd.secretKey);
}

/** @throws TumarError MALFORMED */
export function decodeDeviceKeys(bytes: Uint8Array): DeviceKeys {
  const reader = new ByteReader(bytes);
  const signingSeed = reader.take(SIGNING_SEED_BYTES);
  const dhSecret = reader.take(DH_KEY_BYTES);
  reader.finish();
  return deviceOf(signingSeed, dhSecret);
}

export function wipeDeviceKeys(device: DeviceKeys): void {
  wipe(device.IKs.secretKey, device.IKd.secretKey);
}

function deviceOf(signingSeed: Uint8Array, dhSecret: Uint8Array): DeviceKeys {
  const IKs = signingKeyPair(signingSeed);
  const IKd = dhKeyPair(dhSecret);
  return { id: deviceIdOf({ IKs: IKs.publicKey, IKd: IKd.publicKey }), IKs, IKd };
}
