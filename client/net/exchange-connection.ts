/**
 * Exchanges over HTTP that together pass for one connection of a channel link: a few at a time carry
 * requests, as many more parts of blobs, one each, and one for each subscription goes round and round
 * (exchange-poll.ts).
 *
 *     connecting ──first good answer──> open ──one fails, none was answered since it began──> closed
 *
 * An exchange that fails while others are answered concerns only what it carried. Only what opens is
 * believed; whatever else answers ends the connection, named by code.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import { blobAnswerBytes } from "../../shared/wire/answer-room.ts";
import type { HelloAnswer } from "../../shared/wire/frames.ts";
import {
  DEFAULT_FRAMES_PER_SECOND,
  MAX_CHANNEL_MESSAGE_BYTES,
  MAX_ORDINARY_MESSAGE_BYTES,
  PROTOCOL_VERSION,
} from "../../shared/wire/limits.ts";
import { BLOB_SLICE_HEAD_BYTES } from "../../shared/wire/padding.ts";
import { ChannelKey } from "./channel-key.ts";
import type { Connection, ConnectionEvents } from "./connection.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { Exchange } from "./exchange.ts";
import { Flight, type FlightPlan, Pace } from "./exchange-flight.ts";
import { MailboxPoll } from "./exchange-poll.ts";
import { ExchangeRoom } from "./exchange-room.ts";
import type { ExchangeTerms } from "./exchange-terms.ts";
import { submittedOf } from "./exchange-turn.ts";
import { HelloRequest } from "./hello-request.ts";
import { MailboxSubscription } from "./mailbox-subscription.ts";
import type { Outgoing } from "./outgoing.ts";
import { fellSilent, ofConnection, unreachable } from "./transport-faults.ts";

/** Exchanges with requests at a time: more share the bandwidth and answer no sooner. */
const MAX_PARALLEL = 4;
/** Exchanges with a part of a blob at a time, so that others never wait for them. */
const MAX_PARALLEL_BULK = 8;
/** Then `hello` rides along again: the relay's hour, epoch and limits. */
const HELLO_AGE_MS = 3_600_000;

export class ExchangeConnection implements Connection {
  readonly #context: ConnectionContext;
  readonly #terms: ExchangeTerms;
  readonly #events: ConnectionEvents;
  readonly #giveUp = new AbortController();
  readonly #key: ChannelKey;
  readonly #flights = new Set<Flight>();
  readonly #polls = new Set<MailboxPoll>();
  #queue: Outgoing[] = [];
  /** Parts of blobs. */
  #bulk: Outgoing[] = [];
  readonly #pace = new Pace();
  #maxFrames = DEFAULT_FRAMES_PER_SECOND;
  #helloAt: number | undefined;
  #isHelloAsked = false;
  #isPumpDue = false;
  #answers = 0;
  /** One failed and none was answered since: nothing is begun before those under way have ended. */
  #isHeldUp = false;
  #isClosed = false;
  #isDoubtful = false;
  #receivedBytes = 0;

  /** Begins to connect. `events` are never told before the constructor has returned. */
  constructor(context: ConnectionContext, terms: ExchangeTerms, events: ConnectionEvents) {
    this.#context = context;
    this.#terms = terms;
    this.#events = events;
    this.#key = new ChannelKey(context, this.#giveUp.signal);
    this.#pumpSoon();
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#answers > 0;
  }

  get isQuiet(): boolean {
    const waiting = this.#queue.length + this.#bulk.length;
    return waiting === 0 && this.#countOf("requests") + this.#countOf("bulk") === 0;
  }

