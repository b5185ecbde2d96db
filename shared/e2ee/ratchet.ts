/**
 * The Double Ratchet with sealed headers and KEM steps: one frame out, one frame in.
 *
 * `encrypt` and `decrypt` are pure: they return a new state, and the state given is as it was,
 * whatever happens. Every failure to open is the one error CANNOT_DECRYPT; a number that was used
 * before is ALREADY_OPENED. Normative text: docs/CRYPTOGRAPHY.md 7.
 */

import { EMPTY, type Random } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  AEAD_TAG_BYTES,
  DH_KEY_BYTES,
  dh,
  dhKeyPair,
  equalSecret,
  parseDhPublicKey,
} from "../crypto/sodium.ts";
import {
  cannotDecrypt,
  FRAME_OVERHEAD_BYTES,
  type Header,
  openBlock,
  openBody,
  openHeader,
  PAD_BYTES,
  RATCHET_VERSION,
  sealFrame,
} from "./ratchet-frame.ts";
import { decapsulateWith, isKemDue, offer, sealedBlockBytes, splitBlock } from "./ratchet-kem.ts";
import { messageKey, nextChainKey, rootStep } from "./ratchet-keys.ts";
import {
  advance,
  dropExpired,
  type Epoch,
  limitSkipped,
  MAX_SKIP,
  takeSkipped,
} from "./ratchet-skipped.ts";
import { MAX_EPOCHS, type RatchetState } from "./ratchet-state.ts";

export interface Encrypted {
  readonly state: RatchetState;
  readonly frame: Uint8Array;
  readonly commitment: Uint8Array;
}

export interface Decrypted {
  readonly state: RatchetState;
  readonly plaintext: Uint8Array;
}

// --- sending ------------------------------------------------------------------------------------

export interface FrameNeeds {
  /** Bytes a frame takes beyond its content, padding byte included, at least. */
  readonly least: number;
  /** The same when a KEM proposal is due: preferred when some frame size holds it. */
  readonly wished: number;
}

/** What the next frame takes beyond its content; the caller picks a frame size with it. */
export function frameNeeds(state: RatchetState, hour: number): FrameNeeds {
  const base = FRAME_OVERHEAD_BYTES + PAD_BYTES;
  if (!state.stepDue) {
    const block = state.kemBlock.length === 0 ? 0 : state.kemBlock.length + AEAD_TAG_BYTES;
    return { least: base + block, wished: base + block };
  }
  const answers = state.kemPeerKey.length > 0;
  return {
    least: base + sealedBlockBytes(false, answers),
    wished: base + sealedBlockBytes(kemDue(state, hour), answers),
  };
}

/**
 * Seals `plaintext` into a frame of exactly `frameBytes`. Draws, when a new chain begins,
 * random(32) for its key and what the KEM step needs; then random(24) for the header nonce.
 * @throws RangeError when the content does not fit or the state cannot send yet.
 */
export function encrypt(
  state: RatchetState,
  plaintext: Uint8Array,
  frameBytes: number,
  random: Random,
  hour: number,
): Encrypted {
  if (plaintext.length > frameBytes - frameNeeds(state, hour).least) {
    throw new RangeError("content does not fit the frame");
  }
  const ready = state.stepDue
    ? beginSendingChain(state, frameBytes - plaintext.length, random, hour)
    : state;
  if (ready.sendChainKey.length === 0) throw new RangeError("this session cannot send yet");
  const { frame, commitment } = sealFrame(ready, plaintext, frameBytes, random);
  const next = {
    ...ready,
    sendChainKey: nextChainKey(ready.sendChainKey),
    sent: ready.sent + 1,
  };
  return { state: next, frame, commitment };
}

function kemDue(state: RatchetState, hour: number): boolean {
  const outstanding = state.kemSeed.length > 0 || state.kemPeerKey.length > 0;
  return isKemDue({ steps: state.kemSteps, hour: state.kemHour, outstanding }, hour);
}

