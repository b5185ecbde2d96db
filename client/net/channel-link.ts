/**
 * Channels of one kind to one relay, one connection at a time: opened when something is asked,
 * opened again with backoff for as long as something is wanted, closed when nothing was for a while.
 *
 *     idle ──asked──> connecting ──> up ──broke──> resting ──delay or kick──> connecting or idle
 *
 * A request that was not sent waits for the next connection until its own time is over; one that was
 * sent and not answered is rejected, because only the caller knows that repeating it is safe.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair } from "../../shared/crypto/sodium.ts";
import type { HelloAnswer, RelayFrame } from "../../shared/wire/frames.ts";
import { Backoff, type BackoffPolicy } from "./backoff.ts";
import { ChosenConnection } from "./chosen-connection.ts";
import type { TransportKind } from "./connection.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { type ConnectionFactory, connectionFactory } from "./connections.ts";
import { MailboxSubscription, type SubscriptionHost } from "./mailbox-subscription.ts";
import { moving, type Outgoing, PendingRequest } from "./outgoing.ts";
import type { RequestBody, RequestOptions, SubscribeOptions, Subscription } from "./requests.ts";
import type { TransportChoice } from "./transport-choice.ts";
import { unreachable } from "./transport-faults.ts";

/** In an exchange its answer comes with that to the `subscribe` behind it, which the relay may hold. */
const ACKNOWLEDGE_MS = 120_000;

export interface ChannelLinkSettings {
  readonly backoff: BackoffPolicy;
  /** A connection that nobody used for so long is closed. */
  readonly idleMs: number;
  /** Until a subscription that was refused for now is sent again. */
  readonly resubscribeMs: number;
}

export type ChannelState =
  | { readonly phase: "idle" | "connecting" | "up" }
  | { readonly phase: "resting"; readonly nextTryMs: number };

export interface ChannelLinkEvents {
  onState(): void;
  onHello(hello: HelloAnswer): void;
}

export class ChannelLink implements SubscriptionHost {
  readonly #context: ConnectionContext;
  readonly #settings: ChannelLinkSettings;
  readonly #events: ChannelLinkEvents;
  readonly #backoff: Backoff;
  readonly #connect: ConnectionFactory;
  readonly #choice: TransportChoice;
  readonly #subscriptions = new Set<MailboxSubscription>();
  readonly #timers = new Set<() => void>();
  #waiting: PendingRequest[] = [];
  #connection: ChosenConnection | undefined;
  #cancelRest: () => void = () => {};
  #cancelIdle: () => void = () => {};
  #state: ChannelState = { phase: "idle" };
  #error: TumarError | undefined;
  #openedAt: number | undefined;
  #usedAt = 0;
  /** How many connections have ended, and how many had when a journey began. */
  #connections = 0;
  readonly #journeys = new WeakMap<object, number>();
  /** Part of a blob came through over the connection in use. */
  #hasCarried = false;
  #isClosed = false;

