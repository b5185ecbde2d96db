/** Two devices with certificates and prekeys, for the tests of handshake, ratchet and sessions. */

import type { Random } from "../../shared/crypto/bytes.ts";
import {
  type DhKeyPair,
  dhKeyPair,
  type KemKeyPair,
  kemKeyPair,
  type SigningKeyPair,
  signingKeyPair,
} from "../../shared/crypto/sodium.ts";
import { type DeviceKeys, devicePublicKeys, generateDevice } from "../../shared/e2ee/device.ts";
import type { OwnParty, PrekeySecrets } from "../../shared/e2ee/handshake.ts";
import { encodeIdentityBlock } from "../../shared/e2ee/identity-block.ts";
import type { PrekeyBundle, VerifiedPrekeyBundle } from "../../shared/e2ee/prekeys.ts";
import { signCertificate } from "../../shared/e2ee/statements/certificate.ts";
import { markVerified } from "../../shared/e2ee/verified.ts";

export interface TestDevice extends OwnParty {
  readonly rootKeys: SigningKeyPair;
  readonly device: DeviceKeys;
  readonly identityBlock: Uint8Array;
  readonly spk: { readonly id: number; readonly pair: DhKeyPair };
  readonly kpk: { readonly id: number; readonly pair: KemKeyPair };
  readonly oneTime: { readonly id: number; readonly opk: DhKeyPair; readonly kem: KemKeyPair };
}

export const TEST_HOUR = 500_000;

/** Ids 1000 (SPK), 2000 (KPK), 3000 (pair). */
export function testDevice(random: Random): TestDevice {
  const rootKeys = signingKeyPair(random(32));
  const device = generateDevice(random);
  const certificate = signCertificate({ root: rootKeys }, device, {
    role: "own",
    seq: 1,
    notAfter: TEST_HOUR + 43_800,
  });
  return {
    root: rootKeys.publicKey,
    rootKeys,
    device,
    identityBlock: encodeIdentityBlock(certificate, []),
    spk: { id: 1000, pair: dhKeyPair(random(32)) },
    kpk: { id: 2000, pair: kemKeyPair(random(32)) },
    oneTime: { id: 3000, opk: dhKeyPair(random(32)), kem: kemKeyPair(random(32)) },
  };
}

export function bundleOf(owner: TestDevice, withPair: boolean): VerifiedPrekeyBundle {
  const bundle = {
    root: owner.root,
    deviceId: owner.device.id,
    ...devicePublicKeys(owner.device),
    spk: { id: owner.spk.id, pk: owner.spk.pair.publicKey },
  };
  if (!withPair) {
    const kem = { id: owner.kpk.id, role: "lastResort" as const, pk: owner.kpk.pair.publicKey };
    return markVerified<PrekeyBundle>({ ...bundle, kem });
  }
  const { id, kem, opk } = owner.oneTime;
  return markVerified<PrekeyBundle>({
    ...bundle,
    kem: { id, role: "pair", pk: kem.publicKey },
    opk: { id, pk: opk.publicKey },
  });
}

export function secretsOf(owner: TestDevice, withPair: boolean): PrekeySecrets {
  const spk = owner.spk.pair;
  if (!withPair) return { spk, kem: owner.kpk.pair };
  return { spk, kem: owner.oneTime.kem, opk: owner.oneTime.opk };
}
