/**
 * Hands out one mailbox in one exchange: what waits, oldest first, as much as the answer takes; if
 * nothing waits, the exchange is held until something comes or the wait ends.
 *
 *     reading ──something──> ended            (slices and whole envelopes, `empty` if that was all)
 *        │ ▲
 *        ▼ └─woken── holding ──wait over──> ended (`empty`)
 *
 * Nothing is left behind: the next subscription begins before the first envelope again.
 */

import { equalBytes } from "../shared/crypto/bytes.ts";
import { EMPTY_FRAME_BYTES, LEAST_SLICE_BYTES } from "../shared/wire/answer-room.ts";
import type { RequestId, Subscribe } from "../shared/wire/frames.ts";
import { DELIVER_HEAD_BYTES } from "../shared/wire/padding.ts";
import type { Peer } from "./peer.ts";
import type { Services } from "./services.ts";
import type { MailboxHandle, WaitingEnvelope } from "./store/store.ts";
import type { Subscriber, SubscriptionEnd } from "./subscriptions.ts";

/** What a held delivery needs of its exchange. */
export interface HoldingPeer extends Peer {
  /** False once the exchange is to be answered as soon as it can be. */
  readonly mayWait: boolean;
  /** Something is there to be told: no subscription of the exchange waits any longer. */
  stopWaiting(): void;
  /** The subscription has ended with its last `deliver`. */
  settle(requestId: RequestId): void;
}

/** The first read: one that fills the answer, and whether there is another. */
const READ_FIRST = 2;
/** Then as many of the smallest as the largest answer holds. */
const READ_NEXT = 16;

export class HeldDelivery implements Subscriber {
  readonly #services: Services;
  readonly #peer: HoldingPeer;
  readonly #handle: MailboxHandle;
  readonly #frame: Subscribe;
  #credit: number;
  #afterSeq = 0;
  #hasDelivered = false;
  #isFull = false;
  #isReading = false;
  #isWoken = false;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(services: Services, peer: HoldingPeer, handle: MailboxHandle, frame: Subscribe) {
    this.#services = services;
    this.#peer = peer;
    this.#handle = handle;
    this.#frame = frame;
    this.#credit = Math.min(frame.credit, services.config.WINDOW);
  }

  get mailbox(): Uint8Array {
    return this.#frame.mailbox;
  }

  begin(): void {
    if (this.#frame.waitSeconds > 0) {
      this.#timer = setTimeout(() => this.#peer.stopWaiting(), this.#frame.waitSeconds * 1000);
    }
    this.#read();
  }

  wake(): void {
    if (this.#isReading) this.#isWoken = true;
    else this.#read();
  }

  /** Acknowledgements stand before the subscription. */
  acknowledged(): void {}

  stopWaiting(): void {
    if (!this.#isReading) this.#conclude();
  }

  end(reason: SubscriptionEnd): void {
    const { requestId } = this.#frame;
    if (!this.#leave()) return;
    if (reason === "taken-over") this.#peer.send({ type: "taken-over", requestId });
    if (reason === "deleted") this.#peer.refuse(requestId, "REFUSED");
  }

  #read(): void {
    if (this.#hasEnded) return;
    this.#isReading = true;
    this.#isWoken = false;
    this.#handOut().then(
      () => {
        this.#isReading = false;
        if (!this.#hasEnded) this.#afterRead();
      },
      (error: unknown) => {
        if (this.#leave()) this.#peer.fail(this.#frame.requestId, error);
      },
    );
  }

  #afterRead(): void {
    if (this.#hasDelivered) this.#conclude();
    else if (this.#isWoken) this.#read();
    else if (this.#frame.waitSeconds === 0 || !this.#peer.mayWait) this.#conclude();
  }

  async #handOut(): Promise<void> {
    for (let limit = READ_FIRST; !this.#isFull; limit = READ_NEXT) {
      const waiting = await this.#services.store.waiting(this.mailbox, this.#afterSeq, limit);
      if (this.#hasEnded) return;
      const sent = waiting.filter((envelope) => this.#deliver(envelope)).length;
      this.#services.metrics.delivered(sent);
      if (waiting.length < limit) return;
    }
  }

  /** False when the answer or the credit is full, from then on for all. */
  #deliver(waiting: WaitingEnvelope): boolean {
    const { tag, hour, envelopeId, envelope, seq } = waiting;
    const { requestId } = this.#frame;
    const room = this.#peer.roomFor(requestId) - EMPTY_FRAME_BYTES - DELIVER_HEAD_BYTES;
    const offset = this.#firstOffset(waiting);
    const total = envelope.length;
    const isWhole = total - offset <= room;
    if (this.#isFull || this.#credit === 0 || !(isWhole || room >= LEAST_SLICE_BYTES)) {
      this.#isFull = true;
      return false;
    }
    const bytes = envelope.subarray(offset, Math.min(total, offset + room));
    this.#peer.send({ type: "deliver", requestId, tag, hour, envelopeId, offset, total, bytes });
    this.#isFull = !isWhole;
    this.#hasDelivered = true;
    this.#afterSeq = seq;
    this.#credit -= 1;
    return true;
  }

  /** Where the client's own beginning of the first envelope ends. */
  #firstOffset({ envelopeId, envelope }: WaitingEnvelope): number {
    const { resumeEnvelopeId, resumeOffset } = this.#frame;
    const isResumed = !this.#hasDelivered && equalBytes(resumeEnvelopeId, envelopeId);
    return isResumed && resumeOffset < envelope.length ? resumeOffset : 0;
  }

  /** `empty` unless something is left for the next exchange. */
  #conclude(): void {
    const { requestId } = this.#frame;
    if (!this.#leave()) return;
    if (this.#isFull) this.#peer.settle(requestId);
    else this.#peer.send({ type: "empty", requestId });
    this.#peer.stopWaiting();
  }

  /** False when it has ended before. */
  #leave(): boolean {
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#services.subscriptions.remove(this.#handle, this);
    this.#peer.deliveries.delete(this.#handle);
    return true;
  }
}
