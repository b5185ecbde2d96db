/**
 * Which session a message to a peer device goes through (Sesame), and the sending itself;
 * session-receive.ts is the other half.
 *
 * Per peer device one session is active and up to three only receive. A session that opens a frame
 * becomes the active one; by that alone two devices that begin at the same moment end on one
 * session. All functions are pure: the caller stores what they return in one commit, together with
 * the frame to be sent.
 * Normative text: docs/CRYPTOGRAPHY.md 8.
 */

import { concat, EMPTY, equalBytes, type Random } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { CONTENT_HEAD_BYTES, MESSAGE_ID_BYTES } from "./content.ts";
import { type DevicePeer, updateSession, withSession } from "./device-peer.ts";
import { BUCKETS, type Bucket, bucketFor, frameBytesOf } from "./envelope.ts";
import { initiate, type OwnParty, type Party } from "./handshake.ts";
import type { VerifiedPrekeyBundle } from "./prekeys.ts";
import { encrypt, frameNeeds } from "./ratchet.ts";
import { rememberSent } from "./reset.ts";
import { SESSION_LIFE_MINUTES, type Session } from "./session.ts";

export const FIRST_FLIGHT_WAIT_MINUTES: number = 24 * 60;
export const URGENT_WAIT_MINUTES = 10;
export interface Sent {
  readonly peer: DevicePeer;
  /** Fills `bucket` when wrapped. */
  readonly frame: Uint8Array;
  readonly bucket: Bucket;
}

/**
 * A new session, active at once. `identityBlock` is our introduction; `repeat` says that it takes
 * the place of one whose first flight stayed unanswered.
 * @throws TumarError BAD_KEY; RangeError when the bundle is another device's
 */
export function startSession(
  peer: DevicePeer,
  own: OwnParty,
  bundle: VerifiedPrekeyBundle,
  identityBlock: Uint8Array,
  random: Random,
  minute: number,
  repeat = false,
): DevicePeer {
  if (!isParty(peer.party, bundle)) throw new RangeError("prekeys of another device");
  const started = initiate(own, bundle, identityBlock, random, hourOf(minute));
  const session: Session = {
    id: started.sessionId,
    ratchet: started.ratchet,
    startedMinute: minute,
    maySend: true,
    repeated: repeat,
    prefix: started.prefix,
    headHash: EMPTY,
  };
  const marked = repeat
    ? { ...peer, sessions: peer.sessions.map((old) => ({ ...old, repeated: true })) }
    : peer;
  return withSession(marked, session);
}

/** The session the next message goes through; undefined = a handshake comes first. */
export function activeSession(peer: DevicePeer, minute: number): Session | undefined {
  return peer.sessions.find(
    (session) => session.maySend && minute - session.startedMinute < SESSION_LIFE_MINUTES,
  );
}

/**
 * Seals `content` (it begins with its message id) into a frame of the smallest bucket that holds it.
 * @throws TumarError NO_SESSION; TEXT_TOO_LONG with details `room` (for the body) and `over`
 */
export function sendTo(
  peer: DevicePeer,
  content: Uint8Array,
  random: Random,
  minute: number,
): Sent {
  const session = activeSession(peer, minute);
  if (session === undefined) throw new TumarError("NO_SESSION", "no session to send through");
  const hour = hourOf(minute);
  const bucket = chooseBucket(session, content.length, hour);
  const frameBytes = frameBytesOf(bucket) - session.prefix.length;
  const sealed = encrypt(session.ratchet, content, frameBytes, random, hour);
  const next = updateSession(peer, { ...session, ratchet: sealed.state });
  const messageId = content.subarray(0, MESSAGE_ID_BYTES);
  return {
    peer: rememberSent(next, session.id, sealed.commitment, messageId),
    frame: session.prefix.length === 0 ? sealed.frame : concat(session.prefix, sealed.frame),
    bucket,
  };
}

/** How long a body the active session takes now, in the largest bucket. @throws TumarError NO_SESSION */
export function roomFor(peer: DevicePeer, minute: number): number {
  const session = activeSession(peer, minute);
  if (session === undefined) throw new TumarError("NO_SESSION", "no session to send through");
  return bodyRoom(session, hourOf(minute));
}

function bodyRoom(session: Session, hour: number): number {
  const largest = frameBytesOf(BUCKETS[BUCKETS.length - 1] as Bucket);
  const taken = session.prefix.length + frameNeeds(session.ratchet, hour).least;
  return largest - taken - CONTENT_HEAD_BYTES;
}

/** A due KEM step may cost a larger bucket, but never makes a text too long. */
function chooseBucket(session: Session, contentBytes: number, hour: number): Bucket {
  const { least, wished } = frameNeeds(session.ratchet, hour);
  const bytes = session.prefix.length + contentBytes;
  const bucket = bucketFor(bytes + wished) ?? bucketFor(bytes + least);
  if (bucket !== undefined) return bucket;
  const room = bodyRoom(session, hour);
  const over = contentBytes - CONTENT_HEAD_BYTES - room;
  throw new TumarError("TEXT_TOO_LONG", `the text is ${over} bytes too long`, {
    details: { room, over },
  });
}

/**
 * Whether a first flight without an answer is followed by a second handshake, without one-time
 * keys, that carries the same messages (`sentThrough`) again. Once per session.
 */
export function shouldRepeatHandshake(session: Session, minute: number, urgent: boolean): boolean {
  const wait = urgent ? URGENT_WAIT_MINUTES : FIRST_FLIGHT_WAIT_MINUTES;
  const unanswered = session.prefix.length > 0 && session.maySend && !session.repeated;
  return unanswered && minute - session.startedMinute >= wait;
}

/** After a rollback of the vault: whatever was sent since the copy must not be sent under again. */
export function closeSessions(peer: DevicePeer): DevicePeer {
  return { ...peer, sessions: peer.sessions.map((session) => ({ ...session, maySend: false })) };
}

export function isParty(a: Party, b: Party): boolean {
  return equalBytes(a.root, b.root) && equalBytes(a.deviceId, b.deviceId);
}

export function hourOf(minute: number): number {
  return Math.floor(minute / 60);
}
