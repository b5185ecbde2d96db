/**
 * The status record: where contacts find an identity's current statements (docs/CRYPTOGRAPHY.md 4).
 *
 *     part     = lp(certificate, locator, SPK, KPK, statement list)      sealed as in record-part.ts
 *     handover = count u8 ‖ (relay address ‖ record id 24 ‖ read key 32) × count
 *
 * Id and read key are random and travel only inside sessions (kind `status`); a contact who is
 * excluded is left behind with the old record. The list holds every statement the writer knows but
 * borrowed certificates, and the current locators.
 */

import { ByteReader, concat, lp, type Random, u8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  type DevicePart,
  encodeDevicePart,
  readDevicePart,
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
  type ReadKey,
  type RecordId,
  type RecordKeys,
  sealPart,
} from "./record-part.ts";
import { encodeRelayAddress, type RelayAddress, readRelayAddress } from "./relay-address.ts";
import { rosterOf } from "./roster.ts";
import { decodeStatements, encodeStatements, type Statement } from "./statement.ts";
import { addStatements, isHashed, type StatementSet, statementsOf } from "./statement-set.ts";
import type { Hour } from "./statements/body.ts";

export interface StatusPlace {
  readonly relay: RelayAddress;
  readonly id: RecordId;
  readonly readKey: ReadKey;
}

export interface StatusPart {
  readonly device: DevicePart;
  readonly statements: readonly Statement[];
}

export interface OpenedStatusPart {
  readonly device: VerifiedDevicePart;
  /** The set given, joined with what the part holds. */
  readonly set: StatementSet;
}

export const MAX_STATUS_PLACES = 8;
/** Above the largest list; a part must fit one record. */
const MAX_LIST_BYTES = 256 * 1024;

export function generateStatusPlace(relay: RelayAddress, random: Random): StatusPlace {
  return {
    relay,
    id: parseRecordId(random(RECORD_ID_BYTES)),
    readKey: parseReadKey(random(READ_KEY_BYTES)),
  };
}

export function statusRecordKeys({ relay, id, readKey }: StatusPlace): RecordKeys {
  return { kind: "status", relay: relay.hash, id, readKey };
}

export function encodeStatusPlaces(places: readonly StatusPlace[]): Uint8Array {
  if (places.length > MAX_STATUS_PLACES) throw new RangeError("too many status records");
  return concat(
    u8(places.length),
    ...places.map(({ relay, id, readKey }) => concat(encodeRelayAddress(relay), id, readKey)),
  );
}

/** @throws TumarError MALFORMED */
export function decodeStatusPlaces(bytes: Uint8Array): readonly StatusPlace[] {
  const reader = new ByteReader(bytes);
  const count = reader.u8();
  if (count > MAX_STATUS_PLACES) throw new TumarError("MALFORMED", "too many status records");
  const places = Array.from({ length: count }, () => ({
    relay: readRelayAddress(reader),
    id: parseRecordId(reader.take(RECORD_ID_BYTES)),
    readKey: parseReadKey(reader.take(READ_KEY_BYTES)),
  }));
  reader.finish();
  return places;
}

/** What a status record of this identity lists now. */
export function statusStatements(set: StatementSet, hour: Hour): readonly Statement[] {
  const roster = rosterOf(set, hour);
  const locators = roster.devices.flatMap(({ locators: { status } }) => status ?? []);
  return [...statementsOf(set).filter(isHashed), ...locators];
}

export function sealStatusPart(
  keys: RecordKeys,
  place: PartPlace,
  { device, statements }: StatusPart,
  random: Random,
): Uint8Array {
  const content = concat(encodeDevicePart(device), lp(encodeStatements(statements)));
  return sealPart(keys, place, content, random);
}

/**
 * Opens, verifies against the set's root and joins, all or nothing.
 * @throws TumarError CANNOT_OPEN, MALFORMED, BAD_KEY, IDENTITY_CHANGED, BAD_SIGNATURE,
 *   NOT_EMPOWERED, UNKNOWN_DEVICE
 */
export function openStatusPart(
  keys: RecordKeys,
  place: PartPlace,
  bytes: Uint8Array,
  set: StatementSet,
  storedHour: Hour,
): OpenedStatusPart {
  const reader = new ByteReader(openPart(keys, place, bytes));
  const part = readDevicePart(reader);
  const statements = decodeStatements(reader.part(MAX_LIST_BYTES));
  reader.finish();
  const device = verifyDevicePart(part, set.root, "status");
  const all = [device.certificate, device.locator, ...statements];
  return { device, set: addStatements(set, all, storedHour) };
}
