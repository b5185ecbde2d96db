/**
 * Where a relay is and which key it must have (docs/CRYPTOGRAPHY.md 1).
 *
 *     text    https://HOST[:PORT]#k=<relay hash, base64url>, http:// for loopback and onion hosts
 *     bytes   type u8 ‖ u8 length ‖ place ‖ relay hash 16
 *             0 https, 1 http on loopback: place = HOST[:PORT] in ASCII
 *             2 onion: place = 32-byte service key, followed by port u16 unless it is 80
 *
 * One relay has one text and one byte form: names in lower case, no default port.
 */

import {
  ByteReader,
  type Bytes,
  concat,
  copyExact,
  equalBytes,
  fromBase32,
  fromBase64Url,
  fromUtf8,
  toBase32,
  toBase64Url,
  u8,
  u16,
  utf8,
} from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { sha3 } from "../crypto/sodium.ts";

export type RelayHash = Bytes<"RelayHash">;

export const RELAY_SCHEMES = ["https", "http", "onion"] as const;
export type RelayScheme = (typeof RELAY_SCHEMES)[number];

export interface RelayAddress {
  readonly scheme: RelayScheme;
  /** `name[:port]`; for an onion `<56 characters>.onion[:port]`. */
  readonly host: string;
  /** Of the relay identity key. */
  readonly hash: RelayHash;
}

export const RELAY_HASH_BYTES = 16;
export const MAX_HOST_BYTES = 200;
const ONION_KEY_BYTES = 32;
const ONION_VERSION = 3;
const DEFAULT_PORTS: Readonly<Record<RelayScheme, number>> = { https: 443, http: 80, onion: 80 };

/** Names joined by single dots, none of them begun or ended by a hyphen; or an address in brackets. */
const HOST =
  /^((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?$/;
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;

export function parseRelayHash(bytes: Uint8Array): RelayHash {
  return copyExact(bytes, RELAY_HASH_BYTES, "relay hash");
}

/** `https://relay.example#k=…`; an onion is reached over http. */
export function formatRelayAddress(address: RelayAddress): string {
  return `${relayOrigin(address)}#k=${toBase64Url(address.hash)}`;
}

/** Scheme and host without the key: `https://relay.example`, `http://….onion`. */
export function relayOrigin({ scheme, host }: RelayAddress): string {
  return `${scheme === "https" ? "https" : "http"}://${host}`;
}

/** @throws TumarError BAD_RELAY_ADDRESS, also for http anywhere but loopback. */
export function parseRelayAddress(text: string): RelayAddress {
  try {
    return parseText(text);
  } catch (cause) {
    throw new TumarError("BAD_RELAY_ADDRESS", "not the address of a relay", { cause });
  }
}

function parseText(text: string): RelayAddress {
  const match = /^(https?):\/\/([^/#?]+)\/?#k=([A-Za-z0-9_-]+)$/.exec(text.trim());
  if (match === null) throw new TumarError("MALFORMED", "not a relay address");
  const [, urlScheme = "", host = "", key = ""] = match;
  const hash = parseRelayHash(fromBase64Url(key));
  return checkHost({ scheme: schemeOf(urlScheme, host), host, hash });
}

export function equalRelayAddress(a: RelayAddress, b: RelayAddress): boolean {
  return a.scheme === b.scheme && a.host === b.host && equalBytes(a.hash, b.hash);
}

/** @throws TumarError MALFORMED when the host is not one this form can carry. */
export function encodeRelayAddress(address: RelayAddress): Uint8Array {
  checkHost(address);
  const place = address.scheme === "onion" ? onionPlace(address.host) : utf8(address.host);
  return concat(u8(RELAY_SCHEMES.indexOf(address.scheme)), u8(place.length), place, address.hash);
}

/** @throws TumarError MALFORMED */
export function readRelayAddress(reader: ByteReader): RelayAddress {
  const scheme = RELAY_SCHEMES[reader.u8()];
  if (scheme === undefined) throw new TumarError("MALFORMED", "unknown kind of relay address");
  const place = reader.take(reader.u8());
  const host = scheme === "onion" ? onionHost(place) : fromUtf8(place);
  return checkHost({ scheme, host, hash: parseRelayHash(reader.take(RELAY_HASH_BYTES)) });
}

function schemeOf(urlScheme: string, host: string): RelayScheme {
  if (urlScheme === "https") return "https";
  return /\.onion(?::|$)/.test(host) ? "onion" : "http";
}

function checkHost(address: RelayAddress): RelayAddress {
  const { scheme, host } = address;
  const [, name, port] = (host.length <= MAX_HOST_BYTES ? HOST.exec(host) : null) ?? [];
  if (name === undefined) throw new TumarError("MALFORMED", "not a host");
  if (port !== undefined && (Number(port) > 0xffff || Number(port) === DEFAULT_PORTS[scheme])) {
    throw new TumarError("MALFORMED", "not a port, or the default one");
  }
  if (scheme === "http" && !LOOPBACK.test(name)) {
    throw new TumarError("MALFORMED", "plain http is for loopback only");
  }
  if (name.endsWith(".onion") !== (scheme === "onion")) {
    throw new TumarError("MALFORMED", "an onion host has the kind onion");
  }
  if (scheme === "onion") onionPlace(host);
  return address;
}

/** The service key out of its name (Tor rend-spec-v3, "Encoding onion addresses"). */
function onionPlace(host: string): Uint8Array {
  const [name = "", port] = host.split(":");
  const bytes = fromBase32(name.slice(0, -".onion".length));
  const key = bytes.subarray(0, ONION_KEY_BYTES);
  if (!equalBytes(bytes, onionNameBytes(key))) {
    throw new TumarError("MALFORMED", "not an onion service name");
  }
  return port === undefined ? Uint8Array.from(key) : concat(key, u16(Number(port)));
}

function onionHost(place: Uint8Array): string {
  const reader = new ByteReader(place);
  const name = `${toBase32(onionNameBytes(reader.take(ONION_KEY_BYTES)))}.onion`;
  if (reader.remaining === 0) return name;
  const port = reader.u16();
  reader.finish();
  return `${name}:${port}`;
}

function onionNameBytes(key: Uint8Array): Uint8Array {
  const version = u8(ONION_VERSION);
  const checksum = sha3(concat(utf8(".onion checksum"), key, version)).subarray(0, 2);
  return concat(key, checksum, version);
}
