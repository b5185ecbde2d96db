/** Section 7, opening a frame: which chain its header belongs to, and the key of its message. */

import { equal } from "./bytes.ts";
import {
  type Frame,
  type Header,
  openBody,
  openHeader,
  openKemBlock,
  splitFrame,
} from "./frame.ts";
import { agree } from "./primitives.ts";
import {
  type KeptKey,
  messageKey,
  nextChainKey,
  type Ratchet,
  type ReceivingChain,
  rootStep,
  sinceSecret,
} from "./ratchet-state.ts";
import { cannotDecrypt, demand, Refused } from "./refused.ts";
import { decapsulate } from "./x-wing.ts";

const MOST_PASSED_OVER = 512;
const MOST_KEPT = 512;
const MOST_CLOSED = 5;
const KEPT_HOURS = 744;

export interface Opened {
  readonly state: Ratchet;
  readonly content: Uint8Array;
}

interface Keyed {
  readonly state: Ratchet;
  readonly messageKey: Uint8Array;
}

/** ALREADY_OPENED, or CANNOT_DECRYPT, or the new state and the content. */
export function openFrame(state: Ratchet, bytes: Uint8Array, hour: number): Opened {
  return cannotDecrypt(() => {
    const frame = splitFrame(bytes);
    const kept = state.kept.filter((key) => hour - key.keptAtHour < KEPT_HOURS);
    const { keyed, header } = findKey({ ...state, kept }, frame, hour);
    const content = openBody(frame, header, keyed.messageKey, state.transcriptHash);
    return { state: keyed.state, content };
  });
}

function findKey(state: Ratchet, frame: Frame, hour: number): { keyed: Keyed; header: Header } {
  for (const headerKey of headerKeys(state)) {
    const header = openHeader(frame, headerKey);
    if (header !== undefined) {
      return { header, keyed: keyFor(state, frame, header, headerKey, hour) };
    }
  }
  throw new Refused("CANNOT_DECRYPT", "no header key fits");
}

/** In the order in which they are tried. */
function headerKeys(state: Ratchet): Uint8Array[] {
  const current = state.receiving === undefined ? [] : [state.receiving.headerKey];
  const closed = state.closed.map((chain) => chain.headerKey).reverse();
  return [...current, state.nextReceivingHeaderKey, ...closed];
}

function keyFor(
  state: Ratchet,
  frame: Frame,
  header: Header,
  headerKey: Uint8Array,
  hour: number,
): Keyed {
  const { receiving } = state;
  if (equal(headerKey, state.nextReceivingHeaderKey)) {
    const stepped = receivingStep(state, frame, header, headerKey, hour);
    return advance(stepped.state, stepped.chain, header, hour);
  }
  openKemBlock(frame, header, headerKey);
  const closed = state.closed.find((chain) => equal(chain.headerKey, headerKey));
  if (closed !== undefined) {
    demand(header.n < closed.length, "beyond the end of its chain");
    return takeKept(state, headerKey, header.n);
  }
  demand(receiving !== undefined, "no chain");
  demand(state.peer !== undefined && equal(header.ratchetKey, state.peer), "key of the chain");
  if (header.n < receiving.next) return takeKept(state, headerKey, header.n);
  return advance(state, receiving, header, hour);
}

function takeKept(state: Ratchet, headerKey: Uint8Array, n: number): Keyed {
  const found = state.kept.find((key) => key.n === n && equal(key.headerKey, headerKey));
  demand(found !== undefined, "already opened", "ALREADY_OPENED");
  const kept = state.kept.filter((key) => key !== found);
  return { state: { ...state, kept }, messageKey: found.messageKey };
}

/** Moves to the header's number and one beyond, keeping the keys in between. */
function advance(state: Ratchet, chain: ReceivingChain, header: Header, hour: number): Keyed {
  const skipped = passOver(chain, header.n, hour);
  const receiving = {
    ...chain,
    chainKey: nextChainKey(skipped.chainKey),
    next: header.n + 1,
  };
  return {
    state: { ...state, receiving, kept: [...state.kept, ...skipped.kept].slice(-MOST_KEPT) },
    messageKey: messageKey(skipped.chainKey),
  };
}

function passOver(chain: ReceivingChain, to: number, hour: number) {
  demand(to - chain.next <= MOST_PASSED_OVER, "too many passed over");
  const kept: KeptKey[] = [];
  let { chainKey } = chain;
  for (let n = chain.next; n < to; n += 1) {
    kept.push({
      headerKey: chain.headerKey,
      n,
      messageKey: messageKey(chainKey),
      keptAtHour: hour,
    });
    chainKey = nextChainKey(chainKey);
  }
  return { kept, chainKey };
}

function receivingStep(
  state: Ratchet,
  frame: Frame,
  header: Header,
  headerKey: Uint8Array,
  hour: number,
): { state: Ratchet; chain: ReceivingChain } {
  demand(!state.sendingStepDue && state.own !== undefined, "the peer cannot have a new chain");
  demand(header.n <= MOST_PASSED_OVER, "too many passed over");
  const closing = closeChain(state, header.pn, hour);
  const block = openKemBlock(frame, header, headerKey);
  const ss = block.answer === undefined ? undefined : answered(state, block.answer);
  const step = rootStep(state.rootKey, agree(state.own.secret, header.ratchetKey), ss, block);
  const next = {
    ...state,
    ...closing,
    ...sinceSecret(state, ss !== undefined, hour),
    rootKey: step.rootKey,
    peer: header.ratchetKey,
    sendingStepDue: true,
    nextReceivingHeaderKey: step.nextHeaderKey,
    ownProposal: ss === undefined ? state.ownProposal : undefined,
    peerProposal: block.proposal ?? state.peerProposal,
  };
  return { state: next, chain: { chainKey: step.chainKey, headerKey, next: 0 } };
}

function answered(state: Ratchet, ciphertext: Uint8Array): Uint8Array {
  demand(state.ownProposal !== undefined, "an answer to no proposal");
  return decapsulate(state.ownProposal, ciphertext);
}

function closeChain(state: Ratchet, pn: number, hour: number) {
  const { receiving } = state;
  if (receiving === undefined) {
    demand(pn === 0, "there was no chain before");
    return {};
  }
  demand(pn >= receiving.next, "the chain before was longer");
  const { kept } = passOver(receiving, pn, hour);
  return {
    kept: [...state.kept, ...kept].slice(-MOST_KEPT),
    closed: [...state.closed, { headerKey: receiving.headerKey, length: pn }].slice(-MOST_CLOSED),
  };
}
