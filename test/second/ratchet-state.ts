/**
 * Section 7: the state of one end of a session and the steps that change it. Every step returns a
 * new state, so a frame that fails changes nothing.
 */

import { EMPTY, lp } from "./bytes.ts";
import type { KemBlock } from "./frame.ts";
import type { SessionKeys } from "./handshake.ts";
import { agreementPublicKey, H } from "./primitives.ts";

export interface RatchetPair {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
}

export interface SendingChain {
  readonly chainKey: Uint8Array;
  readonly headerKey: Uint8Array;
  readonly next: number;
  readonly pn: number;
  /** Stands in every frame of the chain. */
  readonly block: KemBlock;
}

export interface ReceivingChain {
  readonly chainKey: Uint8Array;
  readonly headerKey: Uint8Array;
  readonly next: number;
}

export interface ClosedChain {
  readonly headerKey: Uint8Array;
  /** How many messages its sender put into it. */
  readonly length: number;
}

export interface KeptKey {
  readonly headerKey: Uint8Array;
  readonly n: number;
  readonly messageKey: Uint8Array;
  readonly keptAtHour: number;
}

export interface Ratchet {
  readonly transcriptHash: Uint8Array;
  readonly rootKey: Uint8Array;
  readonly own: RatchetPair | undefined;
  readonly peer: Uint8Array | undefined;
  readonly sendingStepDue: boolean;
  readonly sending: SendingChain | undefined;
  readonly receiving: ReceivingChain | undefined;
  readonly nextSendingHeaderKey: Uint8Array;
  readonly nextReceivingHeaderKey: Uint8Array;
  /** The newest last. */
  readonly closed: readonly ClosedChain[];
  readonly kept: readonly KeptKey[];
  /** Seed of our own proposal while it is unanswered. */
  readonly ownProposal: Uint8Array | undefined;
  /** The peer's proposal while it is unanswered. */
  readonly peerProposal: Uint8Array | undefined;
  readonly stepsSinceSecret: number;
  readonly secretAtHour: number;
}

function start(keys: SessionKeys, hour: number) {
  return {
    transcriptHash: keys.transcriptHash,
    rootKey: keys.SK,
    sending: undefined,
    receiving: undefined,
    closed: [],
    kept: [],
    ownProposal: undefined,
    peerProposal: undefined,
    stepsSinceSecret: 0,
    secretAtHour: hour,
  };
}

export function startInitiator(keys: SessionKeys, spk: Uint8Array, hour: number): Ratchet {
  return {
    ...start(keys, hour),
    own: undefined,
    peer: spk,
    sendingStepDue: true,
    nextSendingHeaderKey: keys.HKA,
    nextReceivingHeaderKey: keys.NHKB,
  };
}

export function startResponder(keys: SessionKeys, spkSecret: Uint8Array, hour: number): Ratchet {
  return {
    ...start(keys, hour),
    own: ratchetPair(spkSecret),
    peer: undefined,
    sendingStepDue: false,
    nextSendingHeaderKey: keys.NHKB,
    nextReceivingHeaderKey: keys.HKA,
  };
}

export function ratchetPair(secret: Uint8Array): RatchetPair {
  return { secret, publicKey: agreementPublicKey(secret) };
}

export interface RootStep {
  readonly rootKey: Uint8Array;
  readonly chainKey: Uint8Array;
  readonly nextHeaderKey: Uint8Array;
}

export function rootStep(
  rootKey: Uint8Array,
  dh: Uint8Array,
  ss: Uint8Array | undefined,
  block: KemBlock,
): RootStep {
  const mixed = lp(dh, ss ?? EMPTY, block.proposal ?? EMPTY, block.answer ?? EMPTY);
  const p = H(rootKey, "dr.root", mixed, 64);
  return {
    rootKey: H(p, "rk", EMPTY, 32),
    chainKey: H(p, "ck", EMPTY, 32),
    nextHeaderKey: H(p, "nhk", EMPTY, 32),
  };
}

/** Since when no shared secret was mixed in, after one more root step. */
export function sinceSecret(
  state: Ratchet,
  mixed: boolean,
  hour: number,
): Pick<Ratchet, "stepsSinceSecret" | "secretAtHour"> {
  return mixed
    ? { stepsSinceSecret: 0, secretAtHour: hour }
    : { stepsSinceSecret: state.stepsSinceSecret + 1, secretAtHour: state.secretAtHour };
}

export function messageKey(chainKey: Uint8Array): Uint8Array {
  return H(chainKey, "mk", EMPTY, 32);
}

export function nextChainKey(chainKey: Uint8Array): Uint8Array {
  return H(chainKey, "ck", EMPTY, 32);
}
