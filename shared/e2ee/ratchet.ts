/**
 * The Double Ratchet with sealed headers and KEM steps: one frame out, one frame in.
 *
 *      0      1                25                  82                114
 *     +------+----------------+-------------------+-----------------+-------------+-------------+
 *     | 0x01 | header nonce   | sealed header     | commitment      | [KEM block] | sealed body |
 *     |      | (24)           | (41 + 16)         | (32)            | (+ 16)      | (+ 16)      |
 *     +------+----------------+-------------------+-----------------+-------------+-------------+
 *
 * `encrypt` and `decrypt` are pure: they return a new state, and the state given is as it was,
 * whatever happens. Every failure to open is the one error CANNOT_DECRYPT; a number that was used
 * before is ALREADY_OPENED. Normative text: docs/CRYPTOGRAPHY.md 7.
 */

import { concat, EMPTY, type Random } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  DH_KEY_BYTES,
  type DhKeyPair,
  type DhPublicKey,
  dh,
  dhKeyPair,
  equalSecret,
  parseDhPublicKey,
  parseDhSecretKey,
  seal,
  tryOpen,
} from "../crypto/sodium.ts";
import { SUITE } from "./prekeys.ts";
import {
  blockFlags,
  decapsulateWith,
  isKemDue,
  KEM_FLAG_CIPHERTEXT,
  KEM_FLAG_KEY,
  offer,
  sealedBlockBytes,
  sealedBytesOfFlags,
  splitBlock,
} from "./ratchet-kem.ts";
import {
  bodyKeys,
  COMMITMENT_BYTES,
  kemBlockKey,
  messageKey,
  nextChainKey,
  rootStep,
} from "./ratchet-keys.ts";
import {
  advance,
  dropExpired,
  type Epoch,
  limitSkipped,
  MAX_SKIP,
  takeSkipped,
} from "./ratchet-skipped.ts";
import { MAX_EPOCHS, type RatchetState } from "./ratchet-state.ts";

export const RATCHET_VERSION = 0x01;
export const HEADER_BYTES: number = DH_KEY_BYTES + 4 + 4 + 1;
export const SEALED_HEADER_BYTES: number = HEADER_BYTES + AEAD_TAG_BYTES;
export const COMMITMENT_OFFSET: number = 1 + AEAD_NONCE_BYTES + SEALED_HEADER_BYTES;
const HEAD_BYTES: number = COMMITMENT_OFFSET + COMMITMENT_BYTES;
/** A frame is this much longer than padded content, without a KEM block. */
export const FRAME_OVERHEAD_BYTES: number = HEAD_BYTES + AEAD_TAG_BYTES;
/** The one byte of padding that is always there. */
export const PAD_BYTES = 1;

const HEADER_AD: Uint8Array = Uint8Array.of(RATCHET_VERSION, SUITE);

/** What the handshake hands over. */
export interface RatchetSecrets {
  readonly transcript: Uint8Array;
  readonly rootKey: Uint8Array;
  /** Header key of the initiator's first chain. */
  readonly initiatorHeaderKey: Uint8Array;
  /** Header key of the responder's first chain. */
  readonly responderHeaderKey: Uint8Array;
}

export interface Encrypted {
  readonly state: RatchetState;
  readonly frame: Uint8Array;
  readonly commitment: Uint8Array;
}

export interface Decrypted {
  readonly state: RatchetState;
  readonly plaintext: Uint8Array;
}

interface Header {
  readonly peerKey: DhPublicKey;
  readonly previous: number;
  readonly number: number;
  readonly flags: number;
}

// --- start --------------------------------------------------------------------------------------

/** The initiator's side: its first send draws its first ratchet key. */
export function initiatorRatchet(
  secrets: RatchetSecrets,
  signedPrekey: DhPublicKey,
  hour: number,
): RatchetState {
  return {
    ...blank(secrets, hour),
    own: { publicKey: signedPrekey, secretKey: parseDhSecretKey(new Uint8Array(DH_KEY_BYTES)) },
    peerKey: signedPrekey,
    stepDue: true,
    nextSendHeaderKey: secrets.initiatorHeaderKey,
    nextReceiveHeaderKey: secrets.responderHeaderKey,
  };
}

/** The responder's side: its signed prekey is its first ratchet key. It cannot send before it has opened. */
export function responderRatchet(
  secrets: RatchetSecrets,
  signedPrekey: DhKeyPair,
  hour: number,
): RatchetState {
  return {
    ...blank(secrets, hour),
    own: signedPrekey,
    peerKey: EMPTY,
    stepDue: false,
    nextSendHeaderKey: secrets.responderHeaderKey,
    nextReceiveHeaderKey: secrets.initiatorHeaderKey,
  };
}

