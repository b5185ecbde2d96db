/**
 * Keys of messages that were overtaken: kept until they arrive, or until no relay can still hold
 * them. A list is flat bytes, so that it is copied and written to the vault in one piece.
 *
 *      0           4             8
 *     +-----------+-------------+------------------+
 *     | n (u32)   | hour (u32)  | message key (32) |   one entry, oldest first
 *     +-----------+-------------+------------------+
 *
 * Lists are never changed in place.
 */

import { concat, EMPTY } from "../crypto/bytes.ts";
import { KEY_BYTES, messageKey, nextChainKey } from "./ratchet-keys.ts";

export const SKIPPED_ENTRY_BYTES = 40;
/** The largest jump one message may make: more would let a peer buy hash work cheaply. */
export const MAX_SKIP = 512;
/** Stored per session; the oldest go first. */
export const MAX_SKIPPED = 512;
/** 30 days a relay keeps an envelope, plus one for clocks. */
export const SKIPPED_LIFE_HOURS: number = 31 * 24;

/** One past receiving chain: its header key and what was overtaken in it. */
export interface Epoch {
  readonly headerKey: Uint8Array;
  readonly skipped: Uint8Array;
}

export interface Advance {
  readonly chainKey: Uint8Array;
  readonly skipped: Uint8Array;
}

export function skippedCount(list: Uint8Array): number {
  return list.length / SKIPPED_ENTRY_BYTES;
}

/** Moves a chain from message `from` to `to`; the keys passed over are appended. `to - from` is checked by the caller. */
export function advance(
  chainKey: Uint8Array,
  from: number,
  to: number,
  hour: number,
  list: Uint8Array,
): Advance {
  if (from === to) return { chainKey, skipped: list };
  const skipped = new Uint8Array(list.length + (to - from) * SKIPPED_ENTRY_BYTES);
  skipped.set(list);
  const view = new DataView(skipped.buffer);
  let key = chainKey;
  let at = list.length;
  for (let n = from; n < to; n++) {
    view.setUint32(at, n);
    view.setUint32(at + 4, hour);
    skipped.set(messageKey(key), at + 8);
    key = nextChainKey(key);
    at += SKIPPED_ENTRY_BYTES;
  }
  return { chainKey: key, skipped };
}

/** The entry's offset, or -1. */
function findSkipped(list: Uint8Array, n: number): number {
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  for (let at = 0; at < list.length; at += SKIPPED_ENTRY_BYTES) {
    if (view.getUint32(at) === n) return at;
  }
  return -1;
}

/** The key of message `n` and the list without it; undefined when it is not there. */
export function takeSkipped(
  list: Uint8Array,
  n: number,
): { readonly key: Uint8Array; readonly rest: Uint8Array } | undefined {
  const at = findSkipped(list, n);
  if (at < 0) return undefined;
  const end = at + SKIPPED_ENTRY_BYTES;
  return {
    key: list.slice(at + 8, at + 8 + KEY_BYTES),
    rest: concat(list.subarray(0, at), list.subarray(end)),
  };
}

/** Drops from the front what no relay can deliver any more. */
export function dropExpired(list: Uint8Array, hour: number): Uint8Array {
  if (list.length === 0) return list;
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  let at = 0;
  while (at < list.length && view.getUint32(at + 4) + SKIPPED_LIFE_HOURS < hour) {
    at += SKIPPED_ENTRY_BYTES;
  }
  if (at === 0) return list;
  return at === list.length ? EMPTY : list.slice(at);
}

/** Drops the oldest keys until past and current chain together hold no more than MAX_SKIPPED. */
export function limitSkipped(
  past: readonly Epoch[],
  current: Uint8Array,
): { readonly past: readonly Epoch[]; readonly current: Uint8Array } {
  let total = skippedCount(current);
  for (const epoch of past) total += skippedCount(epoch.skipped);
  let excess = total - MAX_SKIPPED;
  if (excess <= 0) return { past, current };
  const kept: Epoch[] = [];
  for (const epoch of past) {
    const drop = Math.min(excess, skippedCount(epoch.skipped));
    excess -= drop;
    kept.push({ ...epoch, skipped: epoch.skipped.slice(drop * SKIPPED_ENTRY_BYTES) });
  }
  return { past: kept, current: current.slice(excess * SKIPPED_ENTRY_BYTES) };
}
