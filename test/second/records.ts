/**
 * Section 4, records: sealed parts and pairs, and the verified content of the three kinds of
 * record. Nothing of a record is believed before its certificate chains to the card's root.
 */

import { decode, equal, lp, type Reader, text, u64, unpad } from "./bytes.ts";
import { openPrekey, PREKEY_ROLE, type Prekey } from "./prekeys.ts";
import { H, open } from "./primitives.ts";
import { demand } from "./refused.ts";
import {
  type Certificate,
  keyHash,
  type Locator,
  openCertificate,
  openLocator,
  openStatement,
  ROLE,
  type Statement,
} from "./statements.ts";
import { PUBLIC_KEY_BYTES } from "./x-wing.ts";

const STEP = 512;
const MOST_STATEMENTS = 256;

export interface RecordKeys {
  readonly label: "front" | "front2" | "status";
  readonly r: Uint8Array;
  readonly id: Uint8Array;
  readonly readKey: Uint8Array;
}

/** One part, as its writer sealed it in this version. */
export function openPart(
  record: RecordKeys,
  writer: Uint8Array,
  version: number,
  part: Uint8Array,
): Uint8Array {
  const label = text(`tumar/v1/${record.label}`);
  const associated = lp(label, record.r, record.id, writer, u64(version));
  const padded = open(record.readKey, part.slice(0, 24), part.slice(24), associated);
  const content = unpad(padded);
  const steps = Math.ceil((content.length + 1) / STEP);
  demand(padded.length === STEP * steps, "padding of a part");
  return content;
}

/** The pair prekey that lies sealed beside a part, not yet verified. */
export function openSealedPair(
  record: RecordKeys,
  writer: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  const key = H(record.readKey, "pile", writer, 32);
  const associated = lp(text("tumar/v1/pile"), record.r, record.id, writer);
  return open(key, sealed.slice(0, 24), sealed.slice(24), associated);
}

export interface DevicePart {
  readonly certificate: Certificate;
  readonly locator: Locator;
  readonly spk: Prekey;
  readonly kpk: Prekey;
}

export const PLACE = { front: 1, status: 2 } as const;

export function openDevicePart(
  bytes: Uint8Array,
  root: Uint8Array,
  place: number,
  r: Uint8Array,
): DevicePart {
  return decode(bytes, (reader) => readDevicePart(reader, root, place, r));
}

function readDevicePart(
  reader: Reader,
  root: Uint8Array,
  place: number,
  r: Uint8Array,
): DevicePart {
  const certificate = openCertificate(reader.part(), root);
  demand(certificate.role !== ROLE.borrowed, "a borrowed device in a record", "NOT_ALLOWED");
  const locator = openLocator(reader.part(), certificate);
  demand(locator.place === place, "the locator of another place", "NOT_ALLOWED");
  const owner = { ...certificate, r };
  const spk = openPrekey(reader.part(), PREKEY_ROLE.spk, owner);
  const kpk = openPrekey(reader.part(), PREKEY_ROLE.kpk, owner);
  return { certificate, locator, spk, kpk };
}

export interface SecondFront {
  readonly hold: Uint8Array | undefined;
  readonly letterbox: Uint8Array | undefined;
}

/** Content of a second front record; its keys must be those the device's locator names. */
export function openSecondFront(bytes: Uint8Array, locator: Locator): SecondFront {
  return decode(bytes, (reader) => ({
    hold: namedKey(reader.part(), locator.holdKeyHash),
    letterbox: namedKey(reader.part(), locator.letterboxKeyHash),
  }));
}

function namedKey(key: Uint8Array, hash: Uint8Array | undefined): Uint8Array | undefined {
  if (key.length === 0) return undefined;
  demand(key.length === PUBLIC_KEY_BYTES, "length of a KEM key");
  demand(hash !== undefined && equal(keyHash(key), hash), "not the key the locator names");
  return key;
}

export interface Status {
  readonly device: DevicePart;
  readonly statements: readonly Statement[];
}

export function openStatus(bytes: Uint8Array, root: Uint8Array, r: Uint8Array): Status {
  return decode(bytes, (reader) => {
    const device = readDevicePart(reader, root, PLACE.status, r);
    return { device, statements: openStatementList(reader.part(), root) };
  });
}

/** Verifies a whole list; each locator with the certificate of its device in the same list. */
export function openStatementList(bytes: Uint8Array, root: Uint8Array): Statement[] {
  const encoded = decode(bytes, (reader) => {
    const count = reader.u16();
    demand(count <= MOST_STATEMENTS, "too many statements");
    return reader.times(count, () => reader.part());
  });
  const isLocator = (one: Uint8Array) => one[0] === 4;
  const facts = encoded.filter((one) => !isLocator(one)).map((one) => openStatement(one, root));
  const devices = facts.filter((fact) => fact.kind === "certificate");
  const locators = encoded.filter(isLocator).map((one) => openLocator(one, ownerOf(one, devices)));
  return [...facts, ...locators];
}

function ownerOf(locator: Uint8Array, devices: readonly Certificate[]): Certificate {
  const id = locator.slice(1, 17);
  const device = devices.find((one) => equal(one.deviceId, id));
  demand(device !== undefined, "a locator without its certificate");
  return device;
}
