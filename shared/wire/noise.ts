/**
 * Noise_NK_25519_ChaChaPoly_BLAKE2b (Noise Protocol Framework, revision 34): the initiator knows the
 * responder's static key; the responder learns nothing about who the initiator is.
 *
 *     <- s
 *     -> e, es   + payload      message 1
 *     <- e, ee   + payload      message 2, then one cipher for each direction
 *
 * State is data: every function returns new state and changes nothing when it throws. Ephemeral
 * keys come from the `Random` passed in. `proofHash` is h after the tokens and before the payload of
 * message 1: a signature over it can ride inside that payload.
 */

import { concat, EMPTY, type Random, utf8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  AEAD_TAG_BYTES,
  blake2b,
  CHACHA_NONCE_BYTES,
  DH_KEY_BYTES,
  type DhKeyPair,
  type DhPublicKey,
  dh,
  dhKeyPair,
  openChaCha,
  parseDhPublicKey,
  sealChaCha,
} from "../crypto/sodium.ts";

const PROTOCOL_NAME = utf8("Noise_NK_25519_ChaChaPoly_BLAKE2b");
const HASH_BYTES = 64;
const BLOCK_BYTES = 128;
const KEY_BYTES = 32;

/** Ephemeral key and tag: what message 1 and message 2 add to their payload. */
export const HANDSHAKE_OVERHEAD_BYTES: number = DH_KEY_BYTES + AEAD_TAG_BYTES;
export const TRANSPORT_OVERHEAD_BYTES: number = AEAD_TAG_BYTES;

/**
 * Messages one key may seal. Far below the 2^64 - 1 of Noise, and a number that is exact in a double:
 * a counter can never stick or wrap.
 */
export const MAX_NONCE: number = 2 ** 32;

export interface CipherState {
  readonly key: Uint8Array;
  /** Of the next message. */
  readonly nonce: number;
}

/** Between the messages of a handshake. */
interface Symmetric {
  readonly chainingKey: Uint8Array;
  readonly hash: Uint8Array;
  readonly key: Uint8Array;
}

export interface InitiatorStart {
  readonly ephemeral: DhKeyPair;
  readonly symmetric: Symmetric;
  readonly proofHash: Uint8Array;
}

export interface InitiatorWaiting {
  readonly ephemeral: DhKeyPair;
  readonly symmetric: Symmetric;
}

export interface ResponderReady {
  readonly remoteEphemeral: DhPublicKey;
  readonly symmetric: Symmetric;
}

/** Both directions, and the handshake hash h that names this channel. */
export interface Transport {
  readonly send: CipherState;
  readonly receive: CipherState;
  readonly handshakeHash: Uint8Array;
}

/** Mixes the tokens of message 1; the payload may be decided afterwards. */
export function startInitiator(
  responderStatic: DhPublicKey,
  prologue: Uint8Array,
  random: Random,
): InitiatorStart {
  const ephemeral = dhKeyPair(random(DH_KEY_BYTES));
  const symmetric = mixKey(
    mixHash(initialize(prologue, responderStatic), ephemeral.publicKey),
    dh(ephemeral.secretKey, responderStatic),
  );
  return { ephemeral, symmetric, proofHash: symmetric.hash };
}

export function writeMessage1(
  state: InitiatorStart,
  payload: Uint8Array,
): { readonly state: InitiatorWaiting; readonly message: Uint8Array } {
  const sealed = encryptAndHash(state.symmetric, payload);
  return {
    state: { ephemeral: state.ephemeral, symmetric: sealed.symmetric },
    message: concat(state.ephemeral.publicKey, sealed.ciphertext),
  };
}

/** @throws TumarError MALFORMED, BAD_KEY, CANNOT_OPEN */
export function readMessage1(
  message: Uint8Array,
  responderStatic: DhKeyPair,
  prologue: Uint8Array,
): {
  readonly state: ResponderReady;
  readonly payload: Uint8Array;
  readonly proofHash: Uint8Array;
} {
  const { ephemeral: remoteEphemeral, ciphertext } = splitMessage(message);
  const symmetric = mixKey(
    mixHash(initialize(prologue, responderStatic.publicKey), remoteEphemeral),
    dh(responderStatic.secretKey, remoteEphemeral),
  );
  const opened = decryptAndHash(symmetric, ciphertext);
  return {
    state: { remoteEphemeral, symmetric: opened.symmetric },
    payload: opened.payload,
    proofHash: symmetric.hash,
  };
}

export function writeMessage2(
  state: ResponderReady,
  payload: Uint8Array,
  random: Random,
): { readonly transport: Transport; readonly message: Uint8Array } {
  const ephemeral = dhKeyPair(random(DH_KEY_BYTES));
  const symmetric = mixKey(
    mixHash(state.symmetric, ephemeral.publicKey),
    dh(ephemeral.secretKey, state.remoteEphemeral),
  );
  const sealed = encryptAndHash(symmetric, payload);
  const [toResponder, toInitiator] = split(sealed.symmetric);
  return {
    transport: {
      send: toInitiator,
      receive: toResponder,
      handshakeHash: sealed.symmetric.hash,
    },
    message: concat(ephemeral.publicKey, sealed.ciphertext),
  };
}

