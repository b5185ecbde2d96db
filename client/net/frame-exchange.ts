/**
 * The frames of one connection: what waits to be sent, what waits for its answer, and which keys
 * are proven. Knows nothing of sockets; the connection asks it for frames and gives it answers.
 *
 * What the relay refuses in message 1 for want of a current epoch goes out once more, proofs
 * included, in the order it was asked and before all that was not sent yet.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair, SigningPublicKey } from "../../shared/crypto/sodium.ts";
import type { ClientChannel } from "../../shared/wire/client-channel.ts";
import { CLIENT_FRAMES } from "../../shared/wire/frame-table.ts";
import type { ClientFrame, ErrorFrame, RelayFrame } from "../../shared/wire/frames.ts";
import { DEFAULT_FRAMES_PER_SECOND, MAX_CHANNEL_MESSAGE_BYTES } from "../../shared/wire/limits.ts";
import type { Outgoing } from "./outgoing.ts";
import { ProveRequest } from "./prove-request.ts";
import { refusalOf } from "./refusals.ts";
import { type Item, newItem, type Room, SendQueue } from "./send-queue.ts";

export interface ExchangeEvents {
  /** The identity key of the relay the channel leads to; asked when a proof is sent. */
  relayIdentity(): SigningPublicKey;
  /** The relay told its current epoch beside a refusal. */
  onEpoch(epoch: Uint8Array): void;
}

export class FrameExchange {
  readonly #events: ExchangeEvents;
  readonly #queue = new SendQueue();
  readonly #sent = new Map<number, Item>();
  readonly #proofs = new Map<string, ProveRequest>();
  #message1: Item[] = [];
  #lastRequestId = 0;
  #unanswered = 0;
  /** Frames that may be unanswered: a relay that takes so many a second never has to refuse one. */
  maxUnanswered: number = DEFAULT_FRAMES_PER_SECOND;

  constructor(events: ExchangeEvents) {
    this.#events = events;
  }

  /** Something could be sent now. */
  get hasNext(): boolean {
    return !this.#queue.isEmpty && this.#unanswered < this.maxUnanswered;
  }

  /** What could be sent now is only parts of blobs. */
  get isBulkNext(): boolean {
    return this.#queue.isBulkNext;
  }

  /** Nothing waits to be sent or answered; subscriptions do not count. */
  get isQuiet(): boolean {
    return this.#queue.isEmpty && this.#unanswered === 0;
  }

