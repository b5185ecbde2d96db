/**
 * The two first states of a ratchet, from what the handshake agreed on.
 * Normative text: docs/CRYPTOGRAPHY.md 7, "Start".
 */

import { EMPTY } from "../crypto/bytes.ts";
import {
  DH_KEY_BYTES,
  type DhKeyPair,
  type DhPublicKey,
  parseDhSecretKey,
} from "../crypto/sodium.ts";
import type { RatchetState } from "./ratchet-state.ts";

/** What the handshake hands over. */
export interface RatchetSecrets {
  readonly transcript: Uint8Array;
  readonly rootKey: Uint8Array;
  /** Header key of the initiator's first chain. */
  readonly initiatorHeaderKey: Uint8Array;
  /** Header key of the responder's first chain. */
  readonly responderHeaderKey: Uint8Array;
}

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