/** The lazy sending half-step. `spare` is what the frame has beyond the content. */
function beginSendingChain(
  state: RatchetState,
  spare: number,
  random: Random,
  hour: number,
): RatchetState {
  const answers = state.kemPeerKey.length > 0;
  const needed = FRAME_OVERHEAD_BYTES + PAD_BYTES + sealedBlockBytes(true, answers);
  const propose = kemDue(state, hour) && spare >= needed;
  const own = dhKeyPair(random(DH_KEY_BYTES));
  const kem = offer(state.kemPeerKey, propose, random);
  const step = rootStep(state.rootKey, {
    dh: dh(own.secretKey, parseDhPublicKey(state.peerKey)),
    kemSecret: kem.secret,
    kemKey: kem.key,
    kemCiphertext: kem.ciphertext,
  });
  return {
    ...state,
    rootKey: step.rootKey,
    own,
    stepDue: false,
    sendChainKey: step.chainKey,
    sendHeaderKey: state.nextSendHeaderKey,
    nextSendHeaderKey: step.nextHeaderKey,
    sent: 0,
    previousSent: state.sent,
    kemBlock: kem.block,
    kemSeed: propose ? kem.seed : state.kemSeed,
    kemPeerKey: EMPTY,
    kemSteps: answers ? 0 : state.kemSteps + 1,
    kemHour: answers ? hour : state.kemHour,
  };
}

// --- receiving ----------------------------------------------------------------------------------

/** @throws TumarError CANNOT_DECRYPT, ALREADY_OPENED */
export function decrypt(state: RatchetState, frame: Uint8Array, hour: number): Decrypted {
  const result = tryDecrypt(state, frame, hour);
  if (result === undefined) throw cannotDecrypt();
  return result;
}

/**
 * Undefined when the frame's header is not of this session, so that the next one may be tried;
 * a frame whose header opens belongs here, and its failure is final.
 * @throws TumarError CANNOT_DECRYPT, ALREADY_OPENED
 */
export function tryDecrypt(
  state: RatchetState,
  frame: Uint8Array,
  hour: number,
): Decrypted | undefined {
  if (frame.length < FRAME_OVERHEAD_BYTES + PAD_BYTES || frame[0] !== RATCHET_VERSION) {
    return undefined;
  }
  try {
    // After our own step the peer's next frame most likely begins a new chain; a failed trial is dear.
    return (
      inNewChain(state, frame, hour) ??
      inCurrentChain(state, frame, hour) ??
      inPast(state, frame, hour)
    );
  } catch (error) {
    if (error instanceof TumarError && error.code === "ALREADY_OPENED") throw error;
    if (error instanceof TumarError) throw cannotDecrypt();
    throw error;
  }
}

function inCurrentChain(
  state: RatchetState,
  frame: Uint8Array,
  hour: number,
): Decrypted | undefined {
  const header = openHeader(state.receiveHeaderKey, frame);
  if (header === undefined) return undefined;
  if (!equalSecret(header.peerKey, state.peerKey)) throw cannotDecrypt();
  if (header.number < state.received) {
    const { plaintext, rest } = openSkipped(state, state.skipped, header, frame);
    return { plaintext, state: tidy({ ...state, skipped: rest }, hour) };
  }
  return inChain(state, header, frame, hour);
}

/** Opens message `header.number` of the current receiving chain, which is at or before it. */
function inChain(state: RatchetState, header: Header, frame: Uint8Array, hour: number): Decrypted {
  checkJump(state.received, header.number);
  const { chainKey, skipped } = advance(
    state.receiveChainKey,
    state.received,
    header.number,
    hour,
    state.skipped,
  );
  const plaintext = openBody(state.transcript, messageKey(chainKey), header, frame);
  const next = {
    ...state,
    receiveChainKey: nextChainKey(chainKey),
    received: header.number + 1,
    skipped,
  };
  return { plaintext, state: tidy(next, hour) };
}

