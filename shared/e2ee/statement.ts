/**
 * The six kinds of statement as one type: read by the first byte, verified by kind, and as lists
 * (docs/CRYPTOGRAPHY.md 3).
 *
 *     list = count u16 ‖ statement u32-prefixed × count
 */

import { ByteReader, concat, lp, u16 } from "../crypto/bytes.ts";
import { assertNever, TumarError } from "../crypto/errors.ts";
import type { SigningPublicKey } from "../crypto/sodium.ts";
import type { DeviceId } from "./device.ts";
import { STATEMENT_KINDS, type StatementKind } from "./statements/body.ts";
import {
  type Certificate,
  decodeCertificate,
  type VerifiedCertificate,
  verifyCertificate,
} from "./statements/certificate.ts";
import {
  type Delegation,
  decodeDelegation,
  type VerifiedDelegation,
  verifyDelegation,
} from "./statements/delegation.ts";
import {
  decodeLocator,
  type Locator,
  type VerifiedLocator,
  verifyLocator,
} from "./statements/locator.ts";
import {
  decodeNotice,
  type Notice,
  type VerifiedNotice,
  verifyNotice,
} from "./statements/notice.ts";
import {
  decodeResignation,
  type Resignation,
  type VerifiedResignation,
  verifyResignation,
} from "./statements/resignation.ts";
import {
  decodeRevocation,
  type Revocation,
  type VerifiedRevocation,
  verifyRevocation,
} from "./statements/revocation.ts";

export type Statement = Certificate | Revocation | Delegation | Locator | Resignation | Notice;

export type VerifiedStatement =
  | VerifiedCertificate
  | VerifiedRevocation
  | VerifiedDelegation
  | VerifiedLocator
  | VerifiedResignation
  | VerifiedNotice;

/** Certificates already known, to verify locators with. */
export type CertificateOf = (device: DeviceId) => VerifiedCertificate | undefined;

/** No statement is longer: a certificate or notice with the largest delegation and 16 signatures. */
export const MAX_STATEMENT_BYTES = 4096;
/** Statements in one list, so that no message or record makes a reader verify without end. */
export const MAX_STATEMENTS = 256;

const DECODERS: Readonly<Record<StatementKind, (bytes: Uint8Array) => Statement>> = {
  certificate: decodeCertificate,
  revocation: decodeRevocation,
  delegation: decodeDelegation,
  locator: decodeLocator,
  resignation: decodeResignation,
  notice: decodeNotice,
};

/** Untrusted. @throws TumarError MALFORMED, BAD_KEY */
export function decodeStatement(bytes: Uint8Array): Statement {
  for (const kind of Object.keys(STATEMENT_KINDS) as StatementKind[]) {
    if (STATEMENT_KINDS[kind] === bytes[0]) return DECODERS[kind](bytes);
  }
  throw new TumarError("MALFORMED", "unknown kind of statement");
}

/** @throws TumarError IDENTITY_CHANGED, BAD_SIGNATURE, NOT_EMPOWERED, UNKNOWN_DEVICE */
export function verifyStatement(
  statement: Statement,
  root: SigningPublicKey,
  certificateOf: CertificateOf,
): VerifiedStatement {
  switch (statement.kind) {
    case "certificate":
      return verifyCertificate(statement, root);
    case "revocation":
      return verifyRevocation(statement, root);
    case "delegation":
      return verifyDelegation(statement, root);
    case "locator":
      return verifyLocator(statement, certificateOf(statement.deviceId));
    case "resignation":
      return verifyResignation(statement, root);
    case "notice":
      return verifyNotice(statement, root);
    default:
      return assertNever(statement);
  }
}

export function encodeStatements(statements: readonly Statement[]): Uint8Array {
  if (statements.length > MAX_STATEMENTS) throw new RangeError("too many statements in one list");
  return concat(u16(statements.length), ...statements.map(({ bytes }) => lp(bytes)));
}

/** Untrusted. @throws TumarError MALFORMED, BAD_KEY */
export function decodeStatements(bytes: Uint8Array): readonly Statement[] {
  const reader = new ByteReader(bytes);
  const count = reader.u16();
  if (count > MAX_STATEMENTS) throw new TumarError("MALFORMED", "too many statements in one list");
  const statements = Array.from({ length: count }, () =>
    decodeStatement(reader.part(MAX_STATEMENT_BYTES)),
  );
  reader.finish();
  return statements;
}
