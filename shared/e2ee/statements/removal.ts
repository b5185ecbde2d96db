/**
 * The layout that revocation and notice share; only the kind byte and who may sign differ.
 *
 *     kind u8 ‖ root 32 ‖ device id 16 ‖ cut-off hour u32     (body, 53 bytes)   ‖ authority
 */

import { ByteReader, concat, u8, u32 } from "../../crypto/bytes.ts";
import {
  parseSigningPublicKey,
  SIGNING_PUBLIC_KEY_BYTES,
  type SigningPublicKey,
} from "../../crypto/sodium.ts";
import { DEVICE_ID_BYTES, type DeviceId, parseDeviceId } from "../device.ts";
import {
  type Authority,
  checkRoot,
  encodeAuthority,
  readAuthority,
  type Signer,
  signAuthority,
  signerRoot,
  verifyAuthority,
} from "./authority.ts";
import { type Hour, readKind, STATEMENT_KINDS, type StatementBase, statementBase } from "./body.ts";
import type { Power } from "./delegation.ts";

export interface RemovalFields {
  readonly deviceId: DeviceId;
  /** From this hour on, by the relay's clock, nothing the device sends counts. */
  readonly cutOffHour: Hour;
}

export interface Removal<Kind extends "revocation" | "notice">
  extends StatementBase,
    RemovalFields {
  readonly kind: Kind;
  readonly root: SigningPublicKey;
  readonly authority: Authority;
}

/** 1 + 32 + 16 + 4 */
export const REMOVAL_BODY_BYTES = 53;

export function encodeRemoval(
  kind: "revocation" | "notice",
  signer: Signer,
  { deviceId, cutOffHour }: RemovalFields,
): Uint8Array {
  const body = concat(u8(STATEMENT_KINDS[kind]), signerRoot(signer), deviceId, u32(cutOffHour));
  return concat(body, encodeAuthority(signAuthority(kind, body, signer)));
}

/** @throws TumarError MALFORMED */
export function decodeRemoval<Kind extends "revocation" | "notice">(
  kind: Kind,
  bytes: Uint8Array,
): Removal<Kind> {
  const reader = new ByteReader(bytes);
  readKind(reader, kind);
  const root = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const deviceId = parseDeviceId(reader.take(DEVICE_ID_BYTES));
  const cutOffHour = reader.u32();
  const base = statementBase(kind, bytes, reader.offset);
  const authority = readAuthority(reader);
  reader.finish();
  return { ...base, root, deviceId, cutOffHour, authority };
}

/** @throws TumarError IDENTITY_CHANGED, NOT_EMPOWERED, BAD_SIGNATURE */
export function checkRemoval(
  removal: Removal<"revocation" | "notice">,
  root: SigningPublicKey,
  signers: readonly (Power | "root")[],
): void {
  const { kind, body, deviceId, authority } = removal;
  checkRoot(removal.root, root, kind);
  verifyAuthority(authority, { kind, root, device: deviceId, body, signers });
}
