/**
 * One exchange: the frames of a message 1, answered all together in message 2.
 *
 *     open ──every frame answered, no subscription held──> done     (abandon: done, without an answer)
 *
 * Each frame keeps room in the answer for its own (shared/wire/answer-room.ts), so that every frame
 * is answered. The size of the answer says which frames were asked, not how they were answered.
 * Normative text: docs/PROTOCOL.md 7.
 */

import type { ErrorCode } from "../shared/crypto/errors.ts";
import {
  answerRoom,
  blobAnswerBytes,
  EMPTY_FRAME_BYTES,
  exchangeRoom,
} from "../shared/wire/answer-room.ts";
import { encodeFrame, errorFrame, type FrameFault } from "../shared/wire/frame-codec.ts";
import type { ClientFrame, RelayFrame, RequestId, Subscribe } from "../shared/wire/frames.ts";
import { CHANNEL_BUCKETS, MAX_ORDINARY_MESSAGE_BYTES } from "../shared/wire/limits.ts";
import type { RelayChannel } from "../shared/wire/relay-channel.ts";
import { accept } from "./accept.ts";
import { dispatchAll } from "./dispatch.ts";
import { HeldDelivery, type HoldingPeer } from "./held-delivery.ts";
import type { TokenBucket } from "./rate.ts";
import type { Services } from "./services.ts";
import type { MailboxHandle } from "./store/store.ts";

type Asked = readonly (ClientFrame | FrameFault)[];

export interface ExchangeOptions {
  readonly maxAnswerBytes: number;
  /** Frames that may be taken now. */
  readonly rate: TokenBucket;
}

/** Room that a frame keeps until it is answered. */
interface Reservation {
  bytes: number;
  readonly isElastic: boolean;
}

export class Exchange implements HoldingPeer {
  readonly deliveries: Map<MailboxHandle, HeldDelivery> = new Map();
  /** Message 2; undefined when nobody waits for it any more. */
  readonly answer: Promise<Uint8Array | undefined>;
  readonly #services: Services;
  readonly #channel: RelayChannel;
  readonly #room: number;
  /** The exact size, or the largest allowed. */
  readonly #bucket: number;
  readonly #isExact: boolean;
  readonly #reservations = new Map<RequestId, Reservation[]>();
  readonly #frames: Uint8Array[] = [];
  #resolve: (answer: Uint8Array | undefined) => void = () => undefined;
  #unanswered = 0;
  #reserved = 0;
  #bytes = 0;
  /** What the answer takes up: reservations of fixed answers, elastic ones as they are. */
  #shown = 0;
  #mayWait = true;
  #isDone = false;