function inNewChain(state: RatchetState, frame: Uint8Array, hour: number): Decrypted | undefined {
  // While our own step is due the peer cannot have stepped again.
  if (state.stepDue) return undefined;
  const header = openHeader(state.nextReceiveHeaderKey, frame);
  if (header === undefined) return undefined;
  checkJump(0, header.number);
  const stepped = receivingStep(closeChain(state, header.previous, hour), header, frame, hour);
  return inChain(stepped, header, frame, hour);
}

/** Keeps the keys of what is still missing in the chain that ended, and its header key. */
function closeChain(state: RatchetState, length: number, hour: number): RatchetState {
  if (state.receiveHeaderKey.length === 0) {
    if (length !== 0) throw cannotDecrypt();
    return state;
  }
  checkJump(state.received, length);
  const { skipped } = advance(state.receiveChainKey, state.received, length, hour, state.skipped);
  const ended: Epoch = { headerKey: state.receiveHeaderKey, skipped };
  return { ...state, past: [...state.past, ended].slice(-MAX_EPOCHS), skipped: EMPTY };
}

/** The receiving half-step. */
function receivingStep(
  state: RatchetState,
  header: Header,
  frame: Uint8Array,
  hour: number,
): RatchetState {
  const block = splitBlock(openBlock(state.nextReceiveHeaderKey, header, frame), header.flags);
  const answered = block.ciphertext.length > 0;
  if (answered && state.kemSeed.length === 0) throw cannotDecrypt();
  const step = rootStep(state.rootKey, {
    dh: dh(state.own.secretKey, header.peerKey),
    kemSecret: answered ? decapsulateWith(state.kemSeed, block.ciphertext) : EMPTY,
    kemKey: block.key,
    kemCiphertext: block.ciphertext,
  });
  return {
    ...state,
    rootKey: step.rootKey,
    peerKey: header.peerKey,
    stepDue: true,
    receiveChainKey: step.chainKey,
    receiveHeaderKey: state.nextReceiveHeaderKey,
    nextReceiveHeaderKey: step.nextHeaderKey,
    received: 0,
    kemBlock: EMPTY,
    kemSeed: answered ? EMPTY : state.kemSeed,
    kemPeerKey: block.key,
    kemSteps: answered ? 0 : state.kemSteps + 1,
    kemHour: answered ? hour : state.kemHour,
  };
}

function inPast(state: RatchetState, frame: Uint8Array, hour: number): Decrypted | undefined {
  for (let i = state.past.length - 1; i >= 0; i--) {
    const epoch = state.past[i] as Epoch;
    const header = openHeader(epoch.headerKey, frame);
    if (header !== undefined) {
      const { plaintext, rest } = openSkipped(state, epoch.skipped, header, frame);
      const past = state.past.with(i, { ...epoch, skipped: rest });
      return { plaintext, state: tidy({ ...state, past }, hour) };
    }
  }
  return undefined;
}

function openSkipped(
  state: RatchetState,
  list: Uint8Array,
  header: Header,
  frame: Uint8Array,
): { readonly plaintext: Uint8Array; readonly rest: Uint8Array } {
  const found = takeSkipped(list, header.number);
  if (found === undefined) throw new TumarError("ALREADY_OPENED", "opened before");
  return { plaintext: openBody(state.transcript, found.key, header, frame), rest: found.rest };
}

function checkJump(from: number, to: number): void {
  if (to < from || to - from > MAX_SKIP) throw cannotDecrypt();
}

/** Drops expired keys and keeps the store within its limit. */
function tidy(state: RatchetState, hour: number): RatchetState {
  if (state.skipped.length === 0 && state.past.every((epoch) => epoch.skipped.length === 0)) {
    return state;
  }
  const past = state.past.map((epoch) => ({ ...epoch, skipped: dropExpired(epoch.skipped, hour) }));
  const limited = limitSkipped(past, dropExpired(state.skipped, hour));
  return { ...state, past: limited.past, skipped: limited.current };
}
