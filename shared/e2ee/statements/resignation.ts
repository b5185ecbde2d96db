/**
 * Resignation: a device says of itself that it ends at an hour. Nobody can make it for it, and it
 * cannot be taken back.
 *
 *     5 u8 ‖ root 32 ‖ IKs 32 ‖ IKd 32 ‖ cut-off hour u32 ‖ signature of IKs 64       (165 bytes)
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
import { checkRoot } from "./authority.ts";
import {
  type Hour,
  readKind,
  STATEMENT_KINDS,
  type StatementBase,
  signedBytes,
  statementBase,
} from "./body.ts";

export interface Resignation extends StatementBase, DevicePublicKeys {
  readonly kind: "resignation";
  readonly root: SigningPublicKey;
  readonly deviceId: DeviceId;
  readonly cutOffHour: Hour;
  readonly signature: Signature;
}

export type VerifiedResignation = Verified<Resignation>;

/** 1 + 32 + 32 + 32 + 4 + 64 */
export const RESIGNATION_BYTES = 165;

export function signResignation(
  device: DeviceKeys,
  root: SigningPublicKey,
  cutOffHour: Hour,
): VerifiedResignation {
  const body = concat(
    u8(STATEMENT_KINDS.resignation),
    root,
    device.IKs.publicKey,
    device.IKd.publicKey,
    u32(cutOffHour),
  );
  const signature = sign(signedBytes("resignation", body), device.IKs.secretKey);
  return markVerified(decodeResignation(concat(body, signature)));
}

/** Untrusted. @throws TumarError MALFORMED, BAD_KEY */
export function decodeResignation(bytes: Uint8Array): Resignation {
  const reader = new ByteReader(bytes);
  readKind(reader, "resignation");
  const root = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const IKs = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const IKd = parseDhPublicKey(reader.take(DH_KEY_BYTES));
  const cutOffHour = reader.u32();
  const base = statementBase("resignation", bytes, reader.offset);
  const signature = parseSignature(reader.take(SIGNATURE_BYTES));
  reader.finish();
  return { ...base, root, IKs, IKd, deviceId: deviceIdOf({ IKs, IKd }), cutOffHour, signature };
}

/** @throws TumarError IDENTITY_CHANGED, BAD_SIGNATURE */
export function verifyResignation(
  resignation: Resignation,
  root: SigningPublicKey,
): VerifiedResignation {
  checkRoot(resignation.root, root, "resignation");
  verifySignature(
    resignation.signature,
    signedBytes("resignation", resignation.body),
    resignation.IKs,
    "resignation",
  );
  return markVerified(resignation);
}
