/**
 * Everything kept about one device of a peer: its sessions (most recently used first) and the
 * small lists around them. One value, so that one vault commit holds all that a message changed.
 *
 *     version u8 ‖ root 32 ‖ IKs 32 ‖ IKd 32 ‖ lp(sessions) ‖ lp(heads, sent, unopened, resets)
 *
 * The lists are flat bytes: heads {hash 32, expiry hour u32}, sent {session id 16, commitment 16,
 * message id 16}, unopened {commitment 32}, resets {minute u32}; oldest first.
 */

import { ByteReader, concat, EMPTY, equalBytes, lp, u8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  DH_KEY_BYTES,
  parseDhPublicKey,
  parseSigningPublicKey,
  SIGNING_PUBLIC_KEY_BYTES,
} from "../crypto/sodium.ts";
import { deviceIdOf } from "./device.ts";
import type { Party } from "./handshake.ts";
import { decodeSession, encodeSession, type Session } from "./session.ts";

/** One active and three that only receive. */
export const MAX_SESSIONS = 4;

export interface DevicePeer {
  readonly party: Party;
  readonly sessions: readonly Session[];
  /** First flights taken from this device, also of sessions that are gone. */
  readonly heads: Uint8Array;
  /** What the last frames to it carried, for a reset. */
  readonly sent: Uint8Array;
  /** Frames from it that did not open, not yet named in a reset. */
  readonly unopened: Uint8Array;
  /** When we sent it a reset. */
  readonly resets: Uint8Array;
}

export const HEAD_ENTRY_BYTES = 36;
export const SENT_ENTRY_BYTES = 48;
export const UNOPENED_ENTRY_BYTES = 32;
export const RESET_ENTRY_BYTES = 4;

const VERSION = 1;

export function newPeer({ root, deviceId, IKs, IKd }: Party): DevicePeer {
  const party = { root, deviceId, IKs, IKd };
  return { party, sessions: [], heads: EMPTY, sent: EMPTY, unopened: EMPTY, resets: EMPTY };
}

export function encodePeer(peer: DevicePeer): Uint8Array {
  const { root, IKs, IKd } = peer.party;
  return concat(
    u8(VERSION),
    root,
    IKs,
    IKd,
    u8(peer.sessions.length),
    lp(...peer.sessions.map(encodeSession)),
    lp(peer.heads, peer.sent, peer.unopened, peer.resets),
  );
}

/** Copies, once: what it returns are views of one array. @throws TumarError MALFORMED */
export function decodePeer(bytes: Uint8Array): DevicePeer {
  const reader = new ByteReader(bytes.slice());
  if (reader.u8() !== VERSION) throw new TumarError("MALFORMED", "unknown peer format");
  const root = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const IKs = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const IKd = parseDhPublicKey(reader.take(DH_KEY_BYTES));
  const count = reader.u8();
  if (count > MAX_SESSIONS) throw new TumarError("MALFORMED", "too many sessions");
  const peer = {
    party: { root, deviceId: deviceIdOf({ IKs, IKd }), IKs, IKd },
    sessions: Array.from({ length: count }, () => decodeSession(reader.part())),
    heads: readList(reader, HEAD_ENTRY_BYTES),
    sent: readList(reader, SENT_ENTRY_BYTES),
    unopened: readList(reader, UNOPENED_ENTRY_BYTES),
    resets: readList(reader, RESET_ENTRY_BYTES),
  };
  reader.finish();
  return peer;
}

/** The list with one more entry, without the oldest beyond `max`. */
export function pushEntry(list: Uint8Array, entry: Uint8Array, max: number): Uint8Array {
  const longest = (max - 1) * entry.length;
  const kept = list.length > longest ? list.subarray(list.length - longest) : list;
  return concat(kept, entry);
}

export function entriesOf(list: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: list.length / size }, (_, i) =>
    list.subarray(i * size, (i + 1) * size),
  );
}

/** Puts `session` first, in place of the one with its id if there is one; the last beyond four goes. */
export function withSession(peer: DevicePeer, session: Session): DevicePeer {
  const others = peer.sessions.filter((other) => !equalBytes(other.id, session.id));
  return { ...peer, sessions: [session, ...others].slice(0, MAX_SESSIONS) };
}

/** In place, without changing the order: what a send does. */
export function updateSession(peer: DevicePeer, session: Session): DevicePeer {
  const sessions = peer.sessions.map((other) =>
    equalBytes(other.id, session.id) ? session : other,
  );
  return { ...peer, sessions };
}

function readList(reader: ByteReader, entry: number): Uint8Array {
  const list = reader.part();
  if (list.length % entry !== 0) throw new TumarError("MALFORMED", "a list ends in an entry");
  return list;
}
