/**
 * A subscription over exchanges: one `subscribe` after the other, never two at once. What one answer
 * brought is acknowledged in front of the next.
 *
 *     asking ──answer──> settling ──all acknowledged, or late──> asking …
 *
 * The first asks what waits now; while there is more it asks for large answers, then it has the relay
 * hold the question until something comes.
 */

import type { TumarError } from "../../shared/crypto/errors.ts";
import type { RelayFrame } from "../../shared/wire/frames.ts";
import {
  MAX_EXCHANGE_ANSWER_BYTES,
  MAX_ORDINARY_MESSAGE_BYTES,
  MAX_WAIT_SECONDS,
} from "../../shared/wire/limits.ts";
import type { Clock } from "./clock.ts";
import type { FlightPlan } from "./exchange-flight.ts";
import type { ExchangeRoom } from "./exchange-room.ts";
import { Carried, submittedOf, Turn } from "./exchange-turn.ts";
import type { MailboxSubscription } from "./mailbox-subscription.ts";
import type { Outgoing } from "./outgoing.ts";

/** One text and its `empty`, beside answers to `hello`, a proof and an acknowledgement. */
const IDLE_ANSWER_BYTES = 1536;
/** A first flight, or three texts: more is asked for once it is known that more waits. */
const FIRST_ANSWER_BYTES = 4608;
/** After an answer that took longer the next is no larger: texts are shown only with a whole answer. */
const QUICK_MS = 2_000;
/** How long the vault may take to keep what came before it is asked for again. */
const SETTLE_MS = 3_000;
const MAX_PAUSE_MS = 30_000;
const PAUSE_MS = 1_000;
/** A held question that comes back empty so soon was not held. */
const HASTY_MS = 1_000;
const LEAST_WAIT_SECONDS = 5;
/** Where held questions are cut at once, it is asked this often at most. */
const CUT_AGAIN_MS = 5_000;
/** A `subscribe` that was lost on the way up may come to the relay so much later, and end a newer one. */
const ECHO_MS = 60_000;

export interface PollHost {
  readonly clock: Clock;
  readonly maxAnswerBytes: number;
  /** Nothing is to be begun now. */
  isHeldUp(): boolean;
  newRoom(answerBytes: number): ExchangeRoom;
  /** What goes along by itself. */
  hello(room: ExchangeRoom): readonly Outgoing[];
  /** The result gives it up: what never left is returned, the rest is told. */
  begin(plan: FlightPlan): () => readonly Outgoing[];
  /** It is over. `left` was not sent. */
  ended(left: readonly Outgoing[]): void;
}

export class MailboxPoll {
  readonly subscription: MailboxSubscription;
  readonly #host: PollHost;
  readonly #onClosed = () => this.#end();
  #acknowledgements: Outgoing[] = [];
  #phase: "new" | "asking" | "held" | "settling" | "ended" = "new";
  #giveUp: () => readonly Outgoing[] = () => [];
  #cancelPause: () => void = () => {};
  #hasMore = true;
  #isFirst = true;
  #isDrained = false;
  /** Answers since the last that brought all. */
  #fullAnswers = 0;
  /** The last answer came within `QUICK_MS`. */
  #wasQuick = false;
  #heldSeconds = MAX_WAIT_SECONDS;
  /** Turns in a row that brought nothing of use: each makes the next pause longer. */
  #idleTurns = 0;
  /** Held questions in a row that were cut at once. */
  #hastyCuts = 0;

  constructor(subscription: MailboxSubscription, host: PollHost) {
    this.subscription = subscription;
    this.#host = host;
    subscription.onClosed = this.#onClosed;
  }

