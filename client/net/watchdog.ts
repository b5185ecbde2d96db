/**
 * Notices that a connection died in silence. Relays ping every 30 s; browsers hide pings, so after
 * `probeMs` without a byte the client asks something cheap itself, and after `deadMs` it gives up.
 * When something waits for its answer, `doubtMs` of silence are enough to say that it may be dead.
 */

import type { Clock } from "./clock.ts";

export interface WatchdogTimings {
  readonly doubtMs: number;
  readonly probeMs: number;
  readonly deadMs: number;
}

export const DEFAULT_WATCHDOG: WatchdogTimings = {
  doubtMs: 10_000,
  probeMs: 30_000,
  deadMs: 75_000,
};

export interface WatchdogEvents {
  /** Nothing was heard for a while: send something that is answered. */
  onQuiet(): void;
  /** Once for each silence. */
  onDoubt(): void;
  onDead(silentMs: number): void;
  /** Something waits for its answer. */
  isWaiting(): boolean;
  /** Also those of a message that is not whole yet. */
  receivedBytes(): number;
}

export class Watchdog {
  readonly #clock: Clock;
  readonly #timings: WatchdogTimings;
  readonly #events: WatchdogEvents;
  #heardAt: number;
  #hasProbed = false;
  #isChecking = false;
  #cancel: () => void;
  #seenBytes = 0;
  #isDoubtful = false;
  #askedAt: number | undefined;
  #cancelDoubt: (() => void) | undefined;

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
    this.#seenBytes = this.#events.receivedBytes();
    this.#hasProbed = false;
    this.#askedAt = undefined;
    if (this.#isDoubtful) this.#awaitAnswers();
    this.#isDoubtful = false;
  }

  /** Something that is answered goes out. Cheap: called for every message. */
  asked(): void {
    this.#askedAt ??= this.#clock.now();
    this.#awaitAnswers();
  }

  get isDoubtful(): boolean {
    return this.#isDoubtful;
  }

  /** Asks now, and gives up when nothing is heard within `withinMs` of the first of such calls. */
  check(withinMs: number): void {
    if (this.#isChecking) return;
    this.#isChecking = true;
    this.#cancel();
    this.#hasProbed = true;
    this.#cancel = this.#clock.after(withinMs, () => {
      this.#isChecking = false;
      this.#noticeBytes();
      if (this.#hasProbed) this.#events.onDead(this.#clock.now() - this.#heardAt);
      else this.#look();
    });
    this.#events.onQuiet();
  }

  stop(): void {
    this.#cancel();
    this.#cancelDoubt?.();
  }

  #look(): void {
    this.#noticeBytes();
    const { probeMs, deadMs } = this.#timings;
    const silentMs = this.#clock.now() - this.#heardAt;
    if (silentMs >= deadMs) {
      this.#events.onDead(silentMs);
      return;
    }
    const mustProbe = silentMs >= probeMs && !this.#hasProbed;
    const nextMs = silentMs < probeMs ? probeMs - silentMs : Math.min(deadMs - silentMs, probeMs);
    this.#cancel = this.#clock.after(nextMs, () => this.#look());
    if (!mustProbe) return;
    this.#hasProbed = true;
    this.#events.onQuiet();
  }

  #awaitAnswers(): void {
    const { doubtMs } = this.#timings;
    this.#cancelDoubt ??= this.#clock.after(doubtMs, () => this.#lookForAnswers());
  }

  #lookForAnswers(): void {
    this.#cancelDoubt = undefined;
    this.#noticeBytes();
    if (this.#isDoubtful || !this.#events.isWaiting()) return;
    const { doubtMs } = this.#timings;
    const since = Math.max(this.#heardAt, this.#askedAt ?? 0);
    const leftMs = since + doubtMs - this.#clock.now();
    if (leftMs > 0) {
      this.#cancelDoubt = this.#clock.after(leftMs, () => this.#lookForAnswers());
      return;
    }
    this.#isDoubtful = true;
    this.#events.onDoubt();
  }

  /** A large message on a slow line is silence only to those who wait for its end. */
  #noticeBytes(): void {
    if (this.#events.receivedBytes() !== this.#seenBytes) this.heard();
  }
}
