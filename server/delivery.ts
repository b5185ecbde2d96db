/**
 * Hands the envelopes of one mailbox to one WebSocket, oldest first.
 *
 * An envelope goes out while the subscriber has credit, fewer than the window are unacknowledged,
 * and the connection is not congested; whatever ends first is asked again when it changes. What was
 * not acknowledged comes again with the next subscription, because each begins before the first.
 */

import { equalBytes } from "../shared/crypto/bytes.ts";
import type { RequestId, Subscribe } from "../shared/wire/frames.ts";
import { DELIVER_HEAD_BYTES } from "../shared/wire/padding.ts";
import type { Peer } from "./peer.ts";
import type { Services } from "./services.ts";
import type { MailboxHandle, WaitingEnvelope } from "./store/store.ts";
import type { Subscriber, SubscriptionEnd } from "./subscriptions.ts";

/** Envelopes read at a time: 16 of the largest are 256 KiB. */
const READ_AT_ONCE = 16;

/** What a delivery needs of the connection it sends on. */
export interface DeliveryPeer extends Peer {
  /** True while so much is unsent that nothing should be added unasked. */
  readonly isCongested: boolean;
}

export class Delivery implements Subscriber {
  readonly #services: Services;
  readonly #peer: DeliveryPeer;
  readonly #mailbox: Uint8Array;
  readonly #handle: MailboxHandle;
  readonly #requestId: RequestId;
  #resumeId: Uint8Array;
  readonly #resumeOffset: number;
  #credit: number;
  #unacknowledged = 0;
  #afterSeq = 0;
  #mayHaveMore = true;
  #isReading = false;
  #isCaughtUp = false;
  #hasEnded = false;

  constructor(services: Services, peer: DeliveryPeer, handle: MailboxHandle, frame: Subscribe) {
    this.#services = services;
    this.#peer = peer;
    this.#handle = handle;
    this.#mailbox = frame.mailbox;
    this.#requestId = frame.requestId;
    this.#credit = Math.min(frame.credit, services.config.WINDOW);
    this.#resumeId = frame.resumeEnvelopeId;
    this.#resumeOffset = frame.resumeOffset;
  }

  /** Public key. */
  get mailbox(): Uint8Array {
    return this.#mailbox;
  }

  /** Something may wait now: it came, or the connection has room again. */
  wake(): void {
    this.#mayHaveMore = true;
    this.pump();
  }

  /** The subscriber acknowledged so many and lends so much more credit. */
  acknowledged(count: number, credit: number): void {
    this.#unacknowledged = Math.max(0, this.#unacknowledged - count);
    this.#credit = Math.min(this.#credit + credit, this.#services.config.WINDOW);
    this.pump();
  }

  /** Tells the subscriber why, unless it is gone. Idempotent. */
  end(reason: SubscriptionEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#services.subscriptions.remove(this.#handle, this);
    this.#peer.deliveries.delete(this.#handle);
    const requestId = this.#requestId;
    if (reason === "taken-over") this.#peer.send({ type: "taken-over", requestId });
    if (reason === "deleted") this.#peer.refuse(requestId, "REFUSED");
  }

  /** Sends what may be sent. Never throws. */
  pump(): void {
    if (this.#isReading || !this.#mayHaveMore || this.#room() === 0) return;
    this.#isReading = true;
    this.#read().then(
      () => {
        this.#isReading = false;
        this.pump();
      },
      (error: unknown) => {
        this.#isReading = false;
        this.#mayHaveMore = false;
        if (!this.#hasEnded) this.#peer.fail(this.#requestId, error);
        this.end("closed");
      },
    );
  }

  async #read(): Promise<void> {
    const limit = Math.min(this.#room(), READ_AT_ONCE);
    this.#mayHaveMore = false;
    const waiting = await this.#services.store.waiting(this.#mailbox, this.#afterSeq, limit);
    if (this.#hasEnded) return;
    for (const envelope of waiting) this.#deliver(envelope);
    if (waiting.length === limit) this.#mayHaveMore = true;
    else this.#caughtUp();
    this.#services.metrics.delivered(waiting.length);
  }

  /** Once: all that waited when the subscription began has been handed out. */
  #caughtUp(): void {
    if (this.#isCaughtUp) return;
    this.#isCaughtUp = true;
    this.#peer.send({ type: "empty", requestId: this.#requestId });
  }

  #room(): number {
    if (this.#hasEnded || this.#peer.isCongested) return 0;
    return Math.min(this.#credit, this.#services.config.WINDOW - this.#unacknowledged);
  }

  #deliver(waiting: WaitingEnvelope): void {
    const { tag, hour, envelopeId, envelope } = waiting;
    const sliceBytes = this.#peer.roomFor(this.#requestId) - DELIVER_HEAD_BYTES;
    const common = { type: "deliver", requestId: this.#requestId, tag, hour, envelopeId } as const;
    const total = envelope.length;
    for (let offset = this.#firstOffset(waiting); offset < total; offset += sliceBytes) {
      const bytes = envelope.subarray(offset, Math.min(offset + sliceBytes, total));
      this.#peer.send({ ...common, offset, total, bytes });
    }
    this.#afterSeq = waiting.seq;
    this.#credit -= 1;
    this.#unacknowledged += 1;
  }

  /** Where the subscriber's own beginning of the envelope ends; used once. */
  #firstOffset({ envelopeId, envelope }: WaitingEnvelope): number {
    if (this.#resumeId.length === 0 || !equalBytes(this.#resumeId, envelopeId)) return 0;
    this.#resumeId = this.#resumeId.subarray(0, 0);
    return this.#resumeOffset < envelope.length ? this.#resumeOffset : 0;
  }
}