/** @throws TumarError MALFORMED, BAD_KEY, CANNOT_OPEN */
export function readMessage2(
  state: InitiatorWaiting,
  message: Uint8Array,
): { readonly transport: Transport; readonly payload: Uint8Array } {
  const { ephemeral: remoteEphemeral, ciphertext } = splitMessage(message);
  const symmetric = mixKey(
    mixHash(state.symmetric, remoteEphemeral),
    dh(state.ephemeral.secretKey, remoteEphemeral),
  );
  const opened = decryptAndHash(symmetric, ciphertext);
  const [toResponder, toInitiator] = split(opened.symmetric);
  return {
    transport: {
      send: toResponder,
      receive: toInitiator,
      handshakeHash: opened.symmetric.hash,
    },
    payload: opened.payload,
  };
}

/** @throws TumarError CHANNEL_EXHAUSTED */
export function sealTransport(
  cipher: CipherState,
  plaintext: Uint8Array,
): { readonly cipher: CipherState; readonly message: Uint8Array } {
  const message = sealChaCha(cipher.key, nonceOf(cipher), plaintext, EMPTY);
  return { cipher: { key: cipher.key, nonce: cipher.nonce + 1 }, message };
}

/** Messages open in the order they were sealed only. @throws TumarError CANNOT_OPEN, CHANNEL_EXHAUSTED */
export function openTransport(
  cipher: CipherState,
  message: Uint8Array,
): { readonly cipher: CipherState; readonly plaintext: Uint8Array } {
  const plaintext = openChaCha(cipher.key, nonceOf(cipher), message, EMPTY);
  return { cipher: { key: cipher.key, nonce: cipher.nonce + 1 }, plaintext };
}

/** 32 zero bits, then the counter as 64 bits little-endian (Noise 12.3). */
function nonceOf({ nonce }: CipherState): Uint8Array {
  if (nonce >= MAX_NONCE) throw new TumarError("CHANNEL_EXHAUSTED", "no nonce is left");
  const out = new Uint8Array(CHACHA_NONCE_BYTES);
  out[4] = nonce;
  out[5] = nonce >>> 8;
  out[6] = nonce >>> 16;
  out[7] = nonce >>> 24;
  return out;
}

function splitMessage(message: Uint8Array): {
  readonly ephemeral: DhPublicKey;
  readonly ciphertext: Uint8Array;
} {
  if (message.length < HANDSHAKE_OVERHEAD_BYTES) {
    throw new TumarError("MALFORMED", "handshake message is too short");
  }
  return {
    ephemeral: parseDhPublicKey(message.subarray(0, DH_KEY_BYTES)),
    ciphertext: message.subarray(DH_KEY_BYTES),
  };
}

// --- the symmetric state of Noise 5.2 -----------------------------------------------------------

/** Up to the first token: name, prologue, and the responder's static key known beforehand. */
function initialize(prologue: Uint8Array, responderStatic: DhPublicKey): Symmetric {
  const hash = new Uint8Array(HASH_BYTES);
  hash.set(PROTOCOL_NAME);
  const start: Symmetric = { chainingKey: hash, hash, key: EMPTY };
  return mixHash(mixHash(start, prologue), responderStatic);
}

function mixHash(state: Symmetric, data: Uint8Array): Symmetric {
  return { ...state, hash: blake2b(HASH_BYTES, concat(state.hash, data)) };
}

function mixKey(state: Symmetric, input: Uint8Array): Symmetric {
  const [chainingKey, key] = hkdf(state.chainingKey, input);
  return { chainingKey, key: key.slice(0, KEY_BYTES), hash: state.hash };
}

/** Each key seals one payload of the handshake, so its nonce is always 0. */
function encryptAndHash(
  state: Symmetric,
  payload: Uint8Array,
): { readonly symmetric: Symmetric; readonly ciphertext: Uint8Array } {
  const ciphertext = sealChaCha(state.key, new Uint8Array(CHACHA_NONCE_BYTES), payload, state.hash);
  return { symmetric: mixHash(state, ciphertext), ciphertext };
}

function decryptAndHash(
  state: Symmetric,
  ciphertext: Uint8Array,
): { readonly symmetric: Symmetric; readonly payload: Uint8Array } {
  const nonce = new Uint8Array(CHACHA_NONCE_BYTES);
  const payload = openChaCha(state.key, nonce, ciphertext, state.hash);
  return { symmetric: mixHash(state, ciphertext), payload };
}

function split(state: Symmetric): readonly [CipherState, CipherState] {
  const [first, second] = hkdf(state.chainingKey, EMPTY);
  return [
    { key: first.slice(0, KEY_BYTES), nonce: 0 },
    { key: second.slice(0, KEY_BYTES), nonce: 0 },
  ];
}

/** HKDF of Noise 4.3 with HMAC-BLAKE2b (RFC 2104; BLAKE2's keyed mode is not used by Noise). */
function hkdf(chainingKey: Uint8Array, input: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const temporary = hmac(chainingKey, input);
  const first = hmac(temporary, Uint8Array.of(1));
  return [first, hmac(temporary, concat(first, Uint8Array.of(2)))];
}

/** `key` has at most one block. */
function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const inner = new Uint8Array(BLOCK_BYTES).fill(0x36);
  const outer = new Uint8Array(BLOCK_BYTES).fill(0x5c);
  key.forEach((byte, i) => {
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  });
  return blake2b(HASH_BYTES, concat(outer, blake2b(HASH_BYTES, concat(inner, message))));
}
