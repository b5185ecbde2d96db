/** The address of the relay that a door leads to: `https://host#k=<relay hash, base64url>`. */

import { fromBase64Url } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { RELAY_HASH_BYTES } from "../../shared/wire/limits.ts";

export interface Target {
  /** `https://relay.example` */
  readonly origin: string;
  readonly isSecure: boolean;
  readonly isOnion: boolean;
  /** Of the relay's identity key. */
  readonly hash: Uint8Array;
  /** `#k=…`, as it stands in the addresses of both. */
  readonly key: string;
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** @throws TumarError BAD_RELAY_ADDRESS */
export function parseTarget(address: string): Target {
  const [, origin = "", encoded = ""] =
    /^(https?:\/\/[^/?#@\s]+)\/?#k=([\w-]+)$/.exec(address) ?? [];
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url === undefined) throw bad("it has not the form https://host#k=…");
  const hash = hashOf(encoded);
  const isSecure = url.protocol === "https:";
  const isOnion = url.hostname.endsWith(".onion");
  if (!isSecure && !isOnion && !LOOPBACK.test(url.hostname)) {
    throw bad("http is for this machine and for .onion hosts only");
  }
  return { origin: url.origin, isSecure, isOnion, hash, key: `#k=${encoded}` };
}

function hashOf(encoded: string): Uint8Array {
  try {
    const hash = fromBase64Url(encoded);
    if (hash.length === RELAY_HASH_BYTES) return hash;
  } catch (cause) {
    throw bad("its key is no hash", cause);
  }
  throw bad("its key has another length");
}

function bad(why: string, cause?: unknown): TumarError {
  return new TumarError("BAD_RELAY_ADDRESS", `no address of a relay: ${why}`, { cause });
}
