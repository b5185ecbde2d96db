/**
 * Notices that a connection died in silence. Relays ping every 30 s; browsers hide pings, so after
 * `probeMs` without a byte the client asks something cheap itself, and after `deadMs` it gives up.
 */

import type { Clock } from "./clock.ts";

export interface WatchdogTimings {
  readonly probeMs: number;
  readonly deadMs: number;
}

export const DEFAULT_WATCHDOG: WatchdogTimings = { probeMs: 30_000, deadMs: 75_000 };

export interface WatchdogEvents {
  /** Nothing was heard for a while: send something that is answered. */
  onQuiet(): void;
  onDead(): void;
}

export class Watchdog {
  readonly #clock: Clock;
  readonly #timings: WatchdogTimings;
  readonly #events: WatchdogEvents;
  #heardAt: number;
  #hasProbed = false;
  #isChecking = false;
  #cancel: () => void;

  constructor(clock: Clock, timings: WatchdogTimings, events: WatchdogEvents) {
    this.#clock = clock;
    this.#timings = timings;
    this.#events = events;
    this.#heardAt = clock.now();
    this.#cancel = clock.after(timings.probeMs, () => this.#look());
  }

  /** Cheap: called for every message. */
  heard(): void {
    this.#heardAt = this.#clock.now();
    this.#hasProbed = false;
  }

  /** Asks now, and gives up when nothing is heard within `withinMs` of the first of such calls. */
  check(withinMs: number): void {
    if (this.#isChecking) return;
    this.#isChecking = true;
    this.#cancel();
    this.#hasProbed = true;
    this.#cancel = this.#clock.after(withinMs, () => {
      this.#isChecking = false;
      if (this.#hasProbed) this.#events.onDead();
      else this.#look();
    });
    this.#events.onQuiet();
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const { probeMs, deadMs } = this.#timings;
    const silentMs = this.#clock.now() - this.#heardAt;
    if (silentMs >= deadMs) {
      this.#events.onDead();
      return;
    }
    const mustProbe = silentMs >= probeMs && !this.#hasProbed;
    const nextMs = silentMs < probeMs ? probeMs - silentMs : Math.min(deadMs - silentMs, probeMs);
    this.#cancel = this.#clock.after(nextMs, () => this.#look());
    if (!mustProbe) return;
    this.#hasProbed = true;
    this.#events.onQuiet();
  }
}
