/**
 * Who the initiator says it is: sealed into its first flight.
 *
 *     certificate length u32 ‖ certificate (root and both signatures are in it) ‖ grant list
 *
 * The grant list is the reply grant: where the answer goes, instead of the card grant.
 */

import { ByteReader, concat, lp } from "../crypto/bytes.ts";
import { encodeGrantList, type GrantPlace, readGrantList } from "./grant.ts";
import type { Party } from "./handshake.ts";
import {
  type Certificate,
  decodeCertificate,
  type VerifiedCertificate,
  verifyCertificate,
} from "./statements/certificate.ts";

/** More than the largest certificate. */
const MAX_CERTIFICATE_BYTES = 4096;

export interface Introduction extends Party {
  /** Its signatures hold under the root it names; whether that root is the pinned one is the caller's question. */
  readonly certificate: VerifiedCertificate;
  readonly replyGrants: readonly GrantPlace[];
}

export function encodeIdentityBlock(
  certificate: Certificate,
  replyGrants: readonly GrantPlace[],
): Uint8Array {
  return concat(lp(certificate.bytes), encodeGrantList(replyGrants));
}

/** @throws TumarError MALFORMED, BAD_KEY, BAD_SIGNATURE, NOT_EMPOWERED */
export function openIdentityBlock(bytes: Uint8Array): Introduction {
  const reader = new ByteReader(bytes);
  const untrusted = decodeCertificate(reader.part(MAX_CERTIFICATE_BYTES));
  const replyGrants = readGrantList(reader);
  reader.finish();
  const certificate = verifyCertificate(untrusted, untrusted.root);
  const { root, deviceId, IKs, IKd } = certificate;
  return { root, deviceId, IKs, IKd, certificate, replyGrants };
}