  /** Without effect on one that goes round already. */
  start(): void {
    if (this.#phase === "new") this.#ask(0);
  }

  /** Takes an acknowledgement of its mailbox along; false when it had better go by itself. */
  take(acknowledgement: Outgoing): boolean {
    if (acknowledgement.proveWith !== this.subscription.proveWith) return false;
    if (this.#phase === "held" || this.#phase === "ended") return false;
    this.#acknowledgements.push(acknowledgement);
    if (this.#phase === "settling" && this.#isSettled) this.#pause(0);
    return true;
  }

  /** Asks anew what waits now, instead of going on to wait. */
  hurry(): void {
    if (this.#phase !== "held") return;
    this.#putBack(this.#giveUp());
    this.#lost();
    this.#ask(0);
  }

  /** The connection is over. What waited to be acknowledged is returned. */
  stop(): readonly Outgoing[] {
    if (this.#phase === "held" || this.#phase === "asking") this.#lost();
    this.#phase = "ended";
    this.#cancelPause();
    if (this.#isOurs) this.subscription.onClosed = () => {};
    return this.#acknowledgements.splice(0);
  }

  get #isSettled(): boolean {
    return this.subscription.unacknowledged === 0;
  }

  #ask(waitSeconds: number): void {
    this.#cancelPause();
    const { clock, maxAnswerBytes } = this.#host;
    if (this.#host.isHeldUp()) {
      this.#phase = "settling";
      this.#pause(PAUSE_MS);
      return;
    }
    this.#phase = waitSeconds > 0 ? "held" : "asking";
    const answerBucket = Math.min(maxAnswerBytes, this.#answerBytes(waitSeconds));
    const turn = new Turn(this.subscription, { answerBucket, waitSeconds }, (answer) => {
      this.#onAnswer(answer);
    });
    const room = this.#host.newRoom(answerBucket);
    const hello = this.#host.hello(room);
    room.take(turn);
    const carried = this.#takeAlong(room);
    const startedAt = clock.now();
    this.#giveUp = this.#host.begin({
      outgoing: [...hello, ...carried, turn],
      room,
      carries: "poll",
      waitMs: waitSeconds * 1000,
      onDone: () => this.#onTurn(turn, clock.now() - startedAt),
      onFailed: (unsent) => this.#onFailed(turn, unsent, clock.now() - startedAt),
    });
  }

  #takeAlong(room: ExchangeRoom): readonly Outgoing[] {
    const waiting = this.#acknowledgements.filter(({ isSettled }) => !isSettled);
    const rest = waiting.findIndex((one) => !room.take(one));
    const fitting = waiting.splice(0, rest < 0 ? waiting.length : rest);
    this.#acknowledgements = waiting;
    return fitting.map((one) => new Carried(one, (error) => this.#repeat(one, error)));
  }

  #answerBytes(waitSeconds: number): number {
    if (waitSeconds > 0) return IDLE_ANSWER_BYTES;
    if (this.#fullAnswers === 0) return FIRST_ANSWER_BYTES;
    return this.#wasQuick ? MAX_EXCHANGE_ANSWER_BYTES : MAX_ORDINARY_MESSAGE_BYTES;
  }

  #onAnswer(answer: RelayFrame): void {
    this.#phase = "asking";
    if (this.#isFirst) {
      this.#isFirst = false;
      this.subscription.onAnswer({ type: "ok", requestId: answer.requestId });
    }
    if (answer.type === "empty" && this.#isDrained) return;
    this.#isDrained ||= answer.type === "empty";
    this.subscription.onAnswer(answer);
  }

  #onTurn(turn: Turn, tookMs: number): void {
    if (this.#phase === "ended") return;
    this.#phase = "settling";
    if (turn.isTakenOver && this.#mayBeEcho()) {
      this.#ask(0);
      return;
    }
    if (turn.isTakenOver) this.subscription.onAnswer({ type: "taken-over", requestId: 1 });
    if (turn.refusal !== undefined) this.subscription.onRefused(turn.refusal);
    if (turn.isTakenOver || turn.refusal !== undefined || this.subscription.isSettled) {
      this.#end();
      return;
    }
    this.#hasMore = !turn.isEmpty;
    this.#wasQuick = tookMs < QUICK_MS;
    this.#fullAnswers = turn.isEmpty ? 0 : this.#fullAnswers + 1;
    if (turn.wasHeld) this.#hastyCuts = 0;
    const wasHasty = turn.wasHeld && turn.isEmpty && !turn.hasDelivered && tookMs < HASTY_MS;
    if (!this.#isSettled) this.#pause(SETTLE_MS * 2 ** this.#idleTurns++);
    else if (wasHasty) this.#pause(PAUSE_MS * 2 ** this.#idleTurns++);
    else this.#pause(0);
  }

  #pause(ms: number): void {
    this.#cancelPause();
    if (ms === 0) this.#idleTurns = 0;
    const next = () => {
      if (this.#phase === "settling") this.#ask(this.#hasMore ? 0 : this.#heldSeconds);
    };
    if (ms === 0) queueMicrotask(next);
    else this.#cancelPause = this.#host.clock.after(Math.min(ms, MAX_PAUSE_MS), next);
  }

  #onFailed({ wasHeld }: Turn, unsent: readonly Outgoing[], tookMs: number): void {
    if (this.#phase === "ended") return;
    this.#putBack(unsent);
    this.#lost();
    this.#phase = "settling";
    this.#hasMore = true;
    this.#fullAnswers = 0;
    if (wasHeld) {
      this.#heldSeconds = Math.max(LEAST_WAIT_SECONDS, Math.floor(this.#heldSeconds / 2));
      this.#hastyCuts = tookMs < HASTY_MS ? this.#hastyCuts + 1 : 0;
      if (this.#hastyCuts > 1) this.#pause(Math.min(PAUSE_MS * this.#hastyCuts, CUT_AGAIN_MS));
      else this.#ask(0);
    } else {
      this.#pause(PAUSE_MS);
    }
  }

  /** Nothing else has begun to carry it. */
  get #isOurs(): boolean {
    return this.subscription.onClosed === this.#onClosed;
  }

  #lost(): void {
    if (!this.#isOurs) return;
    this.subscription.lostAt = this.#host.clock.now();
    this.subscription.onBroken();
  }

  /** Once for each that was lost. */
  #mayBeEcho(): boolean {
    const { lostAt = Number.NEGATIVE_INFINITY } = this.subscription;
    this.subscription.lostAt = undefined;
    return this.#host.clock.now() - lostAt < ECHO_MS;
  }

  #putBack(unsent: readonly Outgoing[]): void {
    this.#acknowledgements.unshift(...unsent.flatMap(submittedOf));
  }

  /** An acknowledgement whose answer did not come: it is safe to say it again. */
  #repeat(acknowledgement: Outgoing, error: TumarError): void {
    if (this.#phase === "ended") acknowledgement.onBroken(error);
    else if (!acknowledgement.isSettled) this.#acknowledgements.push(acknowledgement);
  }

  #end(): void {
    if (this.#phase === "ended") return;
    const unsent = this.#giveUp();
    this.#putBack(unsent);
    this.#host.ended(this.stop());
  }
}
