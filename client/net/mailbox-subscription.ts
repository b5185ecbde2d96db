/**
 * A subscription that lasts: it is sent again after each broken connection, until another
 * connection takes the mailbox over, the relay refuses it, or it is closed.
 *
 * The relay may have `credit` envelopes under way; each acknowledgement gives back the credit of
 * what this connection delivered, so a client that falls behind is not buried.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair } from "../../shared/crypto/sodium.ts";
import type { ClientFrame, Deliver, RelayFrame, RequestId } from "../../shared/wire/frames.ts";
import {
  DEFAULT_WINDOW,
  ENVELOPE_ID_BYTES,
  MAX_ACKNOWLEDGED,
  MAX_EXCHANGE_ANSWER_BYTES,
  MAX_SLICE_BYTES,
  MAX_WAIT_SECONDS,
} from "../../shared/wire/limits.ts";
import { EnvelopeSlices } from "./envelope-slices.ts";
import { frameSize, type Outgoing } from "./outgoing.ts";
import { isRefusedForNow } from "./refusals.ts";
import type { RequestBody, SubscribeOptions, Subscription } from "./requests.ts";

/** What a subscription asks of the link it lives on. */
export interface SubscriptionHost {
  acknowledge(body: RequestBody<"acknowledge">, proveWith: SigningKeyPair): Promise<unknown>;
  /** After a refusal that may pass; ends early when the link is closed. */
  pause(): Promise<void>;
  /** A refusal that may pass: send the subscription again in a while. */
  retryLater(subscription: MailboxSubscription): void;
  ended(subscription: MailboxSubscription): void;
}

/** What a `subscribe` asks of the one answer of its exchange. */
export interface PollTerms {
  readonly answerBucket: number;
  readonly waitSeconds: number;
}

/**
 * On a WebSocket: messages no longer than this. Where networks freeze a connection after some 16 KB, a
 * large envelope that came in one message would look as if nothing had come.
 */
const SOCKET_TERMS: PollTerms = { answerBucket: 4608, waitSeconds: 0 };
const LONGEST_FRAME = {
  answerBucket: MAX_EXCHANGE_ANSWER_BYTES,
  waitSeconds: MAX_WAIT_SECONDS,
  resumeEnvelopeId: new Uint8Array(ENVELOPE_ID_BYTES),
  resumeOffset: MAX_SLICE_BYTES,
} as const;

interface Batch {
  readonly envelopeIds: Uint8Array[];
  readonly done: Promise<void>;
}

export class MailboxSubscription implements Outgoing, Subscription {
  readonly type = "subscribe";
  readonly size: number;
  readonly proveWith: SigningKeyPair;
  readonly #options: SubscribeOptions;
  readonly #credit: number;
  readonly #host: SubscriptionHost;
  readonly #slices = new EnvelopeSlices();
  /** Delivered by the present connection and not acknowledged. */
  #underWay = new Set<string>();
  readonly #corrupt = new Set<string>();
  #batch: Batch | undefined;
  #isDrained = false;
  #hasEnded = false;
  #isInPart = false;
  /** Told when it is over, to what carries it by asking again and again. */
  onClosed: () => void = () => {};
  /** When a `subscribe` of it was last lost on the way to the relay or back; kept by what carries it. */
  lostAt: number | undefined;

