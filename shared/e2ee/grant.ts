/**
 * Permission to deposit into one mailbox at one relay (docs/CRYPTOGRAPHY.md 4).
 *
 *     grant place = relay address ‖ depositId 24 ‖ wrap key 32 ‖ flags u8   (bit 0: may be urgent)
 *     list        = count u8 ‖ grant place × count
 *
 * The list is the content of a message of kind `grant`, of a locator and of the reply grant; the
 * newest list a device sent replaces the ones before. The relay never learns the wrap key.
 */

import { ByteReader, type Bytes, concat, copyExact, u8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { encodeRelayAddress, type RelayAddress, readRelayAddress } from "./relay-address.ts";

export type DepositId = Bytes<"DepositId">;
export type WrapKey = Bytes<"WrapKey">;

export interface Grant {
  readonly depositId: DepositId;
  readonly wrapKey: WrapKey;
  readonly mayBeUrgent: boolean;
}

export interface GrantPlace extends Grant {
  readonly relay: RelayAddress;
}

export const DEPOSIT_ID_BYTES = 24;
export const WRAP_KEY_BYTES = 32;
/** Two relays are usual; more than eight would not fit the records. */
export const MAX_GRANT_PLACES = 8;
const MAY_BE_URGENT = 1;

export function parseDepositId(bytes: Uint8Array): DepositId {
  return copyExact(bytes, DEPOSIT_ID_BYTES, "depositId");
}

export function parseWrapKey(bytes: Uint8Array): WrapKey {
  return copyExact(bytes, WRAP_KEY_BYTES, "wrap key");
}

export function encodeGrantPlace(place: GrantPlace): Uint8Array {
  return concat(
    encodeRelayAddress(place.relay),
    place.depositId,
    place.wrapKey,
    u8(place.mayBeUrgent ? MAY_BE_URGENT : 0),
  );
}

/** @throws TumarError MALFORMED */
export function readGrantPlace(reader: ByteReader): GrantPlace {
  const relay = readRelayAddress(reader);
  const depositId = parseDepositId(reader.take(DEPOSIT_ID_BYTES));
  const wrapKey = parseWrapKey(reader.take(WRAP_KEY_BYTES));
  const flags = reader.u8();
  if (flags > MAY_BE_URGENT) throw new TumarError("MALFORMED", "unknown grant flags");
  return { relay, depositId, wrapKey, mayBeUrgent: flags === MAY_BE_URGENT };
}

export function encodeGrantList(places: readonly GrantPlace[]): Uint8Array {
  if (places.length > MAX_GRANT_PLACES) throw new RangeError("too many grants in one list");
  return concat(u8(places.length), ...places.map(encodeGrantPlace));
}

/** @throws TumarError MALFORMED */
export function readGrantList(reader: ByteReader): readonly GrantPlace[] {
  const count = reader.u8();
  if (count > MAX_GRANT_PLACES) throw new TumarError("MALFORMED", "too many grants in one list");
  return Array.from({ length: count }, () => readGrantPlace(reader));
}

/** @throws TumarError MALFORMED */
export function decodeGrantList(bytes: Uint8Array): readonly GrantPlace[] {
  const reader = new ByteReader(bytes);
  const places = readGrantList(reader);
  reader.finish();
  return places;
}
