/**
 * Takes exchanges in within the limits on them, and knows those that are not answered yet.
 *
 *     enter (head of the request) ──> a place ──run (whole body)──> answer
 *
 * An address has only so many places, so slow bodies and held answers are bounded by number; how
 * fast it may ask is bounded too.
 */

import { TumarError } from "../shared/crypto/errors.ts";
import { refusalMessage } from "../shared/wire/channel.ts";
import { violationOf } from "./accept.ts";
import { AddressLimit, type Release } from "./address-limit.ts";
import type { AddressNames } from "./address-names.ts";
import { AddressRates } from "./address-rates.ts";
import { announcementOf } from "./announcement.ts";
import { MAX_WAITING_OPERATIONS } from "./connection.ts";
import { Exchange } from "./exchange.ts";
import type { ExchangePath } from "./exchange-paths.ts";
import type { ExchangeTaker } from "./exchange-routes.ts";
import type { TokenBucket } from "./rate.ts";
import type { Services } from "./services.ts";

/** Of one exchange, from the head of its request until its answer has left. */
export interface Place {
  readonly path: ExchangePath;
  readonly frames: TokenBucket;
  readonly release: Release;
}

/** Seconds after which a refused client asks again: when its rate has recovered, or others are done. */
const RETRY_AFTER = { rate: 1, places: 5, closing: 5 } as const;

export class Exchanges implements ExchangeTaker<Place> {
  readonly #services: Services;
  readonly #limit: AddressLimit;
  readonly #rates: AddressRates;
  readonly #open = new Set<Exchange>();
  #isAccepting = true;
  #onEmpty: (() => void) | undefined;

  constructor(services: Services, names: AddressNames) {
    const { config, timer } = services;
    this.#services = services;
    this.#limit = new AddressLimit(
      { perAddress: config.EXCHANGES_PER_ADDRESS, total: config.EXCHANGES },
      names,
    );
    this.#rates = new AddressRates(
      { exchanges: config.EXCHANGES_PER_SECOND, frames: config.EXCHANGE_FRAMES_PER_SECOND },
      names,
      timer,
    );
  }

  /** Places taken. */
  get count(): number {
    return this.#limit.open;
  }

  /** @throws TumarError CLOSING, RATE_LIMITED, with `retryAfter` seconds in its details */
  enter(path: ExchangePath, address: string): Place {
    const { metrics, commits } = this.#services;
    const rates = this.#rates.of(address);
    try {
      const isBusy = this.#limit.isFull || commits.waiting > MAX_WAITING_OPERATIONS;
      if (!this.#isAccepting || isBusy) throw busy("CLOSING", RETRY_AFTER.closing);
      if (!rates.exchanges.take(1)) throw busy("RATE_LIMITED", RETRY_AFTER.rate);
      const leave = this.#limit.enter(address);
      if (leave === undefined) throw busy("RATE_LIMITED", RETRY_AFTER.places);
      return { path, frames: rates.frames, release: () => this.#release(leave) };
    } catch (error) {
      metrics.exchanged(path.name, "limited");
      throw error;
    }
  }

  /**
   * The answer to a whole body; undefined when the client went away before it was ready: `onGone`
   * is given what to call then. @throws TumarError when there is no channel to answer in
   */
  async run(
    { path, frames }: Place,
    body: Uint8Array,
    onGone: (abandon: () => void) => void,
  ): Promise<Uint8Array | undefined> {
    const { metrics, timer } = this.#services;
    const beganMs = timer();
    const exchange = this.#begin(path, body, frames);
    if (exchange instanceof Uint8Array) return exchange;
    this.#open.add(exchange);
    if (!this.#isAccepting) exchange.stopWaiting();
    onGone(() => exchange.abandon());
    const answer = await exchange.answer;
    this.#open.delete(exchange);
    metrics.exchanged(path.name, answer === undefined ? "gone" : "answered");
    metrics.answered((timer() - beganMs) / 1000);
    return answer;
  }

  /** Takes nothing new, and answers what waits. */
  stopAccepting(): void {
    this.#isAccepting = false;
    for (const exchange of [...this.#open]) exchange.stopWaiting();
  }

  /** Resolves when all have been answered, or have been given up after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.stopAccepting();
    if (this.count === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const late = setTimeout(() => this.#onEmpty?.(), graceMs);
    await empty;
    clearTimeout(late);
    for (const exchange of [...this.#open]) exchange.abandon();
  }

  /** The exchange, or the refusal when no key opens it. */
  #begin(path: ExchangePath, body: Uint8Array, rate: TokenBucket): Exchange | Uint8Array {
    const { metrics } = this.#services;
    try {
      const { maxAnswerBytes } = path;
      return Exchange.begin(this.#services, body, { maxAnswerBytes, rate });
    } catch (error) {
      const code = violationOf(this.#services, error);
      const isRefused = code === "CHANNEL_KEY_UNKNOWN";
      metrics.exchanged(path.name, isRefused ? "refused" : "faulty");
      if (isRefused) return announcementOf(this.#services, refusalMessage);
      metrics.error(code);
      throw new TumarError(code, "no channel came about", { cause: error });
    }
  }

  #release(leave: Release): void {
    leave();
    if (this.count === 0) this.#onEmpty?.();
  }
}

function busy(code: "CLOSING" | "RATE_LIMITED", retryAfter: number): TumarError {
  return new TumarError(code, "not taken now", { details: { retryAfter } });
}