  private constructor(
    services: Services,
    channel: RelayChannel,
    asked: Asked,
    maxAnswerBytes: number,
  ) {
    this.#services = services;
    this.#channel = channel;
    const bucket = answerBucketOf(asked);
    this.#isExact = bucket > 0;
    const most = this.#isExact ? bucket : longestAnswer(asked);
    this.#bucket = Math.min(most, maxAnswerBytes);
    this.#room = exchangeRoom(this.#bucket);
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** @throws TumarError CHANNEL_BROKEN, CHANNEL_KEY_UNKNOWN, MALFORMED */
  static begin(services: Services, message: Uint8Array, options: ExchangeOptions): Exchange {
    const { channel, state, content } = accept(services, message);
    const asked = content.frames;
    const exchange = new Exchange(services, channel, asked, options.maxAnswerBytes);
    if (exchange.#reserve(asked)) {
      dispatchAll(asked, { services, peer: exchange, state }, options.rate);
    }
    if (exchange.#unanswered === 0) exchange.#finish();
    return exchange;
  }

  get mayWait(): boolean {
    return this.#mayWait;
  }

  send(frame: RelayFrame): void {
    const [own] = this.#reservations.get(frame.requestId) ?? [];
    if (this.#isDone || own === undefined) return;
    const bytes = encodeFrame(frame);
    this.#add(bytes);
    if (frame.type === "deliver") this.#delivered(own, bytes.length);
    else this.#answered(frame.requestId, bytes.length);
  }

  refuse(requestId: RequestId, code: ErrorCode, data?: Uint8Array): void {
    if (this.#isDone) return;
    this.#services.metrics.error(code);
    this.send(errorFrame(requestId, code, data));
    this.stopWaiting();
  }

  fail(requestId: RequestId, error: unknown): void {
    this.#services.logger.unexpected(error);
    this.refuse(requestId, "INTERNAL");
  }

  roomFor(requestId: RequestId): number {
    const [own] = this.#reservations.get(requestId) ?? [];
    return this.#room - this.#bytes - (this.#reserved - (own?.bytes ?? 0));
  }

  sliceRoomFor(requestId: RequestId): number {
    return this.roomFor(requestId);
  }

  /** An exchange brings one body, which is let in only when there is room (exchange-routes.ts). */
  hold(bytes: number): () => void {
    return this.#services.blobs.pending.hold(bytes);
  }

  async drained(): Promise<void> {}

  subscribe(handle: MailboxHandle, frame: Subscribe): void {
    if (this.#isDone) return;
    const delivery = new HeldDelivery(this.#services, this, handle, frame);
    this.#services.subscriptions.add(handle, delivery);
    this.deliveries.set(handle, delivery);
    delivery.begin();
  }

  settle(requestId: RequestId): void {
    if (!this.#isDone) this.#answered(requestId, 0);
  }

  stopWaiting(): void {
    if (!this.#mayWait) return;
    this.#mayWait = false;
    for (const delivery of [...this.deliveries.values()]) delivery.stopWaiting();
  }

  /** Nobody waits for the answer any more. Idempotent. */
  abandon(): void {
    this.#end(undefined);
  }

  /** False, with the error in the answer, when the answers do not fit it. */
  #reserve(asked: Asked): boolean {
    for (const { type, requestId } of asked) {
      const { bytes, isElastic } = answerRoom(type);
      const reservation = { bytes, isElastic };
      const others = this.#reservations.get(requestId);
      if (others === undefined) this.#reservations.set(requestId, [reservation]);
      else others.push(reservation);
      this.#reserved += bytes;
    }
    const fits = this.#reserved <= this.#room;
    if (fits) this.#unanswered = asked.length;
    else this.#frames.push(encodeFrame(errorFrame(0, "ANSWERS_TOO_LONG")));
    return fits;
  }

  /** What does not fit is left out: only frames that share one request id can come to that. */
  #add(bytes: Uint8Array): void {
    if (this.#bytes + bytes.length > this.#room) return;
    this.#frames.push(bytes);
    this.#bytes += bytes.length;
  }

  /** Uses up the reservation, but for the `empty` that may follow. */
  #delivered(own: Reservation, bytes: number): void {
    const left = Math.max(EMPTY_FRAME_BYTES, own.bytes - bytes);
    this.#reserved -= own.bytes - left;
    own.bytes = left;
    this.#shown += bytes;
  }

  #answered(requestId: RequestId, bytes: number): void {
    const own = this.#reservations.get(requestId)?.shift();
    if (own === undefined) return;
    this.#reserved -= own.bytes;
    this.#shown += own.isElastic ? bytes : own.bytes;
    this.#unanswered -= 1;
    if (this.#unanswered === 0) this.#finish();
  }

  #finish(): void {
    if (this.#isDone) return;
    try {
      this.#end(this.#channel.sealEncoded(this.#frames, this.#bucketOfAnswer()));
    } catch (error) {
      this.#services.logger.unexpected(error);
      this.#end(undefined);
    }
  }

  /** Elastic answers also use what fixed ones did not need: never more than the largest allowed. */
  #bucketOfAnswer(): number {
    if (this.#isExact) return this.#bucket;
    const shown = CHANNEL_BUCKETS.find((bucket) => exchangeRoom(bucket) >= this.#shown);
    return Math.min(shown ?? this.#bucket, this.#bucket);
  }

  #end(answer: Uint8Array | undefined): void {
    if (this.#isDone) return;
    this.#isDone = true;
    for (const delivery of [...this.deliveries.values()]) delivery.end("closed");
    this.#resolve(answer);
  }
}

/** The largest that a subscription asks for; 0 when none does. */
function answerBucketOf(asked: Asked): number {
  return Math.max(
    0,
    ...asked.map((frame) => (frame.type === "subscribe" ? frame.answerBucket : 0)),
  );
}

/** A long slice of a blob may have the longest there is. */
function longestAnswer(asked: Asked): number {
  return Math.max(
    MAX_ORDINARY_MESSAGE_BYTES,
    ...asked.map((frame) => (frame.type === "blob.get" ? blobAnswerBytes(frame.length) : 0)),
  );
}
