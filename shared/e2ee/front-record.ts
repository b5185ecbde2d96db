/**
 * The front record: what a card opens at each of its relays; enough for first contact, no more
 * (docs/CRYPTOGRAPHY.md 4).
 *
 *     id  = H(c, "front.id", root ‖ r, 24)     read key = H(c, "front.key", root ‖ r, 32)
 *     id2 = H(c, "front2.id", root ‖ r, 24)    read key = H(c, "front2.key", root ‖ r, 32)
 *
 * c = card secret, r = relay hash. The first holds a device part per writer; the second the large
 * keys that first contact does not need:
 *
 *     lp(hold key or empty, letterbox key or empty)      each an X-Wing key, 1216; named by hash in the
 *                                                        locator of the same writer's front part
 */

import { ByteReader, concat, EMPTY, equalBytes, lp, type Random } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { H } from "../crypto/hash.ts";
import {
  KEM_PUBLIC_KEY_BYTES,
  type KemPublicKey,
  parseKemPublicKey,
  type SigningPublicKey,
} from "../crypto/sodium.ts";
import type { Card } from "./card.ts";
import {
  type DevicePart,
  decodeDevicePart,
  encodeDevicePart,
  type VerifiedDevicePart,
  verifyDevicePart,
} from "./device-part.ts";
import {
  openPart,
  type PartPlace,
  parseReadKey,
  parseRecordId,
  READ_KEY_BYTES,
  RECORD_ID_BYTES,
  type RecordKeys,
  sealPart,
} from "./record-part.ts";
import type { RelayHash } from "./relay-address.ts";
import { type KeyHash, keyHashOf, type VerifiedLocator } from "./statements/locator.ts";
import { markVerified, type Verified } from "./verified.ts";

type CardKeys = Pick<Card, "root" | "secret">;

export interface LargeKeys {
  readonly hold?: KemPublicKey;
  readonly letterbox?: KemPublicKey;
}

export function frontRecordKeys(card: CardKeys, relay: RelayHash): RecordKeys {
  return recordKeys("front", card, relay);
}

export function secondFrontRecordKeys(card: CardKeys, relay: RelayHash): RecordKeys {
  return recordKeys("front2", card, relay);
}

export function sealFrontPart(
  keys: RecordKeys,
  place: PartPlace,
  part: DevicePart,
  random: Random,
): Uint8Array {
  return sealPart(keys, place, encodeDevicePart(part), random);
}

/** @throws TumarError CANNOT_OPEN, MALFORMED, BAD_KEY, IDENTITY_CHANGED, BAD_SIGNATURE */
export function openFrontPart(
  keys: RecordKeys,
  place: PartPlace,
  bytes: Uint8Array,
  root: SigningPublicKey,
): VerifiedDevicePart {
  return verifyDevicePart(decodeDevicePart(openPart(keys, place, bytes)), root, "front");
}

export function sealLargeKeys(
  keys: RecordKeys,
  place: PartPlace,
  large: LargeKeys,
  random: Random,
): Uint8Array {
  return sealPart(keys, place, lp(large.hold ?? EMPTY, large.letterbox ?? EMPTY), random);
}

/**
 * The locator of the same device names the hash of each key it has.
 * @throws TumarError CANNOT_OPEN, MALFORMED, BAD_SIGNATURE when a key is not the one named
 */
export function openLargeKeys(
  keys: RecordKeys,
  place: PartPlace,
  bytes: Uint8Array,
  locator: VerifiedLocator,
): Verified<LargeKeys> {
  const reader = new ByteReader(openPart(keys, place, bytes));
  const hold = readKey(reader, locator.holdKeyHash);
  const letterbox = readKey(reader, locator.letterboxKeyHash);
  reader.finish();
  return markVerified({
    ...(hold === undefined ? {} : { hold }),
    ...(letterbox === undefined ? {} : { letterbox }),
  });
}

function readKey(reader: ByteReader, named: KeyHash | undefined): KemPublicKey | undefined {
  const bytes = reader.part(KEM_PUBLIC_KEY_BYTES);
  if (bytes.length === 0) return undefined;
  const key = parseKemPublicKey(bytes);
  if (named === undefined || !equalBytes(keyHashOf(key), named)) {
    throw new TumarError("BAD_SIGNATURE", "a key that the device's locator does not name");
  }
  return key;
}

function recordKeys(
  kind: "front" | "front2",
  { root, secret }: CardKeys,
  relay: RelayHash,
): RecordKeys {
  const place = concat(root, relay);
  return {
    kind,
    relay,
    id: parseRecordId(H(secret, `${kind}.id`, place, RECORD_ID_BYTES)),
    readKey: parseReadKey(H(secret, `${kind}.key`, place, READ_KEY_BYTES)),
  };
}
