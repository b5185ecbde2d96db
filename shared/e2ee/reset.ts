/**
 * What happens when frames cannot be opened (a device restored from a copy, a lost commit).
 *
 * The receiver notes the clear commitment of each such frame, and by a full new handshake sends a
 * message of kind `reset` that lists them, at most 3 in an hour. The sender finds them among the
 * last 64 frames it sent and sends those messages again, ids unchanged, with all it sent after
 * them in the same sessions; each logged frame counts once. Normative text: docs/CRYPTOGRAPHY.md 8.
 */

import { concat, equalBytes, toHex, u32 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { MESSAGE_ID_BYTES, type MessageId, parseMessageId } from "./content.ts";
import {
  type DevicePeer,
  entriesOf,
  pushEntry,
  RESET_ENTRY_BYTES,
  SENT_ENTRY_BYTES,
  UNOPENED_ENTRY_BYTES,
} from "./device-peer.ts";
import { decodeFirstFlight, FIRST_FLIGHT_VERSION } from "./first-flight.ts";
import { COMMITMENT_OFFSET, FRAME_OVERHEAD_BYTES, RATCHET_VERSION } from "./ratchet-frame.ts";
import { COMMITMENT_BYTES } from "./ratchet-keys.ts";

/** Frames whose message can still be asked for again. */
export const MAX_SENT = 64;
/** As many as one reset names. */
export const MAX_UNOPENED = 64;
export const MAX_RESETS_PER_HOUR = 3;

/** Enough of a session id or commitment to find it by; it proves nothing. */
const FINDER_BYTES = 16;
const MINUTES_PER_HOUR = 60;

export function rememberSent(
  peer: DevicePeer,
  sessionId: Uint8Array,
  commitment: Uint8Array,
  messageId: Uint8Array,
): DevicePeer {
  const entry = concat(
    sessionId.subarray(0, FINDER_BYTES),
    commitment.subarray(0, FINDER_BYTES),
    messageId,
  );
  return { ...peer, sent: pushEntry(peer.sent, entry, MAX_SENT) };
}

/** Messages that went through this session, of the last 64 frames; each once. */
export function sentThrough(peer: DevicePeer, sessionId: Uint8Array): readonly MessageId[] {
  const wanted = sessionId.subarray(0, FINDER_BYTES);
  const entries = entriesOf(peer.sent, SENT_ENTRY_BYTES);
  return messagesOf(entries.filter((entry) => equalBytes(sessionOf(entry), wanted)));
}

/** The clear commitment of a frame; undefined for bytes that are no frame. */
export function commitmentOf(frame: Uint8Array): Uint8Array | undefined {
  const inner = ratchetFrameOf(frame);
  if (inner === undefined || inner[0] !== RATCHET_VERSION) return undefined;
  if (inner.length <= FRAME_OVERHEAD_BYTES) return undefined;
  return inner.slice(COMMITMENT_OFFSET, COMMITMENT_OFFSET + COMMITMENT_BYTES);
}

function ratchetFrameOf(frame: Uint8Array): Uint8Array | undefined {
  if (frame[0] !== FIRST_FLIGHT_VERSION) return frame;
  try {
    return decodeFirstFlight(frame).frame;
  } catch {
    return undefined;
  }
}

/** A frame that came through this peer's grant did not open: it is named in the next reset. */
export function noteUnopened(peer: DevicePeer, frame: Uint8Array): DevicePeer {
  const commitment = commitmentOf(frame);
  if (commitment === undefined) return peer;
  const known = entriesOf(peer.unopened, UNOPENED_ENTRY_BYTES);
  if (known.some((entry) => equalBytes(entry, commitment))) return peer;
  return { ...peer, unopened: pushEntry(peer.unopened, commitment, MAX_UNOPENED) };
}

/** Whether there is something to name and the hour has room for one more reset. */
export function isResetDue(peer: DevicePeer, minute: number): boolean {
  return peer.unopened.length > 0 && recentResets(peer, minute).length < MAX_RESETS_PER_HOUR;
}

/**
 * The commitments for the body of a `reset`; call `startSession` on the peer returned, then send.
 * @throws RangeError when no reset is due
 */
export function beginReset(
  peer: DevicePeer,
  minute: number,
): { readonly peer: DevicePeer; readonly commitments: readonly Uint8Array[] } {
  if (!isResetDue(peer, minute)) throw new RangeError("no reset is due");
  const commitments = entriesOf(peer.unopened, UNOPENED_ENTRY_BYTES).map((entry) => entry.slice());
  const resets = concat(...recentResets(peer, minute), u32(minute));
  return { peer: { ...peer, unopened: new Uint8Array(0), resets }, commitments };
}

function recentResets(peer: DevicePeer, minute: number): Uint8Array[] {
  return entriesOf(peer.resets, RESET_ENTRY_BYTES).filter((entry) => {
    const at = new DataView(entry.buffer, entry.byteOffset, entry.byteLength).getUint32(0);
    return minute - at < MINUTES_PER_HOUR;
  });
}

/**
 * A `reset` came: which messages to send again, in the order they were sent. Empty when none of
 * the commitments is one of ours: then it changes nothing.
 */
export function applyReset(
  peer: DevicePeer,
  commitments: readonly Uint8Array[],
): { readonly peer: DevicePeer; readonly resend: readonly MessageId[] } {
  const named = new Set(commitments.map((bytes) => toHex(bytes.subarray(0, FINDER_BYTES))));
  const broken = new Set<string>();
  const again: Uint8Array[] = [];
  const kept: Uint8Array[] = [];
  for (const entry of entriesOf(peer.sent, SENT_ENTRY_BYTES)) {
    const session = toHex(sessionOf(entry));
    const commitment = toHex(entry.subarray(FINDER_BYTES, 2 * FINDER_BYTES));
    if (named.has(commitment)) broken.add(session);
    (broken.has(session) ? again : kept).push(entry);
  }
  return { peer: { ...peer, sent: concat(...kept) }, resend: messagesOf(again) };
}

function sessionOf(entry: Uint8Array): Uint8Array {
  return entry.subarray(0, FINDER_BYTES);
}

function messagesOf(entries: readonly Uint8Array[]): readonly MessageId[] {
  const found = new Map<string, MessageId>();
  for (const entry of entries) {
    const id = entry.subarray(2 * FINDER_BYTES);
    if (id.length !== MESSAGE_ID_BYTES) throw new TumarError("INTERNAL", "a log entry is cut");
    found.set(toHex(id), parseMessageId(id));
  }
  return [...found.values()];
}
