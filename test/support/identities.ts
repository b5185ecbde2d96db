/** An identity with its root key and devices, made from a seed; for tests of statements and records. */

import type { SigningKeyPair } from "../../shared/crypto/sodium.ts";
import { type DeviceKeys, generateDevice } from "../../shared/e2ee/device.ts";
import { parseDepositId, parseWrapKey } from "../../shared/e2ee/grant.ts";
import { parseRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import { type CardSecret, cardSecret, rootKeyPair } from "../../shared/e2ee/root.ts";
import {
  type CertificateFields,
  signCertificate,
  type VerifiedCertificate,
} from "../../shared/e2ee/statements/certificate.ts";
import {
  type LocatorFields,
  signLocator,
  type VerifiedLocator,
} from "../../shared/e2ee/statements/locator.ts";
import { seededRandom } from "./seeded-random.ts";

export const HOUR = 490_000;

export const relayA: RelayAddress = parseRelayAddress(
  "https://relay-one.example#k=AQEBAQEBAQEBAQEBAQEBAQ",
);
export const relayB: RelayAddress = parseRelayAddress(
  "https://relay-two.example#k=AgICAgICAgICAgICAgICAg",
);

export interface TestIdentity {
  readonly root: SigningKeyPair;
  readonly secret: CardSecret;
  readonly device: DeviceKeys;
  readonly second: DeviceKeys;
}

export function makeIdentity(name: string): TestIdentity {
  const random = seededRandom(name);
  const seed = random(32);
  return {
    root: rootKeyPair(seed),
    secret: cardSecret(seed, 0),
    device: generateDevice(random),
    second: generateDevice(random),
  };
}

export function certify(
  { root }: TestIdentity,
  device: DeviceKeys,
  fields: Partial<CertificateFields> = {},
): VerifiedCertificate {
  return signCertificate({ root }, device, {
    role: "own",
    seq: 1,
    notAfter: HOUR + 43_800,
    ...fields,
  });
}

export function locate(
  { root }: TestIdentity,
  device: DeviceKeys,
  fields: Partial<LocatorFields> = {},
): VerifiedLocator {
  const random = seededRandom("locate");
  const grants = [relayA, relayB].map((relay) => ({
    relay,
    depositId: parseDepositId(random(24)),
    wrapKey: parseWrapKey(random(32)),
    mayBeUrgent: false,
  }));
  return signLocator(device, root.publicKey, { place: "front", seq: 1, grants, ...fields });
}
