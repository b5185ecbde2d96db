/**
 * Sending to and receiving from the devices of a peer, whichever session it takes (Sesame).
 *
 * Per peer device one session is active and up to three only receive. A session that opens a frame
 * becomes the active one; by that alone two devices that begin at the same moment end on one
 * session. All functions are pure: the caller stores what they return in one commit, together with
 * the frame to be sent, or with the message, the used one-time prekey and the seen envelope id.
 * Normative text: docs/CRYPTOGRAPHY.md 8.
 */

import { concat, equalBytes, type Random, u32 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { CONTENT_HEAD_BYTES, MESSAGE_ID_BYTES } from "./content.ts";
import {
  type DevicePeer,
  entriesOf,
  HEAD_ENTRY_BYTES,
  newPeer,
  pushEntry,
  updateSession,
  withSession,
} from "./device-peer.ts";
import { BUCKETS, type Bucket, bucketFor, frameBytesOf } from "./envelope.ts";
import {
  decodeFirstFlight,
  FIRST_FLIGHT_VERSION,
  type FirstFlight,
  HEAD_HASH_BYTES,
  headHash,
  type PrekeyIds,
} from "./first-flight.ts";
import { initiate, type OwnParty, type Party, type PrekeySecrets, respond } from "./handshake.ts";
import type { VerifiedPrekeyBundle } from "./prekeys.ts";
import { cannotDecrypt, decrypt, encrypt, frameNeeds, tryDecrypt } from "./ratchet.ts";
import { rememberSent } from "./reset.ts";
import { SESSION_LIFE_MINUTES, SESSION_RECEIVE_MINUTES, type Session } from "./session.ts";

export const FIRST_FLIGHT_WAIT_MINUTES: number = 24 * 60;
export const URGENT_WAIT_MINUTES = 10;
/** Signed prekeys are gone by then: 30 days of use, 30 at a relay, 7 more. */
export const HEAD_LIFE_HOURS: number = 67 * 24;
/** Far more first flights of one device than any honest one makes in that time. */
const MAX_HEADS = 512;

// --- sending ------------------------------------------------------------------------------------

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
    headHash: new Uint8Array(0),
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
    frame: concat(session.prefix, sealed.frame),
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

// --- receiving ----------------------------------------------------------------------------------

/** What receiving needs to know; `Identity` is what `openIdentity` makes of an identity block. */
export interface Receiver<Identity extends Party> {
  readonly own: OwnParty;
  /** The devices that may have sent it: those of the contact whose grant it came through. */
  readonly candidates: readonly DevicePeer[];
  /** The stored state of a device that introduces itself, if there is one. */
  readonly peerOf: (identity: Identity) => DevicePeer | undefined;
  /** Undefined when one of them is gone. */
  readonly prekeysOf: (ids: PrekeyIds) => PrekeySecrets | undefined;
  /** Checks form and signatures; whether the identity is the pinned one is asked after opening. */
  readonly openIdentity: (block: Uint8Array) => Identity;
}

export interface Received<Identity extends Party> {
  readonly peer: DevicePeer;
  readonly plaintext: Uint8Array;
  /** Present when this frame began a session: to be compared with the pinned identity before storing. */
  readonly identity?: Identity;
  /** The one-time pair to delete in the same commit; 0 for none. */
  readonly usedPair: number;
}

/**
 * Opens a frame. Nothing given is changed; a failure leaves nothing to store.
 * @throws TumarError CANNOT_DECRYPT; ALREADY_OPENED for what was opened before: acknowledge silently
 */
export function receiveFrom<Identity extends Party>(
  receiver: Receiver<Identity>,
  frame: Uint8Array,
  minute: number,
): Received<Identity> {
  if (frame[0] === FIRST_FLIGHT_VERSION) return receiveFirstFlight(receiver, frame, minute);
  for (const peer of receiver.candidates) {
    const received = receiveInSessions(peer, frame, minute);
    if (received !== undefined) return received;
  }
  throw cannotDecrypt();
}

function receiveInSessions(
  peer: DevicePeer,
  frame: Uint8Array,
  minute: number,
): { readonly peer: DevicePeer; readonly plaintext: Uint8Array; readonly usedPair: 0 } | undefined {
  for (const session of peer.sessions) {
    if (minute - session.startedMinute < SESSION_RECEIVE_MINUTES) {
      const opened = tryDecrypt(session.ratchet, frame, hourOf(minute));
      if (opened !== undefined) {
        const next = { ...session, ratchet: opened.state, prefix: new Uint8Array(0) };
        return { peer: activate(peer, next, minute), plaintext: opened.plaintext, usedPair: 0 };
      }
    }
  }
  return undefined;
}

function receiveFirstFlight<Identity extends Party>(
  receiver: Receiver<Identity>,
  bytes: Uint8Array,
  minute: number,
): Received<Identity> {
  const flight = parseFlight(bytes);
  const hash = headHash(flight.head);
  const known = receiver.candidates.find((peer) => knowsHead(peer, hash));
  if (known !== undefined) return receiveRepeat(known, hash, flight.frame, minute);
  try {
    return receiveHandshake(receiver, flight, hash, minute);
  } catch (error) {
    if (error instanceof TumarError && error.code === "ALREADY_OPENED") throw error;
    if (error instanceof TumarError) throw cannotDecrypt();
    throw error;
  }
}

/** A head seen before skips the handshake; without its session it can only be a replay. */
function receiveRepeat(
  peer: DevicePeer,
  hash: Uint8Array,
  frame: Uint8Array,
  minute: number,
): Received<never> {
  const session = peer.sessions.find((other) => equalBytes(other.headHash, hash));
  if (session === undefined) throw new TumarError("ALREADY_OPENED", "opened before");
  const opened = decrypt(session.ratchet, frame, hourOf(minute));
  const next = activate(peer, { ...session, ratchet: opened.state }, minute);
  return { peer: next, plaintext: opened.plaintext, usedPair: 0 };
}

/**
 * The session that opened a frame comes first. If it is closed here while the one we send through
 * was begun by the peer, each side could be sending for ever through a session the other has
 * closed, and no root key would move again: then ours is closed too, and our next message begins a
 * new one. (Both being the initiator of what they send through is impossible after two closings.)
 */
function activate(peer: DevicePeer, session: Session, minute: number): DevicePeer {
  const active = activeSession(peer, minute);
  const next = withSession(peer, session);
  const isSplit = !session.maySend && active !== undefined && active.headHash.length > 0;
  return isSplit ? closeSessions(next) : next;
}

function receiveHandshake<Identity extends Party>(
  receiver: Receiver<Identity>,
  flight: FirstFlight,
  hash: Uint8Array,
  minute: number,
): Received<Identity> {
  const secrets = receiver.prekeysOf(flight.ids);
  if (secrets === undefined) throw cannotDecrypt();
  const hour = hourOf(minute);
  const responded = respond(receiver.own, secrets, flight, receiver.openIdentity, hour);
  const { identity } = responded;
  const peer = receiver.peerOf(identity) ?? newPeer(identity);
  if (!isParty(peer.party, identity)) throw new RangeError("the state of another device");
  if (knowsHead(peer, hash)) return receiveRepeat(peer, hash, flight.frame, minute);
  const opened = decrypt(responded.ratchet, flight.frame, hour);
  const session: Session = {
    id: responded.sessionId,
    ratchet: opened.state,
    startedMinute: minute,
    maySend: true,
    repeated: false,
    prefix: new Uint8Array(0),
    headHash: hash,
  };
  return {
    peer: withSession(rememberHead(peer, hash, hour), session),
    plaintext: opened.plaintext,
    identity,
    usedPair: flight.ids.pair,
  };
}

function parseFlight(bytes: Uint8Array): FirstFlight {
  try {
    return decodeFirstFlight(bytes);
  } catch {
    throw cannotDecrypt();
  }
}

function knowsHead(peer: DevicePeer, hash: Uint8Array): boolean {
  return entriesOf(peer.heads, HEAD_ENTRY_BYTES).some((entry) =>
    equalBytes(entry.subarray(0, HEAD_HASH_BYTES), hash),
  );
}

function rememberHead(peer: DevicePeer, hash: Uint8Array, hour: number): DevicePeer {
  const live = entriesOf(peer.heads, HEAD_ENTRY_BYTES).filter((entry) => {
    const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
    return view.getUint32(HEAD_HASH_BYTES) >= hour;
  });
  const entry = concat(hash, u32(hour + HEAD_LIFE_HOURS));
  return { ...peer, heads: pushEntry(concat(...live), entry, MAX_HEADS) };
}

function isParty(a: Party, b: Party): boolean {
  return equalBytes(a.root, b.root) && equalBytes(a.deviceId, b.deviceId);
}

function hourOf(minute: number): number {
  return Math.floor(minute / 60);
}
