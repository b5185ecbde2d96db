/**
 * Waiting for something to change: an event of this client, a commit of another process of the same
 * vault (looked for every second), a deadline, or a signal.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { Clock } from "../net/clock.ts";

/** How often a waiter looks for what another process of this vault took in. */
const FOREIGN_CHECK_MS = 1_000;

export interface WakeOptions {
  /** None = forever. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class Wakes {
  readonly #clock: Clock;
  readonly #signals: readonly AbortSignal[];
  readonly #stopListening: () => void;
  readonly #cancelDeadline: () => void;
  #isStopped = false;
  #isLate = false;
  #hasNews = false;
  #resolve: () => void = () => undefined;

  /** `listen` calls back at every event of the client until the function it returned is called. */
  constructor(
    listen: (listener: () => void) => () => void,
    clock: Clock,
    closed: AbortSignal,
    { timeoutMs, signal }: WakeOptions,
  ) {
    this.#clock = clock;
    this.#signals = signal === undefined ? [closed] : [closed, signal];
    this.#stopListening = listen(this.#wake);
    for (const one of this.#signals) one.addEventListener("abort", this.#wake);
    this.#cancelDeadline =
      timeoutMs === undefined
        ? () => undefined
        : clock.after(timeoutMs, () => {
            this.#isLate = true;
            this.#wake();
          });
  }

  /** Nothing is worth waiting for any more. */
  isOver(): boolean {
    return this.#isStopped || this.#isLate || this.#signals.some((signal) => signal.aborted);
  }

  /** At once when something happened since the last call. */
  async next(): Promise<void> {
    if (!this.#hasNews && !this.isOver()) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(FOREIGN_CHECK_MS, resolve);
        this.#resolve = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#hasNews = false;
  }

  /** Resolves when `isOver` becomes true. */
  async over(): Promise<void> {
    while (!this.isOver()) await this.next();
  }

  /** Lets go of everything; whoever waits is woken and finds it over. */
  stop(): void {
    this.#isStopped = true;
    this.#stopListening();
    this.#cancelDeadline();
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#wake);
    this.#wake();
  }

  /** Why it is over, for whoever waited; `fault` is the last one known. */
  reason(fault: TumarError | undefined): TumarError {
    if (this.#signals[0]?.aborted) return new TumarError("CLIENT_CLOSED", "the client was closed");
    if (fault !== undefined) return fault;
    return new TumarError("RELAY_UNREACHABLE", "the relay did not answer in time");
  }

  readonly #wake = (): void => {
    this.#hasNews = true;
    this.#resolve();
  };
}
