/** Timers that all end with their owner. */

import type { Clock } from "./clock.ts";

export class Timers {
  readonly signal: AbortSignal;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.signal = signal;
    signal.addEventListener("abort", () => {
      for (const cancel of this.#waiting) cancel();
      this.#waiting.clear();
    });
  }

  /** The result cancels it. */
  after(ms: number, task: () => void): () => void {
    if (this.signal.aborted) return () => undefined;
    const cancel = this.#clock.after(ms, () => {
      this.#waiting.delete(cancel);
      task();
    });
    this.#waiting.add(cancel);
    return () => {
      this.#waiting.delete(cancel);
      cancel();
    };
  }
}
