/** A time-out that counts from the last progress: a slow transfer is no dead one. */

import type { TumarError } from "../../shared/crypto/errors.ts";

export class Patience {
  readonly #ms: number;
  readonly #reason: () => TumarError;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #most = Number.NEGATIVE_INFINITY;

  /** Whoever makes one ends it. */
  constructor(ms: number, reason: () => TumarError) {
    this.#ms = ms;
    this.#reason = reason;
    this.#wait();
  }

  /** Aborts with the reason once nothing got further for so long. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Any measure of how far it is; only more than ever before is progress. */
  reached(measure: number): void {
    if (measure <= this.#most) return;
    this.#most = measure;
    this.#wait();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.signal.aborted) return;
    this.#timer = setTimeout(() => this.#controller.abort(this.#reason()), this.#ms);
  }
}
