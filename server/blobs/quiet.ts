/**
 * Since when blobs have not grown. The store knows the hour only, memory the moment, of those that
 * grew last. What is told is never more than it was, so that nobody is said to have gone who has not.
 */

import type { Clock } from "../clock.ts";
import type { StoredBlob } from "../store/store.ts";

const MAX_KNOWN = 65_536;
const HOUR_MS = 3_600_000;

export class Quiet {
  readonly #clock: Clock;
  readonly #timer: Clock;
  readonly #mostKnown: number;
  /** Moment of the last growth by name, the earliest first. */
  readonly #grown = new Map<string, number>();
  /** What is not known has not grown since: the start of the process, or the last one forgotten. */
  #sinceMs: number;

  constructor(clock: Clock, timer: Clock, mostKnown: number = MAX_KNOWN) {
    this.#clock = clock;
    this.#timer = timer;
    this.#mostKnown = mostKnown;
    this.#sinceMs = timer();
  }

  grew(name: string): void {
    this.#grown.delete(name);
    this.#grown.set(name, this.#timer());
    if (this.#grown.size <= this.#mostKnown) return;
    const [first] = this.#grown;
    if (first === undefined) return;
    this.#sinceMs = Math.max(this.#sinceMs, first[1]);
    this.#grown.delete(first[0]);
  }

  secondsOf({ name, grownHour }: StoredBlob): number {
    const knownMs = this.#timer() - (this.#grown.get(name) ?? this.#sinceMs);
    const byTheHourMs = this.#grown.has(name) ? 0 : this.#clock() - (grownHour + 1) * HOUR_MS;
    return Math.min(0xffff_ffff, Math.max(0, Math.floor(Math.max(knownMs, byTheHourMs) / 1000)));
  }
}
