/**
 * Token buckets of one connection: frames and bytes per second.
 *
 * A bucket holds two seconds' worth. What goes below zero is a debt of at most one second: the
 * connection is not read until it is paid, so an honest client that sends in bursts is only slowed,
 * by TCP. Beyond the debt frames are refused with RATE_LIMITED.
 */

import type { Clock } from "./clock.ts";

const BURST_SECONDS = 2;
const DEBT_SECONDS = 1;

export class TokenBucket {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledMs: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond * BURST_SECONDS;
    this.#filledMs = clock();
  }

  /** False, and nothing taken, when the debt would exceed its bound. */
  take(count: number): boolean {
    if (this.#tokens - count < 0) this.#fill();
    if (this.#tokens - count < -DEBT_SECONDS * this.#perSecond) return false;
    this.#tokens -= count;
    return true;
  }

  /** Milliseconds until there is no debt. */
  get debtMs(): number {
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / this.#perSecond) * 1000);
  }

  #fill(): void {
    const nowMs = this.#clock();
    const gained = (Math.max(0, nowMs - this.#filledMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond * BURST_SECONDS, this.#tokens + gained);
    this.#filledMs = nowMs;
  }
}
