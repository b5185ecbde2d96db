/** What one turn of a subscription over exchanges carries (exchange-poll.ts). */

import type { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair } from "../../shared/crypto/sodium.ts";
import type { ClientFrame, RelayFrame, RequestId } from "../../shared/wire/frames.ts";
import type { MailboxSubscription, PollTerms } from "./mailbox-subscription.ts";
import { type Outgoing, PendingRequest } from "./outgoing.ts";

/** One `subscribe` of the subscription and its answer. */
export class Turn implements Outgoing {
  readonly type = "subscribe";
  readonly size: number;
  readonly proveWith: SigningKeyPair;
  readonly #subscription: MailboxSubscription;
  readonly #terms: PollTerms;
  readonly #onAnswer: (answer: RelayFrame) => void;
  hasDelivered = false;
  /** With this answer all that waits was handed out. */
  isEmpty = false;
  isTakenOver = false;
  refusal: TumarError | undefined;

  constructor(
    subscription: MailboxSubscription,
    terms: PollTerms,
    onAnswer: (answer: RelayFrame) => void,
  ) {
    this.size = subscription.size;
    this.proveWith = subscription.proveWith;
    this.#subscription = subscription;
    this.#terms = terms;
    this.#onAnswer = onAnswer;
  }

  get isSettled(): boolean {
    return this.#subscription.isSettled;
  }

  /** The relay was to keep the question until something comes. */
  get wasHeld(): boolean {
    return this.#terms.waitSeconds > 0;
  }

  frame(requestId: RequestId): ClientFrame {
    return this.#subscription.pollFrame(requestId, this.#terms);
  }

  onAnswer(answer: RelayFrame): void {
    if (answer.type === "taken-over") {
      this.isTakenOver = true;
      return;
    }
    this.isEmpty ||= answer.type === "empty";
    this.hasDelivered ||= answer.type === "deliver";
    this.#onAnswer(answer);
  }

  onRefused(error: TumarError): void {
    this.refusal = error;
  }

  onBroken(): void {}
}

/** An acknowledgement in front of a `subscribe`: if that is lost it goes again with the next. */
export class Carried implements Outgoing {
  readonly type: Outgoing["type"];
  readonly size: number;
  readonly proveWith: SigningKeyPair | undefined;
  readonly inner: Outgoing;
  readonly #onLost: (error: TumarError) => void;

  constructor(inner: Outgoing, onLost: (error: TumarError) => void) {
    this.type = inner.type;
    this.size = inner.size;
    this.proveWith = inner.proveWith;
    this.inner = inner;
    this.#onLost = onLost;
  }

  get isSettled(): boolean {
    return this.inner.isSettled;
  }

  frame(requestId: RequestId, proofHash: Uint8Array): ClientFrame {
    return this.inner.frame(requestId, proofHash);
  }

  onAnswer(answer: RelayFrame): void {
    this.inner.onAnswer(answer);
  }

  onRefused(error: TumarError): void {
    this.inner.onRefused(error);
  }

  onBroken(error: TumarError): void {
    this.#onLost(error);
  }
}

/** What the connection was given to send, of what an exchange did not. */
export function submittedOf(outgoing: Outgoing): readonly Outgoing[] {
  if (outgoing instanceof Carried) return [outgoing.inner];
  return outgoing instanceof PendingRequest ? [outgoing] : [];
}