  constructor(mailbox: SigningKeyPair, options: SubscribeOptions, host: SubscriptionHost) {
    this.proveWith = mailbox;
    this.#options = options;
    this.#credit = options.credit ?? DEFAULT_WINDOW;
    this.#host = host;
    this.size = frameSize({ ...this.#body(SOCKET_TERMS), ...LONGEST_FRAME });
  }

  get isSettled(): boolean {
    return this.#hasEnded;
  }

  /** Envelopes delivered by the present connection, or the last exchange, and not acknowledged. */
  get unacknowledged(): number {
    return this.#underWay.size;
  }

  /** The rest of an envelope; or, as long as there is credit, word that all that waited was delivered. */
  get isOwedMore(): boolean {
    return this.#isInPart || (!this.#isDrained && this.#underWay.size < this.#credit);
  }

  frame(requestId: RequestId): ClientFrame {
    return this.pollFrame(requestId, SOCKET_TERMS);
  }

  pollFrame(requestId: RequestId, terms: PollTerms): ClientFrame {
    this.#underWay = new Set();
    this.#isInPart = false;
    this.#isDrained = false;
    return { ...this.#body(terms), requestId };
  }

  onAnswer(answer: RelayFrame): void {
    if (this.#hasEnded) return;
    switch (answer.type) {
      case "ok":
        this.#options.onSubscribed?.();
        return;
      case "deliver":
        this.#onSlice(answer);
        return;
      case "empty":
        this.#isDrained = true;
        this.#options.onDrained?.();
        return;
      case "taken-over":
        this.#end(new TumarError("TAKEN_OVER", "another connection took the mailbox over"));
        return;
      default:
        throw new TumarError("RELAY_FAULT", `${answer.type} in answer to subscribe`);
    }
  }

  onRefused(error: TumarError): void {
    if (isRefusedForNow(error)) this.#host.retryLater(this);
    else this.#end(error);
  }

  onBroken(): void {
    this.#underWay = new Set();
  }

  acknowledge(envelopeIds: readonly Uint8Array[]): Promise<void> {
    this.#batch ??= this.#newBatch();
    this.#batch.envelopeIds.push(...envelopeIds);
    return this.#batch.done;
  }

  close(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#host.ended(this);
    this.onClosed();
  }

  #body(terms: PollTerms): RequestBody<"subscribe"> {
    return {
      type: "subscribe",
      mailbox: this.proveWith.publicKey,
      credit: this.#credit,
      ...terms,
      ...this.#slices.resume,
    };
  }

  #onSlice(slice: Deliver): void {
    const delivery = this.#slices.add(slice);
    this.#isInPart = delivery === undefined;
    if (delivery === undefined) return;
    if (this.#underWay.size >= this.#credit) {
      throw new TumarError("RELAY_FAULT", "more envelopes than credit was given for");
    }
    this.#underWay.add(toHex(slice.envelopeId));
    if (delivery === "corrupt") this.#onCorrupt(slice.envelopeId);
    else this.#options.onDeliver(delivery);
  }

  /** Damaged twice, it is damaged for good, and must not hold up what is behind it for ever. */
  #onCorrupt(id: Uint8Array): void {
    this.#options.onCorrupt?.(id);
    if (this.#corrupt.has(toHex(id))) this.acknowledge([id]).catch(() => undefined);
    this.#corrupt.add(toHex(id));
  }

  #newBatch(): Batch {
    const envelopeIds: Uint8Array[] = [];
    const done = Promise.resolve().then(async () => {
      this.#batch = undefined;
      await this.#send(envelopeIds);
    });
    return { envelopeIds, done };
  }

  async #send(envelopeIds: readonly Uint8Array[]): Promise<void> {
    const sent: Promise<void>[] = [];
    for (let at = 0; at < envelopeIds.length; at += MAX_ACKNOWLEDGED) {
      sent.push(this.#acknowledge(envelopeIds.slice(at, at + MAX_ACKNOWLEDGED)));
    }
    await Promise.all(sent);
  }

  /** Again while the relay refuses it for now: credit that is not given back would be lost. */
  async #acknowledge(envelopeIds: readonly Uint8Array[]): Promise<void> {
    const underWay = this.#underWay;
    const lent = envelopeIds.map(toHex).filter((id) => underWay.delete(id));
    const { publicKey: mailbox } = this.proveWith;
    try {
      const body = { type: "acknowledge", mailbox, envelopeIds, credit: lent.length } as const;
      await this.#host.acknowledge(body, this.proveWith);
    } catch (error) {
      if (!isRefusedForNow(error)) throw error;
      for (const id of lent) underWay.add(id);
      await this.#host.pause();
      await this.#acknowledge(envelopeIds);
    }
  }

  #end(error: TumarError): void {
    this.close();
    this.#options.onEnded(error);
  }
}
