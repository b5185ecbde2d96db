/**
 * A relay's address: where it is and the hash of the identity key it must show.
 *
 *     https://host[:port]#k=<16-byte hash, base64url>
 *
 * `http` is taken for loopback and `.onion` hosts only: there nobody sits between, or Tor does.
 */

import { fromBase64Url, toBase64Url } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { RELAY_HASH_BYTES } from "./limits.ts";

export interface RelayAddress {
  /** `https://host[:port]`, in the form URL gives it; default ports are left out. */
  readonly origin: string;
  readonly hash: Uint8Array;
}

const FORM = /^(https?:\/\/[^/?#@\s\\]+)\/?#k=([A-Za-z0-9_-]+)$/;

/** @throws TumarError BAD_RELAY_ADDRESS */
export function parseRelayAddress(text: string): RelayAddress {
  const [, place = "", key = ""] = FORM.exec(text.trim()) ?? [];
  const url = parseUrl(place);
  if (url === undefined || !isSchemeAllowed(url)) {
    throw new TumarError("BAD_RELAY_ADDRESS", "not the address of a relay");
  }
  return { origin: url.origin, hash: parseHash(key) };
}

export function formatRelayAddress({ origin, hash }: RelayAddress): string {
  return `${origin}#k=${toBase64Url(hash)}`;
}

function parseUrl(place: string): URL | undefined {
  return URL.canParse(place) ? new URL(place) : undefined;
}

function parseHash(key: string): Uint8Array {
  let hash: Uint8Array;
  try {
    hash = fromBase64Url(key);
  } catch (cause) {
    throw new TumarError("BAD_RELAY_ADDRESS", "the key hash is not base64url", { cause });
  }
  if (hash.length !== RELAY_HASH_BYTES) {
    throw new TumarError("BAD_RELAY_ADDRESS", "the key hash has another length");
  }
  return hash;
}

function isSchemeAllowed({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || isLoopback(hostname) || hostname.endsWith(".onion");
}

/** `hostname` as URL gives it: lower case, IPv4 in dots, IPv6 in brackets. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" || hostname === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(hostname)
  );
}
