/** Section 7, the sending side, from random bytes given in the order in which they were drawn. */

import { type KemBlock, sealFrame } from "./frame.ts";
import { agree } from "./primitives.ts";
import {
  messageKey,
  nextChainKey,
  type Ratchet,
  type RatchetPair,
  ratchetPair,
  rootStep,
  type SendingChain,
  sinceSecret,
} from "./ratchet-state.ts";
import { encapsulate, kemPublicKey } from "./x-wing.ts";

const STEPS_BETWEEN_SECRETS = 8;
const HOURS_BETWEEN_SECRETS = 24;
const OVERHEAD_BYTES = 130;
const PROPOSAL_BYTES = 1216 + 16;

/** Random bytes drawn before; asks must match their lengths, and none may be left. */
export class Draws {
  readonly #left: Uint8Array[];

  constructor(drawn: readonly Uint8Array[]) {
    this.#left = [...drawn];
  }

  take(length: number): Uint8Array {
    const next = this.#left.shift();
    if (next?.length !== length) throw new RangeError(`no draw of ${length} bytes comes next`);
    return next;
  }

  end(): void {
    if (this.#left.length > 0) throw new RangeError("draws left over");
  }
}

export interface Sealed {
  readonly state: Ratchet;
  readonly frame: Uint8Array;
}

export function sealContent(
  before: Ratchet,
  content: Uint8Array,
  frameBytes: number,
  hour: number,
  draws: Draws,
): Sealed {
  const room = frameBytes - OVERHEAD_BYTES - content.length - 1;
  const state = before.sendingStepDue ? sendingStep(before, room, hour, draws) : before;
  const { sending, own } = state;
  if (sending === undefined || own === undefined) throw new TypeError("may not send yet");
  const frame = sealFrame({
    transcriptHash: state.transcriptHash,
    headerKey: sending.headerKey,
    messageKey: messageKey(sending.chainKey),
    nonce: draws.take(24),
    header: { ratchetKey: own.publicKey, pn: sending.pn, n: sending.next },
    block: sending.block,
    content,
    frameBytes,
  });
  return { frame, state: { ...state, sending: afterOne(sending) } };
}

function afterOne(sending: SendingChain): SendingChain {
  return { ...sending, chainKey: nextChainKey(sending.chainKey), next: sending.next + 1 };
}

function sendingStep(state: Ratchet, room: number, hour: number, draws: Draws): Ratchet {
  if (state.peer === undefined) throw new TypeError("no ratchet key of the peer");
  const own: RatchetPair = ratchetPair(draws.take(32));
  const kem =
    state.peerProposal === undefined ? undefined : encapsulate(state.peerProposal, draws.take(64));
  const ownProposal = proposalDue(state, room, hour) ? draws.take(32) : undefined;
  const block: KemBlock = {
    proposal: ownProposal === undefined ? undefined : kemPublicKey(ownProposal),
    answer: kem?.ciphertext,
  };
  const step = rootStep(state.rootKey, agree(own.secret, state.peer), kem?.shared, block);
  return {
    ...state,
    ...sinceSecret(state, kem !== undefined, hour),
    own,
    rootKey: step.rootKey,
    sendingStepDue: false,
    sending: {
      chainKey: step.chainKey,
      headerKey: state.nextSendingHeaderKey,
      next: 0,
      pn: state.sending?.next ?? 0,
      block,
    },
    nextSendingHeaderKey: step.nextHeaderKey,
    ownProposal: ownProposal ?? state.ownProposal,
    peerProposal: undefined,
  };
}

function proposalDue(state: Ratchet, room: number, hour: number): boolean {
  const unanswered = state.ownProposal !== undefined || state.peerProposal !== undefined;
  const longAgo =
    state.stepsSinceSecret >= STEPS_BETWEEN_SECRETS ||
    hour - state.secretAtHour >= HOURS_BETWEEN_SECRETS;
  return !unanswered && longAgo && room >= PROPOSAL_BYTES;
}