function blank(secrets: RatchetSecrets, hour: number) {
  return {
    transcript: secrets.transcript,
    rootKey: secrets.rootKey,
    sendChainKey: EMPTY,
    sendHeaderKey: EMPTY,
    sent: 0,
    previousSent: 0,
    receiveChainKey: EMPTY,
    receiveHeaderKey: EMPTY,
    received: 0,
    skipped: EMPTY,
    past: [],
    kemBlock: EMPTY,
    kemSeed: EMPTY,
    kemPeerKey: EMPTY,
    kemSteps: 0,
    kemHour: hour,
  } as const;
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

function sealFrame(
  state: RatchetState,
  plaintext: Uint8Array,
  frameBytes: number,
  random: Random,
): { readonly frame: Uint8Array; readonly commitment: Uint8Array } {
  const nonce = random(AEAD_NONCE_BYTES);
  const keys = bodyKeys(messageKey(state.sendChainKey), nonce);
  const sealedHeader = seal(state.sendHeaderKey, nonce, headerOf(state), HEADER_AD);
  const block = sealBlock(state, nonce, sealedHeader);
  const prefix = Uint8Array.of(RATCHET_VERSION);
  const associatedData = concat(
    state.transcript,
    prefix,
    nonce,
    sealedHeader,
    keys.commitment,
    block,
  );
  const head = associatedData.subarray(state.transcript.length);
  const padded = new Uint8Array(frameBytes - head.length - AEAD_TAG_BYTES);
  padded.set(plaintext);
  padded[plaintext.length] = 0x80;
  const body = seal(keys.key, keys.nonce, padded, associatedData);
  return { frame: concat(head, body), commitment: keys.commitment };
}

function headerOf(state: RatchetState): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(state.own.publicKey);
  view.setUint32(DH_KEY_BYTES, state.previousSent);
  view.setUint32(DH_KEY_BYTES + 4, state.sent);
  header[HEADER_BYTES - 1] = blockFlags(state.kemBlock);
  return header;
}

function sealBlock(state: RatchetState, nonce: Uint8Array, sealedHeader: Uint8Array): Uint8Array {
  if (state.kemBlock.length === 0) return EMPTY;
  const key = kemBlockKey(state.sendHeaderKey, nonce);
  return seal(key, nonce, state.kemBlock, sealedHeader);
}

// --- receiving ----------------------------------------------------------------------------------

/** @throws TumarError CANNOT_DECRYPT, ALREADY_OPENED */
export function decrypt(state: RatchetState, frame: Uint8Array, hour: number): Decrypted {
  const result = tryDecrypt(state, frame, hour);
  if (result === undefined) throw cannotDecrypt();
  return result;
}

export function cannotDecrypt(): TumarError {
  return new TumarError("CANNOT_DECRYPT", "cannot decrypt");
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
    return (
      inCurrentChain(state, frame, hour) ??
      inNewChain(state, frame, hour) ??
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

function openHeader(headerKey: Uint8Array, frame: Uint8Array): Header | undefined {
  if (headerKey.length === 0) return undefined;
  const nonce = frame.subarray(1, 1 + AEAD_NONCE_BYTES);
  const sealed = frame.subarray(1 + AEAD_NONCE_BYTES, COMMITMENT_OFFSET);
  const header = tryOpen(headerKey, nonce, sealed, HEADER_AD);
  return header === undefined ? undefined : parseHeader(header);
}

function parseHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint8(HEADER_BYTES - 1);
  if ((flags & ~(KEM_FLAG_KEY | KEM_FLAG_CIPHERTEXT)) !== 0) throw cannotDecrypt();
  return {
    peerKey: parseDhPublicKey(bytes.subarray(0, DH_KEY_BYTES)),
    previous: view.getUint32(DH_KEY_BYTES),
    number: view.getUint32(DH_KEY_BYTES + 4),
    flags,
  };
}

function openBlock(headerKey: Uint8Array, header: Header, frame: Uint8Array): Uint8Array {
  if (header.flags === 0) return EMPTY;
  const nonce = frame.subarray(1, 1 + AEAD_NONCE_BYTES);
  const sealedHeader = frame.subarray(1 + AEAD_NONCE_BYTES, COMMITMENT_OFFSET);
  const sealed = frame.subarray(HEAD_BYTES, HEAD_BYTES + sealedBytesOfFlags(header.flags));
  const block = tryOpen(kemBlockKey(headerKey, nonce), nonce, sealed, sealedHeader);
  if (block === undefined) throw cannotDecrypt();
  return block;
}

function openBody(
  transcript: Uint8Array,
  key: Uint8Array,
  header: Header,
  frame: Uint8Array,
): Uint8Array {
  const keys = bodyKeys(key, frame.subarray(1, 1 + AEAD_NONCE_BYTES));
  if (!equalSecret(keys.commitment, frame.subarray(COMMITMENT_OFFSET, HEAD_BYTES))) {
    throw cannotDecrypt();
  }
  const bodyAt = HEAD_BYTES + sealedBytesOfFlags(header.flags);
  const associatedData = concat(transcript, frame.subarray(0, bodyAt));
  const padded = tryOpen(keys.key, keys.nonce, frame.subarray(bodyAt), associatedData);
  if (padded === undefined) throw cannotDecrypt();
  return unpad(padded);
}

/** A view of the content before the last 0x80. */
function unpad(padded: Uint8Array): Uint8Array {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end--;
  if (padded[end] !== 0x80) throw cannotDecrypt();
  return padded.subarray(0, end);
}