  constructor(
    context: ConnectionContext,
    choice: TransportChoice,
    settings: ChannelLinkSettings,
    events: ChannelLinkEvents,
  ) {
    this.#context = context;
    this.#choice = choice;
    this.#settings = settings;
    this.#events = events;
    this.#connect = connectionFactory(context);
    this.#backoff = new Backoff(settings.backoff, context.random);
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** Why the last connection ended or failed; undefined once the next one is up. */
  get error(): TumarError | undefined {
    return this.#error;
  }

  /** Of the connection in use, or else of the next one. */
  get kind(): TransportKind {
    return this.#connection?.kind ?? this.#choice.kind;
  }

  /** One that was sent and not answered in time casts doubt on the connection, which is then checked. */
  async request(
    body: RequestBody,
    options: RequestOptions & { readonly proveWith?: SigningKeyPair },
  ): Promise<RelayFrame> {
    this.#checkOpen();
    this.#checkJourney(options.journey);
    const pending = new PendingRequest(body, options, this.#context.clock);
    if (this.#error !== undefined) pending.delayedBy(this.#error);
    this.#submit(pending);
    try {
      const answer = await pending.promise;
      this.#hasCarried ||= pending.isBulk;
      return answer;
    } catch (error) {
      if (error instanceof TumarError && error.code === "RELAY_TIMEOUT") this.#connection?.probe();
      throw error;
    }
  }

  subscribe(mailbox: SigningKeyPair, options: SubscribeOptions): Subscription {
    this.#checkOpen();
    const subscription = new MailboxSubscription(mailbox, options, this);
    this.#subscriptions.add(subscription);
    this.#submit(subscription);
    return subscription;
  }

  /** Opens a connection ahead of what will be asked. Without effect when there is one, or it rests. */
  warm(): void {
    this.#checkOpen();
    this.#usedAt = this.#context.clock.now();
    if (this.#state.phase === "idle") this.#open();
  }

  /** Tries at once when it rests; looks whether the connection lives when there is one. */
  kick(): void {
    if (this.#state.phase === "resting") this.#wake();
    else this.#connection?.probe();
  }

  /** Tries at once when it rests; opens another connection when there is one, which may be dead now. */
  networkChanged(): void {
    if (this.#state.phase === "resting") this.#wake();
    else this.#connection?.recheck();
  }

  /** Rejects what waits with LINK_CLOSED. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = new TumarError("LINK_CLOSED", "the connections were closed");
    this.#cancelRest();
    this.#cancelIdle();
    this.#subscriptions.clear();
    for (const runNow of this.#timers) runNow();
    this.#connection?.fail(error);
    this.#rejectWaiting(error);
    this.#setState({ phase: "idle" });
  }

  // --- SubscriptionHost -------------------------------------------------------------------------

  acknowledge(body: RequestBody<"acknowledge">, proveWith: SigningKeyPair): Promise<RelayFrame> {
    return this.request(body, { proveWith, timeoutMs: ACKNOWLEDGE_MS });
  }

  pause(): Promise<void> {
    return new Promise((resolve) => this.#after(this.#settings.resubscribeMs, resolve));
  }

  retryLater(subscription: MailboxSubscription): void {
    this.#after(this.#settings.resubscribeMs, () => {
      if (this.#subscriptions.has(subscription)) this.#connection?.submit(subscription);
    });
  }

  ended(subscription: MailboxSubscription): void {
    this.#subscriptions.delete(subscription);
  }

  // --- connections ------------------------------------------------------------------------------

  #submit(outgoing: PendingRequest | MailboxSubscription): void {
    this.#usedAt = this.#context.clock.now();
    if (this.#connection !== undefined) this.#connection.submit(outgoing);
    else if (outgoing instanceof PendingRequest) this.#waiting.push(outgoing);
    if (this.#state.phase === "idle") this.#open();
  }

  /** What was asked first, subscriptions last: acknowledgements spare the relay deliveries. */
  #open(): void {
    const connection = new ChosenConnection(
      this.#connect,
      this.#choice,
      this.#context.clock,
      this,
      {
        onOpen: () => this.#onOpen(),
        onHello: (hello) => this.#events.onHello(hello),
        onMoved: () => this.#onMoved(),
        onClosed: (error, unsent) => {
          if (this.#connection === connection) this.#onClosed(error, unsent);
        },
      },
    );
    this.#connection = connection;
    for (const pending of this.#waiting.splice(0)) connection.submit(pending);
    for (const subscription of this.#subscriptions) connection.submit(subscription);
    this.#setState({ phase: "connecting" });
  }

  /** Another connection has taken over, which may be open already: then `#onOpen` follows. */
  #onMoved(): void {
    this.#connections++;
    for (const subscription of this.#subscriptions) this.#connection?.submit(subscription);
    this.#setState({ phase: "connecting" });
  }

  #onOpen(): void {
    this.#openedAt = this.#context.clock.now();
    this.#error = undefined;
    this.#setState({ phase: "up" });
    this.#closeIfIdle();
  }

  /** A lower kind is tried at once, what was tried before after a rest. */
  #onClosed(error: TumarError, unsent: readonly Outgoing[]): void {
    const { clock } = this.#context;
    const { kind } = this;
    this.#connection = undefined;
    this.#connections++;
    this.#cancelIdle();
    if (this.#openedAt !== undefined) this.#backoff.wasUp(clock.now() - this.#openedAt);
    this.#openedAt = undefined;
    const hasCarried = this.#hasCarried;
    if (hasCarried) this.#backoff.progressed();
    this.#hasCarried = false;
    this.#waiting.unshift(...moving(unsent, error));
    if (this.#isClosed) return;
    this.#error = error;
    if (error.retryable) for (const pending of this.#waiting) pending.delayedBy(error);
    else this.#rejectWaiting(error);
    const { retryAfterMs } = error.details;
    const mayTryAtOnce = this.#choice.isBelow(kind) || hasCarried;
    if (retryAfterMs === undefined && mayTryAtOnce) this.#wake();
    else this.#rest(error);
  }

  /** At least as long as the relay asked for. */
  #rest({ details }: TumarError): void {
    const { retryAfterMs } = details;
    const nextTryMs = Math.max(this.#backoff.nextDelayMs(), Number(retryAfterMs ?? 0));
    this.#cancelRest = this.#context.clock.after(nextTryMs, () => this.#wake());
    this.#setState({ phase: "resting", nextTryMs });
  }

  #wake(): void {
    this.#cancelRest();
    this.#waiting = this.#waiting.filter(({ isSettled }) => !isSettled);
    if (this.#waiting.length > 0 || this.#subscriptions.size > 0) this.#open();
    else this.#setState({ phase: "idle" });
  }

  /** Looks again when it may be so. */
  #closeIfIdle(): void {
    const { clock } = this.#context;
    const { idleMs } = this.#settings;
    const connection = this.#connection;
    this.#cancelIdle();
    if (connection === undefined) return;
    const isInUse = this.#subscriptions.size > 0 || !connection.isQuiet;
    const leftMs = isInUse ? idleMs : this.#usedAt + idleMs - clock.now();
    if (leftMs > 0) {
      this.#cancelIdle = clock.after(leftMs, () => this.#closeIfIdle());
      return;
    }
    this.#connection = undefined;
    this.#openedAt = undefined;
    connection.fail(new TumarError("LINK_CLOSED", "nobody used the connection"));
    this.#setState({ phase: "idle" });
  }

  /** @throws TumarError RELAY_UNREACHABLE when its connection is gone */
  #checkJourney(journey: object | undefined): void {
    if (journey === undefined) return;
    const begunOn = this.#journeys.get(journey) ?? this.#connections;
    if (begunOn !== this.#connections) throw unreachable("the connection ended");
    this.#journeys.set(journey, begunOn);
  }

  #rejectWaiting(error: TumarError): void {
    for (const pending of this.#waiting.splice(0)) pending.onRefused(error);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new TumarError("LINK_CLOSED", "the connections were closed");
  }

  #setState(state: ChannelState): void {
    this.#state = state;
    this.#events.onState();
  }

  /** What waits when the link is closed runs at once, and finds everything closed. */
  #after(ms: number, task: () => void): void {
    if (this.#isClosed) {
      task();
      return;
    }
    const run = () => {
      cancel();
      this.#timers.delete(run);
      task();
    };
    const cancel = this.#context.clock.after(ms, run);
    this.#timers.add(run);
  }
}
