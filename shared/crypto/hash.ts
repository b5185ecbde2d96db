/**
 * H(): the one hash and key-derivation function of the protocol (session-protocol, head).
 *
 *     H(k, label, m, n) = BLAKE2b of length n keyed with k over u8(len L) ‖ L ‖ m,
 *                         L = "tumar/v1/" ‖ label
 *
 * The length is a parameter of BLAKE2b, never a truncation.
 */

import { concat, utf8 } from "./bytes.ts";
import { blake2b } from "./sodium.ts";

const prefixes = new Map<string, Uint8Array>();

/** Labels are a small fixed set; the per-identity ones (`owner`, `case`) put their variable part in `m`. */
function prefixOf(label: string): Uint8Array {
  let prefix = prefixes.get(label);
  if (prefix === undefined) {
    const full = utf8(`tumar/v1/${label}`);
    prefix = concat(Uint8Array.of(full.length), full);
    prefixes.set(label, prefix);
  }
  return prefix;
}

/** `key` empty = unkeyed, else up to 64 bytes; `length` 16 to 64. */
export function H(key: Uint8Array, label: string, message: Uint8Array, length: number): Uint8Array {
  const prefix = prefixOf(label);
  const input = new Uint8Array(prefix.length + message.length);
  input.set(prefix);
  input.set(message, prefix.length);
  return blake2b(length, input, key.length === 0 ? undefined : key);
}
