/**
 * Opening what came from a peer's devices, in whichever session it belongs to.
 *
 * A session that opens a frame becomes the active one. `receiveFrom` is pure: the caller stores
 * what it returns in one commit with the message, the deleted one-time pair and the seen envelope
 * id, and acknowledges after that. Normative text: docs/CRYPTOGRAPHY.md 8.
 */

import { concat, EMPTY, equalBytes, u32 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  type DevicePeer,
  entriesOf,
  HEAD_ENTRY_BYTES,
  newPeer,
  pushEntry,
  withSession,
} from "./device-peer.ts";
import {
  decodeFirstFlight,
  FIRST_FLIGHT_VERSION,
  type FirstFlight,
  HEAD_HASH_BYTES,
  headHash,
  type PrekeyIds,
} from "./first-flight.ts";
import { type OwnParty, type Party, type PrekeySecrets, respond } from "./handshake.ts";
import { decrypt, tryDecrypt } from "./ratchet.ts";
import { cannotDecrypt } from "./ratchet-frame.ts";
import { SESSION_RECEIVE_MINUTES, type Session } from "./session.ts";
import { activeSession, closeSessions, hourOf, isParty } from "./sessions.ts";

/** Signed prekeys are gone by then: 30 days of use, 30 at a relay, 7 more. */
export const HEAD_LIFE_HOURS: number = 67 * 24;
/** Far more first flights of one device than any honest one makes in that time. */
const MAX_HEADS = 512;

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
        const next = { ...session, ratchet: opened.state, prefix: EMPTY };
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
    prefix: EMPTY,
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
