/**
 * One frozen conversation between two ends of this implementation: from the recorded secrets and
 * draws it seals every frame again, which must be the recorded one, and opens it at the other end.
 */

import assert from "node:assert/strict";
import { fromHex, hex } from "./bytes.ts";
import { BUCKETS, frameBytes, unwrap, wrap } from "./envelope.ts";
import {
  type Answered,
  answer,
  type Begun,
  begin,
  type Chosen,
  type ResponderSecrets,
  splitFirstFlight,
} from "./handshake.ts";
import { PREKEY_ROLE } from "./prekeys.ts";
import { agreementPublicKey } from "./primitives.ts";
import { openFrame } from "./ratchet-open.ts";
import { Draws, sealContent } from "./ratchet-seal.ts";
import { type Ratchet, startInitiator, startResponder } from "./ratchet-state.ts";
import type { ConversationVector, MessageVector, PartyVector } from "./transcripts.ts";
import { kemPublicKey } from "./x-wing.ts";

const bytes = fromHex;

function secretsOf(party: PartyVector): ResponderSecrets {
  const [kpkSeed, kemSeed] = [bytes(party.kpk.seed), bytes(party.pair.kemSeed)];
  return {
    root: bytes(party.root),
    deviceId: bytes(party.deviceId),
    IKs: bytes(party.IKs),
    IKd: bytes(party.IKd),
    IKdSecret: bytes(party.IKdSecret),
    spk: { id: party.spk.id, secret: bytes(party.spk.secret) },
    kpk: { id: party.kpk.id, seed: kpkSeed, publicKey: kemPublicKey(kpkSeed) },
    pair: {
      id: party.pair.id,
      opkSecret: bytes(party.pair.opkSecret),
      kemSeed,
      kemKey: kemPublicKey(kemSeed),
    },
  };
}

/** What the relay would have given the initiator. */
function chosenOf(responder: ResponderSecrets, withPair: boolean): Chosen {
  const { spk, kpk, pair } = responder;
  const signed = { spkId: spk.id, spk: agreementPublicKey(spk.secret) };
  return withPair
    ? {
        ...signed,
        kemId: pair.id,
        kemRole: PREKEY_ROLE.pair,
        kemKey: pair.kemKey,
        opk: agreementPublicKey(pair.opkSecret),
      }
    : {
        ...signed,
        kemId: kpk.id,
        kemRole: PREKEY_ROLE.kpk,
        kemKey: kpk.publicKey,
        opk: undefined,
      };
}

export interface Ends {
  readonly initiator: Ratchet;
  readonly responder: Ratchet;
}

/** The conversation, its two sides made ready, and what both must have agreed on. */
export class Conversation {
  readonly vector: ConversationVector;
  readonly responder: ResponderSecrets;
  readonly initiator: ResponderSecrets;

  constructor(vector: ConversationVector) {
    this.vector = vector;
    this.responder = secretsOf(vector.responder);
    this.initiator = secretsOf(vector.initiator);
  }

  begin(): Begun {
    const { handshake, withPair } = this.vector;
    const [ephemeralSecret, encapsulationSeed] = handshake.draws.map(bytes);
    assert.ok(ephemeralSecret && encapsulationSeed);
    const chosen = chosenOf(this.responder, withPair);
    const block = bytes(handshake.identityBlock);
    const draws = { ephemeralSecret, encapsulationSeed };
    return begin(this.initiator, this.responder, chosen, block, draws);
  }

  answer(prefix: Uint8Array): Answered {
    return answer(splitFirstFlight(prefix).prefix, this.responder);
  }

  start(): Ends {
    const { keys } = this.begin();
    const [first] = this.vector.messages;
    assert.ok(first);
    const hour = hourOf(first);
    const answered = this.answer(bytes(this.vector.handshake.prefix));
    return {
      initiator: startInitiator(keys, agreementPublicKey(this.responder.spk.secret), hour),
      responder: startResponder(answered.keys, this.responder.spk.secret, hour),
    };
  }

  /** The vector's frame, with the prefix in front of a first flight, as it lies in the envelope. */
  wrapped(message: MessageVector): Uint8Array {
    const wrapKey = bytes(this.vector.wrapKey);
    return message.envelope === undefined
      ? wrap(wrapKey, bytes(message.envelopeNonce), bytes(message.frame ?? ""))
      : bytes(message.envelope);
  }

  unwrapped(message: MessageVector): { prefix: Uint8Array | undefined; frame: Uint8Array } {
    const inside = unwrap(bytes(this.vector.wrapKey), this.wrapped(message));
    if (inside[0] !== 2) return { prefix: undefined, frame: inside };
    const { prefix, frame } = splitFirstFlight(inside);
    return { prefix: prefix.bytes, frame };
  }

  /** The sender's state after the message, which must come out as recorded. */
  send(ends: Ends, message: MessageVector): Ends {
    const { prefix, frame } = this.unwrapped(message);
    const draws = new Draws(message.draws.map(bytes));
    const room = frameBytes(message.bucket) - (prefix?.length ?? 0);
    const content = bytes(message.content);
    const sent = sealContent(ends[message.from], content, room, hourOf(message), draws);
    draws.end();
    assert.equal(hex(sent.frame), hex(frame));
    return { ...ends, [message.from]: sent.state };
  }

  /** The other end's state after the message, whose content must come out as recorded. */
  receive(ends: Ends, message: MessageVector): Ends {
    const to = receiverOf(message);
    const opened = openFrame(ends[to], this.unwrapped(message).frame, hourOf(message));
    assert.equal(hex(opened.content), message.content);
    return { ...ends, [to]: opened.state };
  }

  pass(ends: Ends, message: MessageVector): Ends {
    return this.receive(this.send(ends, message), message);
  }
}

export function receiverOf(message: MessageVector): keyof Ends {
  return message.from === "initiator" ? "responder" : "initiator";
}

export function hourOf(message: MessageVector): number {
  return Math.floor(message.minute / 60);
}

/** The smallest bucket for an envelope with so many bytes in it besides the wrapping. */
export function smallestBucket(inside: number): number | undefined {
  return BUCKETS.find((bucket) => frameBytes(bucket) >= inside);
}
