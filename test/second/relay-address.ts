/** Relay addresses, and what is made of them: grants and places of records (sections 1, 3 and 4). */

import { base32, base64url, concat, type Reader, text, u8 } from "./bytes.ts";
import { sha3 } from "./primitives.ts";
import { demand } from "./refused.ts";

export interface RelayAddress {
  /** scheme://host, without a default port. */
  readonly origin: string;
  /** Hash of the relay identity key, r. */
  readonly r: Uint8Array;
}

export interface Grant {
  readonly relay: RelayAddress;
  readonly depositId: Uint8Array;
  readonly wrapKey: Uint8Array;
  readonly urgent: boolean;
}

export interface RecordPlace {
  readonly relay: RelayAddress;
  readonly id: Uint8Array;
  readonly readKey: Uint8Array;
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const BRACKETED = /^\[[0-9a-f:.]+\]$/;
const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;
const MOST_LISTED = 8;

export function readRelayAddress(reader: Reader): RelayAddress {
  const type = reader.u8();
  const place = reader.take(reader.u8());
  const r = reader.take(16);
  return { origin: originOf(type, place), r };
}

export function relayText(relay: RelayAddress): string {
  return `${relay.origin}#k=${base64url(relay.r)}`;
}

function originOf(type: number, place: Uint8Array): string {
  demand(type <= 2, "type of a relay address");
  if (type === 2) return `http://${onionPlace(place)}`;
  return `${type === 0 ? "https" : "http"}://${hostPlace(type, place)}`;
}

function hostPlace(type: number, place: Uint8Array): string {
  const written = Buffer.from(place).toString("latin1");
  demand(place.length > 0 && place.length <= 200, "length of a host");
  const [, host = "", port] = /^(.*?)(?::(\d+))?$/.exec(written) ?? [];
  demand(HOST.test(host) || BRACKETED.test(host), "host");
  demand(type === 0 || LOOPBACK.test(host), "host of a loopback address");
  if (port !== undefined) demandPort(port, type === 0 ? 443 : 80);
  return written;
}

function demandPort(port: string, byDefault: number): void {
  const number = Number(port);
  demand(String(number) === port && number >= 1 && number <= 65535, "port");
  demand(number !== byDefault, "a default port is not written");
}

function onionPlace(place: Uint8Array): string {
  demand(place.length === 32 || place.length === 34, "length of an onion place");
  const key = place.slice(0, 32);
  const check = sha3(concat(text(".onion checksum"), key, u8(3))).slice(0, 2);
  const host = `${base32(concat(key, check, u8(3)))}.onion`;
  if (place.length === 32) return host;
  const port = String(Buffer.from(place).readUInt16BE(32));
  demandPort(port, 80);
  return `${host}:${port}`;
}

export function readGrantList(reader: Reader): Grant[] {
  return reader.times(listCount(reader), () => {
    const relay = readRelayAddress(reader);
    const depositId = reader.take(24);
    const wrapKey = reader.take(32);
    const flags = reader.u8();
    demand((flags & ~1) === 0, "flags of a grant");
    return { relay, depositId, wrapKey, urgent: flags === 1 };
  });
}

export function readRecordPlaces(reader: Reader): RecordPlace[] {
  return reader.times(listCount(reader), () => ({
    relay: readRelayAddress(reader),
    id: reader.take(24),
    readKey: reader.take(32),
  }));
}

function listCount(reader: Reader): number {
  const count = reader.u8();
  demand(count <= MOST_LISTED, "too many in a list");
  return count;
}
