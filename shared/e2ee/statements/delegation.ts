/**
 * Delegation: the root gives keys a power over devices, until the same power is delegated anew.
 *
 *     3 u8 ‖ root 32 ‖ power u8 ‖ k u8 ‖ n u8 ‖ key 32 × n ‖ d u8 ‖ device id 16 × d
 *       ‖ epoch u32 ‖ notAfter u32 ‖ signature of the root 64
 *
 * Powers: 1 guardians (notice), 2 admins (certify and remove staff), 3 suspension (notice).
 * k of the n keys must sign; keys and device ids are strictly ascending; d = 0 means every device.
 */

import { ByteReader, compareBytes, concat, u8, u32 } from "../../crypto/bytes.ts";
import { TumarError } from "../../crypto/errors.ts";
import {
  parseSignature,
  parseSigningPublicKey,
  SIGNATURE_BYTES,
  SIGNING_PUBLIC_KEY_BYTES,
  type Signature,
  type SigningKeyPair,
  type SigningPublicKey,
  sign,
  verifySignature,
} from "../../crypto/sodium.ts";
import { DEVICE_ID_BYTES, type DeviceId, parseDeviceId } from "../device.ts";
import { markVerified, type Verified } from "../verified.ts";
import {
  type Hour,
  readKind,
  readName,
  STATEMENT_KINDS,
  type StatementBase,
  signedBytes,
  statementBase,
} from "./body.ts";

export const POWERS = { guardians: 1, admins: 2, suspension: 3 } as const;
export type Power = keyof typeof POWERS;

export interface DelegationFields {
  readonly power: Power;
  /** How many of `keys` must sign. */
  readonly k: number;
  readonly keys: readonly SigningPublicKey[];
  /** The devices it covers; none named = all. */
  readonly devices: readonly DeviceId[];
  readonly epoch: number;
  readonly notAfter: Hour;
}

export interface Delegation extends StatementBase, DelegationFields {
  readonly kind: "delegation";
  readonly root: SigningPublicKey;
  readonly signature: Signature;
}

export type VerifiedDelegation = Verified<Delegation>;

export const MAX_DELEGATION_KEYS = 16;
export const MAX_DELEGATION_DEVICES = 32;
/** 1 + 32 + 1 + 1 + 1 + 16 × 32 + 1 + 32 × 16 + 4 + 4 + 64 */
export const MAX_DELEGATION_BYTES = 1133;

/** Keys and devices are sorted here. @throws RangeError for counts out of bounds. */
export function signDelegation(root: SigningKeyPair, fields: DelegationFields): VerifiedDelegation {
  const keys = [...fields.keys].sort(compareBytes);
  const devices = [...fields.devices].sort(compareBytes);
  const body = concat(
    u8(STATEMENT_KINDS.delegation),
    root.publicKey,
    u8(POWERS[fields.power]),
    u8(fields.k),
    u8(keys.length),
    ...keys,
    u8(devices.length),
    ...devices,
    u32(fields.epoch),
    u32(fields.notAfter),
  );
  const signature = sign(signedBytes("delegation", body), root.secretKey);
  try {
    return markVerified(decodeDelegation(concat(body, signature)));
  } catch (cause) {
    throw new RangeError("a delegation names 1 to 16 keys, k of them, and 32 devices at most", {
      cause,
    });
  }
}

/** Untrusted. @throws TumarError MALFORMED */
export function decodeDelegation(bytes: Uint8Array): Delegation {
  const reader = new ByteReader(bytes);
  readKind(reader, "delegation");
  const root = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const power = readName(reader, POWERS, "power");
  const k = reader.u8();
  const keys = readSorted(reader, MAX_DELEGATION_KEYS, SIGNING_PUBLIC_KEY_BYTES).map(
    parseSigningPublicKey,
  );
  if (k < 1 || k > keys.length) throw new TumarError("MALFORMED", "k is not within the keys");
  const devices = readSorted(reader, MAX_DELEGATION_DEVICES, DEVICE_ID_BYTES).map(parseDeviceId);
  const epoch = reader.u32();
  const notAfter = reader.u32();
  const base = statementBase("delegation", bytes, reader.offset);
  const signature = parseSignature(reader.take(SIGNATURE_BYTES));
  reader.finish();
  return { ...base, root, power, k, keys, devices, epoch, notAfter, signature };
}

/** @throws TumarError IDENTITY_CHANGED for another root, BAD_SIGNATURE */
export function verifyDelegation(
  delegation: Delegation,
  root: SigningPublicKey,
): VerifiedDelegation {
  if (compareBytes(delegation.root, root) !== 0) {
    throw new TumarError("IDENTITY_CHANGED", "a delegation by another root");
  }
  verifySignature(
    delegation.signature,
    signedBytes("delegation", delegation.body),
    root,
    "delegation",
  );
  return markVerified(delegation);
}

export function coversDevice(delegation: Delegation, device: DeviceId): boolean {
  return (
    delegation.devices.length === 0 ||
    delegation.devices.some((covered) => compareBytes(covered, device) === 0)
  );
}

function readSorted(reader: ByteReader, max: number, length: number): readonly Uint8Array[] {
  const count = reader.u8();
  if (count > max) throw new TumarError("MALFORMED", "too many entries in a delegation");
  const entries = Array.from({ length: count }, () => reader.take(length));
  entries.forEach((entry, i) => {
    const previous = entries[i - 1];
    if (previous !== undefined && compareBytes(previous, entry) >= 0) {
      throw new TumarError("MALFORMED", "entries of a delegation are not ascending");
    }
  });
  return entries;
}