  /** Something was sent that is still to be answered, subscriptions included. */
  get isWaiting(): boolean {
    if (this.#unanswered > 0) return true;
    for (const { outgoing } of this.#sent.values()) {
      if (outgoing.isOwedMore === true && !outgoing.isSettled) return true;
    }
    return false;
  }

  /** Queues a frame and, before the first of its key, the proof. */
  submit(outgoing: Outgoing): void {
    this.#queue.push(newItem(outgoing, this.#proofOf(outgoing.proveWith)));
  }

  /** The frames of message 1. Seal them at once. */
  takeFirst(channel: ClientChannel): readonly ClientFrame[] {
    const items = this.#queue.take(this.maxUnanswered, roomOf(channel));
    for (const item of items) item.wasInMessage1 = true;
    this.#message1 = items;
    return this.#framesOf(items, channel);
  }

  /** Frames for one more channel message, none when all have been cancelled. Seal them at once. */
  takeNext(channel: ClientChannel): readonly ClientFrame[] {
    const count = this.maxUnanswered - this.#unanswered;
    return this.#framesOf(this.#queue.take(count, roomOf(channel)), channel);
  }

  /** No key opened message 1: nobody has read its frames. */
  takeBackFirst(): void {
    for (const item of this.#message1) this.#queue.repeat(item);
    this.#sent.clear();
    this.#unanswered = 0;
  }

  /** @throws TumarError RELAY_FAULT; what an error about no request says */
  receive(frame: RelayFrame): void {
    if (frame.requestId === 0 && frame.type === "error") throw refusalOf(frame);
    if (frame.requestId > this.#lastRequestId) {
      throw new TumarError("RELAY_FAULT", "an answer to nothing that was asked");
    }
    const item = this.#sent.get(frame.requestId);
    if (item === undefined) return;
    if (frame.type === "error") this.#onError(frame, item);
    else this.#onAnswer(frame, item);
  }

  /** After the one answer of an exchange. @throws TumarError RELAY_FAULT */
  checkAnswered(): void {
    if (this.#unanswered === 0) return;
    throw new TumarError("RELAY_FAULT", "the relay left a frame without an answer");
  }

  /** The connection is gone. What was never sent is returned, the rest is told. */
  end(error: TumarError): readonly Outgoing[] {
    const unsent = this.#queue.takeAll().map(({ outgoing }) => outgoing);
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    for (const { outgoing } of sent) outgoing.onBroken(error);
    return unsent;
  }

  #onAnswer(frame: RelayFrame, item: Item): void {
    const { outgoing } = item;
    const allowed: readonly string[] = CLIENT_FRAMES[outgoing.type].answers;
    if (!allowed.includes(frame.type)) {
      throw new TumarError("RELAY_FAULT", `${frame.type} in answer to ${outgoing.type}`);
    }
    this.#countAnswer(item);
    const goesOn = outgoing.type === "subscribe" && frame.type !== "taken-over";
    if (!goesOn) this.#sent.delete(frame.requestId);
    outgoing.onAnswer(frame);
  }

  #onError(frame: ErrorFrame, item: Item): void {
    this.#sent.delete(frame.requestId);
    this.#countAnswer(item);
    const error = refusalOf(frame);
    if (error.code === "RETRY") this.#events.onEpoch(frame.data);
    if (mayRepeat(item, error)) {
      item.wasRepeated = true;
      this.#queue.repeat(item);
      return;
    }
    if (item.outgoing instanceof ProveRequest) this.#forgetProof(item.outgoing);
    const cause = error.code === "PROOF_REQUIRED" ? item.proof?.error : undefined;
    item.outgoing.onRefused(cause ?? error);
  }

  /** A subscription counts until its first answer. */
  #countAnswer(item: Item): void {
    if (item.isUnanswered) this.#unanswered--;
    item.isUnanswered = false;
  }

  #framesOf(items: readonly Item[], channel: ClientChannel): readonly ClientFrame[] {
    const { proofHash } = channel;
    this.#unanswered += items.length;
    return items.map((item) => {
      const requestId = ++this.#lastRequestId;
      this.#sent.set(requestId, item);
      item.isUnanswered = true;
      return item.outgoing.frame(requestId, proofHash);
    });
  }

  #proofOf(key: SigningKeyPair | undefined): ProveRequest | undefined {
    if (key === undefined) return undefined;
    const name = toHex(key.publicKey);
    const known = this.#proofs.get(name);
    if (known !== undefined) return known;
    const proof = new ProveRequest(key, () => this.#events.relayIdentity());
    this.#proofs.set(name, proof);
    this.submit(proof);
    return proof;
  }

  /** The next frame of that key tries again. */
  #forgetProof(proof: ProveRequest): void {
    for (const [name, known] of this.#proofs) if (known === proof) this.#proofs.delete(name);
  }
}

function roomOf(channel: ClientChannel): Room {
  return {
    ordinary: channel.frameRoom(),
    largest: channel.frameRoom(MAX_CHANNEL_MESSAGE_BYTES),
    isFirst: !channel.isOpen,
  };
}

/** Refused only because message 1 might have been a replay. */
function mayRepeat({ wasInMessage1, wasRepeated }: Item, error: TumarError): boolean {
  const isForWantOfEpoch = error.code === "RETRY" || error.code === "PROOF_REQUIRED";
  return wasInMessage1 && !wasRepeated && isForWantOfEpoch;
}
