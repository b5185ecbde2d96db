/**
 * The state of one Double Ratchet session, and its bytes in the vault.
 *
 * A state is data: it is never changed in place, and a field that does not exist yet is empty.
 * `encodeRatchet` and `decodeRatchet` are exact inverses; equal states have equal bytes.
 */

import { ByteReader, concat, EMPTY, u8, u16 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  DH_KEY_BYTES,
  type DhKeyPair,
  type DhSecretKey,
  KEM_CIPHERTEXT_BYTES,
  KEM_PUBLIC_KEY_BYTES,
  parseDhPublicKey,
} from "../crypto/sodium.ts";
import { KEY_BYTES } from "./ratchet-keys.ts";
import { type Epoch, SKIPPED_ENTRY_BYTES, skippedCount } from "./ratchet-skipped.ts";

export const TRANSCRIPT_BYTES = 64;
/** Past receiving chains whose header keys are still tried. */
export const MAX_EPOCHS = 5;

export interface RatchetState {
  /** `th` of the handshake: associated data of every body. */
  readonly transcript: Uint8Array;
  readonly rootKey: Uint8Array;
  readonly own: DhKeyPair;
  /** Empty at a responder that has opened nothing yet. */
  readonly peerKey: Uint8Array;
  /** The next send begins a new chain (the sending half-step is lazy). */
  readonly stepDue: boolean;

  readonly sendChainKey: Uint8Array;
  readonly sendHeaderKey: Uint8Array;
  readonly nextSendHeaderKey: Uint8Array;
  readonly sent: number;
  readonly previousSent: number;

  readonly receiveChainKey: Uint8Array;
  readonly receiveHeaderKey: Uint8Array;
  readonly nextReceiveHeaderKey: Uint8Array;
  readonly received: number;
  readonly skipped: Uint8Array;
  /** Oldest first. */
  readonly past: readonly Epoch[];

  /** Rides in every frame of the current sending chain. */
  readonly kemBlock: Uint8Array;
  /** Of our proposal that has no answer yet. */
  readonly kemSeed: Uint8Array;
  /** The peer's proposal that we have not answered yet. */
  readonly kemPeerKey: Uint8Array;
  readonly kemSteps: number;
  readonly kemHour: number;
}

const VERSION = 1;
const FLAG_STEP_DUE = 0x80;
const BLOCK_LENGTHS: ReadonlySet<number> = new Set([
  0,
  KEM_PUBLIC_KEY_BYTES,
  KEM_CIPHERTEXT_BYTES,
  KEM_PUBLIC_KEY_BYTES + KEM_CIPHERTEXT_BYTES,
]);

/** Fields of 32 bytes that may be empty; bit i of the flags says that the i-th is there. */
const OPTIONAL = [
  "peerKey",
  "sendChainKey",
  "sendHeaderKey",
  "receiveChainKey",
  "receiveHeaderKey",
  "kemSeed",
] as const;
type OptionalField = (typeof OPTIONAL)[number];

/** 260 to 450 bytes, plus 40 per skipped key, 34 per past epoch, and what a KEM step holds. */
export function encodeRatchet(state: RatchetState): Uint8Array {
  const parts: Uint8Array[] = [
    Uint8Array.of(VERSION, flagsOf(state)),
    state.transcript,
    state.rootKey,
    state.own.secretKey,
    state.own.publicKey,
    state.nextSendHeaderKey,
    state.nextReceiveHeaderKey,
    counters(state),
  ];
  for (const name of OPTIONAL) parts.push(state[name]);
  parts.push(u16(state.kemBlock.length), state.kemBlock);
  parts.push(u16(state.kemPeerKey.length), state.kemPeerKey);
  parts.push(u16(skippedCount(state.skipped)), state.skipped);
  parts.push(u8(state.past.length));
  for (const epoch of state.past) {
    parts.push(epoch.headerKey, u16(skippedCount(epoch.skipped)), epoch.skipped);
  }
  return concat(...parts);
}

/** Views of `bytes`, which must not change. @throws TumarError MALFORMED */
export function decodeRatchet(bytes: Uint8Array): RatchetState {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new TumarError("MALFORMED", "unknown session format");
  const flags = reader.u8();
  if ((flags & 0x40) !== 0) throw new TumarError("MALFORMED", "unknown session flag");
  const state: RatchetState = {
    stepDue: (flags & FLAG_STEP_DUE) !== 0,
    transcript: reader.take(TRANSCRIPT_BYTES),
    rootKey: reader.take(KEY_BYTES),
    own: {
      secretKey: reader.take(DH_KEY_BYTES) as DhSecretKey,
      publicKey: parseDhPublicKey(reader.take(DH_KEY_BYTES)),
    },
    nextSendHeaderKey: reader.take(KEY_BYTES),
    nextReceiveHeaderKey: reader.take(KEY_BYTES),
    ...readCounters(reader),
    ...readOptional(reader, flags),
    kemBlock: readBlock(reader),
    kemPeerKey: readPeerKey(reader),
    skipped: readSkipped(reader),
    past: readEpochs(reader),
  };
  reader.finish();
  return state;
}

function flagsOf(state: RatchetState): number {
  let flags = state.stepDue ? FLAG_STEP_DUE : 0;
  OPTIONAL.forEach((name, i) => {
    if (state[name].length > 0) flags |= 1 << i;
  });
  return flags;
}

type Counters = Pick<RatchetState, "sent" | "previousSent" | "received" | "kemSteps" | "kemHour">;

function counters(state: Counters): Uint8Array {
  const out = new Uint8Array(20);
  const view = new DataView(out.buffer);
  view.setUint32(0, state.sent);
  view.setUint32(4, state.previousSent);
  view.setUint32(8, state.received);
  view.setUint32(12, state.kemSteps);
  view.setUint32(16, state.kemHour);
  return out;
}

function readCounters(reader: ByteReader): Counters {
  return {
    sent: reader.u32(),
    previousSent: reader.u32(),
    received: reader.u32(),
    kemSteps: reader.u32(),
    kemHour: reader.u32(),
  };
}

function readOptional(reader: ByteReader, flags: number): Pick<RatchetState, OptionalField> {
  const read = (name: OptionalField): Uint8Array =>
    (flags & (1 << OPTIONAL.indexOf(name))) === 0 ? EMPTY : reader.take(KEY_BYTES);
  return {
    peerKey: read("peerKey"),
    sendChainKey: read("sendChainKey"),
    sendHeaderKey: read("sendHeaderKey"),
    receiveChainKey: read("receiveChainKey"),
    receiveHeaderKey: read("receiveHeaderKey"),
    kemSeed: read("kemSeed"),
  };
}

function readBlock(reader: ByteReader): Uint8Array {
  const block = reader.take(reader.u16());
  if (!BLOCK_LENGTHS.has(block.length)) throw new TumarError("MALFORMED", "bad KEM block length");
  return block;
}

function readPeerKey(reader: ByteReader): Uint8Array {
  const key = reader.take(reader.u16());
  if (key.length === 0 || key.length === KEM_PUBLIC_KEY_BYTES) return key;
  throw new TumarError("MALFORMED", "bad KEM key length");
}

function readSkipped(reader: ByteReader): Uint8Array {
  return reader.take(reader.u16() * SKIPPED_ENTRY_BYTES);
}

function readEpochs(reader: ByteReader): readonly Epoch[] {
  const count = reader.u8();
  if (count > MAX_EPOCHS) throw new TumarError("MALFORMED", "too many epochs");
  return Array.from({ length: count }, () => ({
    headerKey: reader.take(KEY_BYTES),
    skipped: readSkipped(reader),
  }));
}