  get isDoubtful(): boolean {
    return this.#isDoubtful;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  submit(outgoing: Outgoing): void {
    if (outgoing instanceof MailboxSubscription) this.#subscribe(outgoing);
    else if (outgoing.isBulk === true && outgoing.isAwaited === true) this.#beginBulk(outgoing);
    else if (outgoing.isBulk === true) this.#bulk.push(outgoing);
    else if (!this.#isCarried(outgoing)) this.#queue.push(outgoing);
    this.#pumpSoon();
  }

  probe(): void {
    if (this.#isClosed || this.#count(({ plan }) => plan.limitMs !== undefined) > 0) return;
    for (const poll of this.#polls) poll.hurry();
    this.#askHello(this.#context.timings.kickMs);
  }

  fail(error: TumarError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#giveUp.abort(error);
    const unsent: Outgoing[] = [];
    for (const flight of this.#flights) unsent.push(...flight.end(error).flatMap(submittedOf));
    for (const poll of this.#polls) unsent.push(...poll.stop());
    unsent.push(...this.#queue, ...this.#bulk);
    this.#flights.clear();
    this.#polls.clear();
    this.#queue = [];
    this.#bulk = [];
    this.#events.onClosed(error, unsent);
  }

  /** Longer answers are for subscriptions, which ask for them. */
  get #requestAnswerBytes(): number {
    return Math.min(this.#terms.maxAnswerBytes, MAX_ORDINARY_MESSAGE_BYTES);
  }

  // --- what goes into which exchange ------------------------------------------------------------

  /** At the end of this turn, so that its frames travel together. */
  #pumpSoon(): void {
    if (this.#isPumpDue || this.#isClosed) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isClosed || this.#isHeldUp) return;
    for (const poll of this.#polls) poll.start();
    this.#queue = this.#queue.filter(({ isSettled }) => !isSettled);
    while (this.#queue.length > 0 && this.#countOf("requests") < MAX_PARALLEL) {
      this.#beginRequests();
    }
    this.#bulk = this.#bulk.filter(({ isSettled }) => !isSettled);
    while (this.#bulk.length > 0 && this.#countOf("bulk") < MAX_PARALLEL_BULK) {
      this.#beginBulk(this.#bulk.shift());
    }
    if (this.#answers === 0 && this.#flights.size === 0) this.#askHello();
  }

  /** As many as fit, in order. */
  #beginRequests(): void {
    const room = new ExchangeRoom(this.#requestAnswerBytes, this.#maxFrames);
    const hello = this.#hello(room);
    const rest = this.#queue.findIndex((outgoing) => !room.take(outgoing));
    const fitting = this.#queue.splice(0, rest < 0 ? this.#queue.length : rest);
    this.#begin({
      outgoing: [...hello, ...fitting],
      room,
      carries: "requests",
      waitMs: 0,
      onDone: () => {},
      onFailed: (unsent) => this.#queue.unshift(...unsent),
    });
  }

  /** One frame: a slice fills its message, or its answer does. */
  #beginBulk(outgoing: Outgoing | undefined): void {
    if (outgoing === undefined) return;
    const { answerBytes = 0 } = outgoing;
    const wantedBytes = blobAnswerBytes(answerBytes - BLOB_SLICE_HEAD_BYTES);
    const mostBytes = Math.min(this.#terms.maxAnswerBytes, wantedBytes);
    const room = new ExchangeRoom(mostBytes, this.#maxFrames, MAX_CHANNEL_MESSAGE_BYTES);
    room.take(outgoing);
    this.#begin({
      outgoing: [outgoing],
      room,
      carries: "bulk",
      waitMs: 0,
      onDone: () => {},
      onFailed: (unsent) => this.#bulk.unshift(...unsent),
    });
  }

  /** An empty exchange but for `hello`, which opens the connection or shows that it lives. */
  #askHello(limitMs?: number): void {
    const room = new ExchangeRoom(this.#requestAnswerBytes, this.#maxFrames);
    this.#isHelloAsked = false;
    this.#helloAt = undefined;
    this.#begin({
      outgoing: this.#hello(room),
      room,
      carries: "requests",
      waitMs: 0,
      ...(limitMs === undefined ? {} : { limitMs }),
      onDone: () => {},
      onFailed: () => {},
    });
  }

  /** `hello`, when what it tells is not known or old. */
  #hello(room: ExchangeRoom): readonly Outgoing[] {
    const ageMs = this.#context.clock.now() - (this.#helloAt ?? Number.NEGATIVE_INFINITY);
    if (this.#isHelloAsked || ageMs < HELLO_AGE_MS) return [];
    const hello = new HelloRequest({
      onHello: (answer) => this.#onHello(answer),
      onRefused: (error) => {
        if (!error.retryable) this.fail(error);
      },
    });
    this.#isHelloAsked = room.take(hello);
    return this.#isHelloAsked ? [hello] : [];
  }

  // --- subscriptions ----------------------------------------------------------------------------

  #subscribe(subscription: MailboxSubscription): void {
    const poll = new MailboxPoll(subscription, {
      clock: this.#context.clock,
      newRoom: (answerBytes) => new ExchangeRoom(answerBytes, this.#maxFrames),
      maxAnswerBytes: this.#terms.maxAnswerBytes,
      isHeldUp: () => this.#isHeldUp,
      hello: (room) => this.#hello(room),
      begin: (plan) => this.#begin(plan),
      ended: (left) => {
        this.#polls.delete(poll);
        this.#queue.push(...left);
        this.#pumpSoon();
      },
    });
    this.#polls.add(poll);
    // What was asked before travels in front of it.
    this.#queue = this.#queue.filter((outgoing) => !this.#isCarried(outgoing));
  }

  #isCarried(outgoing: Outgoing): boolean {
    if (outgoing.type !== "acknowledge") return false;
    for (const poll of this.#polls) if (poll.take(outgoing)) return true;
    return false;
  }

  // --- exchanges under way ----------------------------------------------------------------------

  /** The result gives it up: what never left is returned, the rest is told. */
  #begin(plan: FlightPlan): () => readonly Outgoing[] {
    const flight = new Flight(plan, this.#answers);
    this.#flights.add(flight);
    const host = {
      channelKey: () => this.#key.newest(),
      post: (message1: Uint8Array) => this.#post(flight, message1),
      onAnswer: (answer: Uint8Array) => this.#onAnswer(flight, answer),
    };
    flight.run(new Exchange(this.#context, host, plan.outgoing)).then(
      () => this.#onDone(flight),
      (error: unknown) => this.#onFailed(flight, ofConnection(error)),
    );
    return () => {
      if (!this.#remove(flight)) return [];
      return flight.end(unreachable("it is asked anew")).flatMap(submittedOf);
    };
  }

  async #post(flight: Flight, message1: Uint8Array): Promise<Uint8Array> {
    const { transport, origin, clock, timings } = this.#context;
    const { carries, waitMs } = flight.plan;
    const limitMs = flight.limitMs(message1.length, timings.answerMs, this.#pace);
    const doubtMs = timings.doubtMs + waitMs + this.#pace.bytesMs(message1.length, carries);
    const startedMs = clock.now();
    flight.addTimer(clock.after(limitMs, () => flight.giveUp(this.#silence(limitMs))));
    this.#awaitBytes(flight, doubtMs);
    try {
      const answer = await transport.post(`${origin}${this.#terms.path}`, message1, {
        signal: flight.signal,
        timeoutMs: limitMs,
        maxBytes: this.#terms.maxAnswerBytes,
        isFresh: this.#terms.isFresh,
        onBytes: (count) => this.#onBytes(flight, count),
      });
      if (carries === "bulk") {
        this.#pace.took(message1.length + answer.length, clock.now() - startedMs);
      }
      return answer;
    } catch (error) {
      this.#pace.failed();
      throw error;
    } finally {
      flight.cancelTimers();
    }
  }

  #silence(ms: number): TumarError {
    return this.isOpen ? fellSilent(ms) : unreachable("the relay does not answer");
  }

  /** Doubts the connection when no byte of the answer comes for so long. */
  #awaitBytes(flight: Flight, doubtMs: number): void {
    const { clock, timings } = this.#context;
    const before = flight.answerBytes;
    const look = () => {
      if (flight.answerBytes > before) this.#awaitBytes(flight, timings.doubtMs);
      else this.#onDoubt(flight);
    };
    flight.addTimer(clock.after(doubtMs, look));
  }

  #onBytes(flight: Flight, count: number): void {
    flight.answerBytes += count;
    this.#receivedBytes += count;
    this.#isDoubtful = false;
  }

  #onAnswer(flight: Flight, answer: Uint8Array): void {
    if (this.#isClosed) return;
    this.#context.onAnswered?.();
    this.#answers++;
    this.#receivedBytes += Math.max(0, answer.length - flight.answerBytes);
    this.#isHeldUp = false;
    this.#isDoubtful = false;
    if (this.#answers === 1) this.#events.onOpen();
  }

  #onHello(hello: HelloAnswer): void {
    if (hello.version !== PROTOCOL_VERSION) {
      throw new TumarError("VERSION_UNSUPPORTED", "the relay speaks another version");
    }
    this.#helloAt = this.#context.clock.now();
    this.#maxFrames = hello.framesPerSecond;
    this.#context.announcements.tellEpoch(hello.epoch);
    this.#events.onHello(hello);
  }

  #onDone(flight: Flight): void {
    if (this.#remove(flight)) flight.plan.onDone();
  }

  /** Ends the connection unless the fault may be that of this one exchange only. */
  #onFailed(flight: Flight, error: TumarError): void {
    if (!this.#remove(flight)) return;
    const unsent = flight.end(error).flatMap(submittedOf);
    const isSign = flight.isQuick && !this.#wasHeardSince(flight);
    const isLast = flight.plan.limitMs !== undefined || this.#count(({ isQuick }) => isQuick) === 0;
    if (!isOfNetwork(error) || (isSign && isLast)) {
      this.#queue.unshift(...unsent);
      this.fail(error);
      return;
    }
    this.#isHeldUp ||= isSign;
    flight.plan.onFailed(unsent);
  }

  #onDoubt(flight: Flight): void {
    if (this.#wasHeardSince(flight) || this.#isDoubtful) return;
    this.#isDoubtful = true;
    this.#events.onDoubt();
  }

  #wasHeardSince({ answersBefore }: Flight): boolean {
    return this.#answers > answersBefore;
  }

  /** False when it was removed before, or the connection is closed: it counts no more. */
  #remove(flight: Flight): boolean {
    if (!this.#flights.delete(flight)) return false;
    if (flight.hasHello) this.#isHelloAsked = false;
    if (this.#count(({ isQuick }) => isQuick) === 0) this.#isHeldUp = false;
    this.#pumpSoon();
    return true;
  }

  #countOf(carries: FlightPlan["carries"]): number {
    return this.#count(({ plan }) => plan.carries === carries);
  }

  #count(counts: (flight: Flight) => boolean): number {
    return [...this.#flights].filter(counts).length;
  }
}

/** The network lost it; a relay that said no, or anything else that answered, is another matter. */
function isOfNetwork({ code, details }: TumarError): boolean {
  if (code === "EXCHANGE_CUT") return true;
  const { status } = details;
  return code === "RELAY_UNREACHABLE" && status === undefined;
}
