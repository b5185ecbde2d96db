/**
 * What a device publishes of itself in a front or status record, checked against the pinned root.
 *
 *     lp(certificate, locator, SPK 104, KPK 1288)
 *
 * The locator is the one made for that kind of record. A certificate that does not chain to the
 * pinned root is IDENTITY_CHANGED: the caller stops and tells the person.
 */

import { ByteReader, lp } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import type { SigningPublicKey } from "../crypto/sodium.ts";
import {
  decodeLastResortPrekey,
  decodeSignedPrekey,
  encodeLastResortPrekey,
  encodeSignedPrekey,
  LAST_RESORT_PREKEY_BYTES,
  type LastResortPrekey,
  type PrekeyPair,
  SIGNED_PREKEY_BYTES,
  type SignedPrekey,
  type VerifiedPrekeyBundle,
  verifyPrekeyBundle,
} from "./prekeys.ts";
import type { RelayHash } from "./relay-address.ts";
import { MAX_STATEMENT_BYTES } from "./statement.ts";
import type { Hour } from "./statements/body.ts";
import {
  type Certificate,
  decodeCertificate,
  type VerifiedCertificate,
  verifyCertificate,
} from "./statements/certificate.ts";
import {
  decodeLocator,
  type Locator,
  type RecordPlace,
  type VerifiedLocator,
  verifyLocator,
} from "./statements/locator.ts";
import { markVerified, type Verified } from "./verified.ts";

export interface DevicePart {
  readonly certificate: Certificate;
  readonly locator: Locator;
  readonly spk: SignedPrekey;
  readonly kpk: LastResortPrekey;
}

/** Certificate and locator are verified; the prekeys are when a bundle is made of them. */
export type VerifiedDevicePart = Verified<
  Omit<DevicePart, "certificate" | "locator"> & {
    readonly certificate: VerifiedCertificate;
    readonly locator: VerifiedLocator;
  }
>;

export function encodeDevicePart({ certificate, locator, spk, kpk }: DevicePart): Uint8Array {
  return lp(certificate.bytes, locator.bytes, encodeSignedPrekey(spk), encodeLastResortPrekey(kpk));
}

/** Untrusted; leaves what follows to the caller. @throws TumarError MALFORMED, BAD_KEY */
export function readDevicePart(reader: ByteReader): DevicePart {
  return {
    certificate: decodeCertificate(reader.part(MAX_STATEMENT_BYTES)),
    locator: decodeLocator(reader.part(MAX_STATEMENT_BYTES)),
    spk: decodeSignedPrekey(reader.part(SIGNED_PREKEY_BYTES)),
    kpk: decodeLastResortPrekey(reader.part(LAST_RESORT_PREKEY_BYTES)),
  };
}

/** Untrusted. @throws TumarError MALFORMED, BAD_KEY */
export function decodeDevicePart(bytes: Uint8Array): DevicePart {
  const reader = new ByteReader(bytes);
  const part = readDevicePart(reader);
  reader.finish();
  return part;
}

/** @throws TumarError IDENTITY_CHANGED, BAD_SIGNATURE, UNKNOWN_DEVICE, MALFORMED */
export function verifyDevicePart(
  part: DevicePart,
  root: SigningPublicKey,
  place: RecordPlace,
): VerifiedDevicePart {
  const certificate = verifyCertificate(part.certificate, root);
  const locator = verifyLocator(part.locator, certificate);
  if (locator.place !== place || certificate.role === "borrowed") {
    throw new TumarError("MALFORMED", "a certificate or locator that is not for this record");
  }
  return markVerified({ certificate, locator, spk: part.spk, kpk: part.kpk });
}

/** What a handshake takes. @throws TumarError BAD_SIGNATURE, PREKEY_EXPIRED */
export function bundleOf(
  part: VerifiedDevicePart,
  relay: RelayHash,
  pair: PrekeyPair | undefined,
  hour: Hour,
): VerifiedPrekeyBundle {
  const { certificate, spk, kpk } = part;
  const published = pair === undefined ? { spk, kpk } : { spk, kpk, pair };
  return verifyPrekeyBundle(certificate, relay, published, hour);
}
