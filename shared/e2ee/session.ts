/**
 * One session with a peer device: its ratchet, and what it needs beside it.
 *
 * An initiator's session carries its first-flight prefix until the first answer; a responder's
 * carries the hash of that prefix's head, by which repeats are known.
 */

import { ByteReader, concat, EMPTY, lp, u8, u32 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { HEAD_HASH_BYTES } from "./first-flight.ts";
import { SESSION_ID_BYTES } from "./handshake.ts";
import { decodeRatchet, encodeRatchet, type RatchetState } from "./ratchet-state.ts";

export interface Session {
  readonly id: Uint8Array;
  readonly ratchet: RatchetState;
  /** Minutes since 1970; what ages and repeats are counted from. */
  readonly startedMinute: number;
  /** False after a rollback: it may still open what the peer sends. */
  readonly maySend: boolean;
  /** Its handshake was repeated, or is itself the repeat: it is not repeated again. */
  readonly repeated: boolean;
  /** Of an initiator without an answer; empty otherwise. */
  readonly prefix: Uint8Array;
  /** Of a responder; empty at an initiator. */
  readonly headHash: Uint8Array;
}

/** After this a session sends no more, and a new handshake takes its place. */
export const SESSION_LIFE_MINUTES: number = 90 * 24 * 60;
/** Longer by two relay lives: the peer may have sent on its last day, and so may what it answers. */
export const SESSION_RECEIVE_MINUTES: number = (90 + 2 * 30) * 24 * 60;

const FLAG_MAY_SEND = 0x01;
const FLAG_REPEATED = 0x02;
const FLAG_RESPONDER = 0x04;

export function encodeSession(session: Session): Uint8Array {
  let flags = session.maySend ? FLAG_MAY_SEND : 0;
  if (session.repeated) flags |= FLAG_REPEATED;
  if (session.headHash.length > 0) flags |= FLAG_RESPONDER;
  return concat(
    u8(flags),
    session.id,
    u32(session.startedMinute),
    session.headHash,
    lp(session.prefix, encodeRatchet(session.ratchet)),
  );
}

/** Views of `bytes`, which must not change. @throws TumarError MALFORMED */
export function decodeSession(bytes: Uint8Array): Session {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  if (flags > 0x07) throw new TumarError("MALFORMED", "unknown session flag");
  const session = {
    id: reader.take(SESSION_ID_BYTES),
    startedMinute: reader.u32(),
    headHash: (flags & FLAG_RESPONDER) === 0 ? EMPTY : reader.take(HEAD_HASH_BYTES),
    prefix: reader.part(),
    ratchet: decodeRatchet(reader.part()),
    maySend: (flags & FLAG_MAY_SEND) !== 0,
    repeated: (flags & FLAG_REPEATED) !== 0,
  };
  reader.finish();
  return session;
}
