/**
 * What uploads and downloads of blobs share: a window for each relay and direction, the time after which
 * nothing coming through is the end, and pauses between failures.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { Clock } from "./clock.ts";
import { isRefusedForNow } from "./refusals.ts";
import type { Relay } from "./requests.ts";
import { TransferWindow } from "./transfer-window.ts";
import { unreachable } from "./transport-faults.ts";

/** How much of a blob a relay has. */
export interface BlobState {
  readonly storedBytes: number;
  readonly isComplete: boolean;
  /** Since it grew last, by the relay's clock. */
  readonly quietSeconds: number;
}

export interface Windows {
  readonly up: TransferWindow;
  readonly down: TransferWindow;
}

const WINDOWS = new WeakMap<Relay, Windows>();

/** All transfers with one relay share a line, and what is known of it. */
export function windowsOf(relay: Relay, clock: Clock): Windows {
  const known = WINDOWS.get(relay);
  if (known !== undefined) return known;
  const windows = { up: new TransferWindow(clock), down: new TransferWindow(clock) };
  WINDOWS.set(relay, windows);
  return windows;
}

/** Nothing came through for so long: as the longest outages of a line that is worth waiting for. */
export const STALL_MS = 60_000;
/** Of a request, beside what its bytes take; a dead connection is noticed sooner. */
const ANSWER_MS = 30_000;
/** A line may become so much slower than it was. */
const SLOWER = 4;
const MOST_TIMEOUT_MS = 120_000;

/** How long the answer to a slice may take with everything that is under way before it. */
export function timeoutOf(window: TransferWindow): number {
  const expectedMs = window.expectedMs(window.inFlightBytes) ?? 0;
  return Math.min(MOST_TIMEOUT_MS, ANSWER_MS + SLOWER * expectedMs);
}

const FREE_FAILURES = 3;
const PAUSE_MS = 250;
const MOST_PAUSE_MS = 8_000;

/** What a transfer waits for, and when it gives up. */
export class Attempts {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #wake: () => void = () => {};
  #isWoken = false;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #stallsAtMs: number;
  #lastError: TumarError = unreachable("nothing came through");

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#stallsAtMs = clock.now() + STALL_MS;
    signal.addEventListener("abort", () => this.wake(), { once: true });
  }

  /** Something came through, or nothing is wanted: failures are forgotten. */
  progressed(): void {
    this.#failures = 0;
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
    this.#stallsAtMs = this.#clock.now() + STALL_MS;
  }

  /** @throws it, when repeating cannot mend it */
  failed(error: unknown): void {
    this.#signal.throwIfAborted();
    if (!isPassing(error)) throw error;
    this.#lastError = error;
    this.#failures++;
    const doublings = this.#failures - (isRefusedForNow(error) ? 0 : FREE_FAILURES);
    if (doublings <= 0) return;
    const pauseMs = Math.min(MOST_PAUSE_MS, PAUSE_MS * 2 ** doublings);
    this.#notBeforeMs = this.#clock.now() + pauseMs;
  }

  /** A pause after failures is over, or there was none. */
  get mayGoOn(): boolean {
    return this.#clock.now() >= this.#notBeforeMs;
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** @throws the signal's reason; what failed last, when nothing came through for `STALL_MS` */
  check(): void {
    this.#signal.throwIfAborted();
    if (this.#clock.now() >= this.#stallsAtMs) throw this.#lastError;
  }

  /** Until something happens, a pause is over, or it is time for `check`. */
  async happened(): Promise<void> {
    const now = this.#clock.now();
    const untilMs = this.mayGoOn ? this.#stallsAtMs : Math.min(this.#stallsAtMs, this.#notBeforeMs);
    if (!this.#isWoken && !this.#signal.aborted) await this.#sleep(Math.max(0, untilMs - now));
    this.#isWoken = false;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Aborted with `outer`, or when the transfer is over. */
export class Ending {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = () => this.#controller.abort(this.#outer?.reason);

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
    outer?.throwIfAborted();
    outer?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    this.#outer?.removeEventListener("abort", this.#onAbort);
    this.#controller.abort(new TumarError("LINK_CLOSED", "the transfer is over"));
  }
}

export function relayFault(what: string): TumarError {
  return new TumarError("RELAY_FAULT", what);
}

/** What the relay says only for a moment; QUOTA and STORAGE_FULL last, and another place may do. */
const MOMENTARY: ReadonlySet<string> = new Set(["RATE_LIMITED", "INTERNAL", "CLOSING", "RETRY"]);

/** The same may come through when it is tried again now. */
export function isPassing(error: unknown): error is TumarError {
  if (!(error instanceof TumarError) || !error.retryable) return false;
  return !isRefusedForNow(error) || MOMENTARY.has(error.code);
}

/** The relay answered: nothing was lost on the way. */
export function isOfRelay(error: unknown): boolean {
  return !(error instanceof TumarError) || !error.retryable || isRefusedForNow(error);
}
