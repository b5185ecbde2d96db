/**
 * Certificate: "this device is mine", said by the root (or desk admins, for staff) and, over the
 * same bytes, by the device; so no identity can claim another's device.
 *
 *     1 u8 ‖ root 32 ‖ IKs 32 ‖ IKd 32 ‖ role u8 ‖ seq u32 ‖ notAfter u32     (body, 106 bytes)
 *       ‖ signature of IKs 64 ‖ authority                                (235 bytes by the root)
 *
 * Roles: 1 own, 2 borrowed, 3 staff, 4 admin. The device id is computed from the keys, never read.
 */

import { ByteReader, concat, u8, u32 } from "../../crypto/bytes.ts";
import {
  DH_KEY_BYTES,
  parseDhPublicKey,
  parseSignature,
  parseSigningPublicKey,
  SIGNATURE_BYTES,
  SIGNING_PUBLIC_KEY_BYTES,
  type Signature,
  type SigningPublicKey,
  sign,
  verifySignature,
} from "../../crypto/sodium.ts";
import { type DeviceId, type DeviceKeys, type DevicePublicKeys, deviceIdOf } from "../device.ts";
import { markVerified, type Verified } from "../verified.ts";
import {
  type Authority,
  authorityContext,
  checkRoot,
  encodeAuthority,
  readAuthority,
  type Signer,
  signAuthority,
  signerRoot,
  verifyAuthority,
} from "./authority.ts";
import {
  type Hour,
  readKind,
  readName,
  STATEMENT_KINDS,
  type StatementBase,
  signedBytes,
  statementBase,
} from "./body.ts";

export const ROLES = { own: 1, borrowed: 2, staff: 3, admin: 4 } as const;
export type Role = keyof typeof ROLES;

export interface CertificateFields {
  readonly role: Role;
  readonly seq: number;
  /** The last hour it is valid. */
  readonly notAfter: Hour;
}

export interface Certificate extends StatementBase, CertificateFields, DevicePublicKeys {
  readonly kind: "certificate";
  readonly root: SigningPublicKey;
  readonly deviceId: DeviceId;
  readonly deviceSignature: Signature;
  readonly authority: Authority;
}

export type VerifiedCertificate = Verified<Certificate>;

export const CERTIFICATE_BODY_BYTES = 106;
/** By the root: body 106 + 64 + 1 + 64. */
export const ROOT_CERTIFICATE_BYTES = 235;

const HOURS_PER_DAY = 24;
/** Five years: a phone that lies in a drawer must not fall out of its own identity. */
export const CERTIFICATE_LIFE_HOURS: number = 5 * 365 * HOURS_PER_DAY;
export const CERTIFICATE_WARNING_HOURS: number = 90 * HOURS_PER_DAY;
/** Long enough for one visit to a borrowed phone. */
export const BORROWED_LIFE_HOURS = 2;

export function signCertificate(
  signer: Signer,
  device: DeviceKeys,
  { role, seq, notAfter }: CertificateFields,
): VerifiedCertificate {
  const body = concat(
    u8(STATEMENT_KINDS.certificate),
    signerRoot(signer),
    device.IKs.publicKey,
    device.IKd.publicKey,
    u8(ROLES[role]),
    u32(seq),
    u32(notAfter),
  );
  const authority = signAuthority("certificate", body, signer);
  const message = signedBytes("certificate", body, authorityContext(authority));
  const deviceSignature = sign(message, device.IKs.secretKey);
  return markVerified(decodeCertificate(concat(body, deviceSignature, encodeAuthority(authority))));
}

/** Untrusted. @throws TumarError MALFORMED, BAD_KEY */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  const reader = new ByteReader(bytes);
  readKind(reader, "certificate");
  const root = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const IKs = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const IKd = parseDhPublicKey(reader.take(DH_KEY_BYTES));
  const role = readName(reader, ROLES, "role");
  const seq = reader.u32();
  const notAfter = reader.u32();
  const base = statementBase("certificate", bytes, reader.offset);
  const deviceSignature = parseSignature(reader.take(SIGNATURE_BYTES));
  const authority = readAuthority(reader);
  reader.finish();
  const deviceId = deviceIdOf({ IKs, IKd });
  return { ...base, root, IKs, IKd, deviceId, role, seq, notAfter, deviceSignature, authority };
}

/**
 * `root` is the one pinned by card, session or contact.
 * @throws TumarError IDENTITY_CHANGED, BAD_SIGNATURE, NOT_EMPOWERED
 */
export function verifyCertificate(
  certificate: Certificate,
  root: SigningPublicKey,
): VerifiedCertificate {
  checkRoot(certificate.root, root, "certificate");
  verifyAuthority(certificate.authority, {
    kind: "certificate",
    root,
    device: certificate.deviceId,
    body: certificate.body,
    signers: certificate.role === "staff" ? ["root", "admins"] : ["root"],
  });
  verifySignature(
    certificate.deviceSignature,
    signedBytes("certificate", certificate.body, authorityContext(certificate.authority)),
    certificate.IKs,
    "certificate",
  );
  return markVerified(certificate);
}

/** True in the last 90 days, when the owner is asked for the words; and after. */
export function isNearExpiry(certificate: Certificate, hour: Hour): boolean {
  return hour > certificate.notAfter - CERTIFICATE_WARNING_HOURS;
}
