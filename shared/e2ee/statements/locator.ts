/**
 * Locator: where a device can be reached, said by the device.
 *
 *     4 u8 ‖ device id 16 ‖ place u8 ‖ seq u32 ‖ key flags u8 ‖ hold key hash 32 if bit 0
 *       ‖ letterbox key hash 32 if bit 1 ‖ grant list ‖ signature of IKs 64
 *     signed with the root as context; key hash = H("", "key-hash", X-Wing pk, 32)
 *
 * Place: 1 front record, 2 status record. Each place has its own grants and its own sequence, so
 * that whoever holds a card learns nothing of the grants contacts use.
 */

import {
  ByteReader,
  type Bytes,
  concat,
  copyExact,
  EMPTY,
  equalBytes,
  u8,
  u32,
} from "../../crypto/bytes.ts";
import { TumarError } from "../../crypto/errors.ts";
import { H } from "../../crypto/hash.ts";
import {
  type KemPublicKey,
  parseSignature,
  SIGNATURE_BYTES,
  type Signature,
  type SigningPublicKey,
  sign,
  verifySignature,
} from "../../crypto/sodium.ts";
import { DEVICE_ID_BYTES, type DeviceId, type DeviceKeys, parseDeviceId } from "../device.ts";
import { encodeGrantList, type GrantPlace, readGrantList } from "../grant.ts";
import { markVerified, type Verified } from "../verified.ts";
import {
  readKind,
  readName,
  STATEMENT_KINDS,
  type StatementBase,
  signedBytes,
  statementBase,
} from "./body.ts";
import type { VerifiedCertificate } from "./certificate.ts";

export const RECORD_PLACES = { front: 1, status: 2 } as const;
export type RecordPlace = keyof typeof RECORD_PLACES;

export type KeyHash = Bytes<"KeyHash">;

export interface LocatorFields {
  /** The record it is published in. */
  readonly place: RecordPlace;
  readonly seq: number;
  /** Per relay, the first-contact grant of that record. */
  readonly grants: readonly GrantPlace[];
  readonly holdKeyHash?: KeyHash;
  readonly letterboxKeyHash?: KeyHash;
}

export interface Locator extends StatementBase, LocatorFields {
  readonly kind: "locator";
  readonly deviceId: DeviceId;
  readonly signature: Signature;
}

export type VerifiedLocator = Verified<Locator>;

export const KEY_HASH_BYTES = 32;
const HAS_HOLD_KEY = 1;
const HAS_LETTERBOX_KEY = 2;

export function keyHashOf(key: KemPublicKey): KeyHash {
  return parseKeyHash(H(EMPTY, "key-hash", key, KEY_HASH_BYTES));
}

export function signLocator(
  device: DeviceKeys,
  root: SigningPublicKey,
  { place, seq, grants, holdKeyHash, letterboxKeyHash }: LocatorFields,
): VerifiedLocator {
  const flags =
    (holdKeyHash === undefined ? 0 : HAS_HOLD_KEY) |
    (letterboxKeyHash === undefined ? 0 : HAS_LETTERBOX_KEY);
  const body = concat(
    u8(STATEMENT_KINDS.locator),
    device.id,
    u8(RECORD_PLACES[place]),
    u32(seq),
    u8(flags),
    holdKeyHash ?? EMPTY,
    letterboxKeyHash ?? EMPTY,
    encodeGrantList(grants),
  );
  const signature = sign(signedBytes("locator", body, root), device.IKs.secretKey);
  return markVerified(decodeLocator(concat(body, signature)));
}

/** Untrusted. @throws TumarError MALFORMED */
export function decodeLocator(bytes: Uint8Array): Locator {
  const reader = new ByteReader(bytes);
  readKind(reader, "locator");
  const deviceId = parseDeviceId(reader.take(DEVICE_ID_BYTES));
  const place = readName(reader, RECORD_PLACES, "record");
  const seq = reader.u32();
  const flags = reader.u8();
  if (flags > (HAS_HOLD_KEY | HAS_LETTERBOX_KEY)) {
    throw new TumarError("MALFORMED", "unknown key flags in a locator");
  }
  const keyHashes = {
    ...((flags & HAS_HOLD_KEY) === 0 ? {} : { holdKeyHash: readKeyHash(reader) }),
    ...((flags & HAS_LETTERBOX_KEY) === 0 ? {} : { letterboxKeyHash: readKeyHash(reader) }),
  };
  const grants = readGrantList(reader);
  const base = statementBase("locator", bytes, reader.offset);
  const signature = parseSignature(reader.take(SIGNATURE_BYTES));
  reader.finish();
  return { ...base, deviceId, place, seq, ...keyHashes, grants, signature };
}

/**
 * A locator stands on the certificate of its device.
 * @throws TumarError UNKNOWN_DEVICE when that is another device's, BAD_SIGNATURE
 */
export function verifyLocator(
  locator: Locator,
  certificate: VerifiedCertificate | undefined,
): VerifiedLocator {
  if (certificate === undefined || !equalBytes(certificate.deviceId, locator.deviceId)) {
    throw new TumarError("UNKNOWN_DEVICE", "a locator without its device's certificate");
  }
  const signed = signedBytes("locator", locator.body, certificate.root);
  verifySignature(locator.signature, signed, certificate.IKs, "locator");
  return markVerified(locator);
}

function parseKeyHash(bytes: Uint8Array): KeyHash {
  return copyExact(bytes, KEY_HASH_BYTES, "key hash");
}

function readKeyHash(reader: ByteReader): KeyHash {
  return parseKeyHash(reader.take(KEY_HASH_BYTES));
}
