/**
 * The places for exchanges at a relay or a door: an address has only so many and takes them only so
 * fast, all together have only so many, and there are none while it stops.
 */

import { TumarError } from "../shared/crypto/errors.ts";
import { AddressLimit, type Release } from "./address-limit.ts";
import type { AddressNames } from "./address-names.ts";
import { AddressRates } from "./address-rates.ts";
import type { Clock } from "./clock.ts";
import type { SettingValues } from "./config-table.ts";
import type { TokenBucket } from "./rate.ts";

/** Of one exchange, from the head of its request until its answer has left. */
export interface ExchangePlace {
  /** How fast its address may send frames. */
  readonly frames: TokenBucket;
  readonly release: Release;
}

/** Seconds after which a refused client asks again: when its rate has recovered, or others are done. */
const RETRY_AFTER = { rate: 1, places: 5, closing: 5 } as const;

export class ExchangePlaces {
  readonly #limit: AddressLimit;
  readonly #rates: AddressRates;
  #isAccepting = true;
  #onEmpty: (() => void) | undefined;

  constructor(config: SettingValues, names: AddressNames, timer: Clock) {
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

  get isAccepting(): boolean {
    return this.#isAccepting;
  }

  /** @throws TumarError CLOSING, RATE_LIMITED, with `retryAfter` seconds in its details */
  enter(address: string): ExchangePlace {
    if (!this.#isAccepting || this.#limit.isFull) throw this.closing();
    const { exchanges, frames } = this.#rates.of(address);
    if (!exchanges.take(1)) throw busy("RATE_LIMITED", RETRY_AFTER.rate);
    const leave = this.#limit.enter(address);
    if (leave === undefined) throw busy("RATE_LIMITED", RETRY_AFTER.places);
    return { frames, release: () => this.#release(leave) };
  }

  /** What is answered when nothing more is taken now. */
  closing(): TumarError {
    return busy("CLOSING", RETRY_AFTER.closing);
  }

  stopAccepting(): void {
    this.#isAccepting = false;
  }

  /** Resolves when all places are free, or after `graceMs`. */
  async emptied(graceMs: number): Promise<void> {
    if (this.count === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const late = setTimeout(() => this.#onEmpty?.(), graceMs);
    await empty;
    clearTimeout(late);
  }

  #release(leave: Release): void {
    leave();
    if (this.count === 0) this.#onEmpty?.();
  }
}

function busy(code: "CLOSING" | "RATE_LIMITED", retryAfter: number): TumarError {
  return new TumarError(code, "not taken now", { details: { retryAfter } });
}
