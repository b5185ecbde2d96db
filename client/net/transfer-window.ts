/**
 * How many bytes of blobs may be under way to or from one relay: the *chunk in flight*. Pure numbers,
 * no I/O; whoever transfers asks what may go next and tells what became of it.
 *
 *     window = rate · (2 · round trip + 200 ms), between 8 KiB and 1 MiB
 *
 * `rate` is the most that was delivered lately, `round trip` the least that was seen: so a line is kept
 * busy through a lost packet or while the relay's disk is slow, a text waits for little, and while the
 * line is not the limit the window doubles with every round trip. A broken connection halves it. Why: docs/adr/0018.
 */

import type { Clock } from "./clock.ts";

export const LEAST_WINDOW_BYTES = 8_192;
export const MOST_WINDOW_BYTES = 1_048_576;

/** Channel messages that slices fill, from the smallest on. */
export const SLICE_BUCKETS: readonly number[] = [1536, 4608, 16896, 50688];

/** One product of rate and round trip under way, and another for what comes late. */
const GAIN = 2;
/** What the other side may take for its own work; nobody notices that a text waits so long. */
const WORK_MS = 200;
/** A slice has at most this share of the window: the next is there when its answer comes, and little is lost with it. */
const LARGEST_SHARE = 3 / 8;
/**
 * Where connections break, or may, slices are no longer than this, and no more than that is under way over
 * one connection, until so much has come through: it is what is lost with one.
 */
const CAUTIOUS_WINDOW_BYTES = 65_536;
const CAUTIOUS_BUCKET = 16_896;
const CAUTIOUS_BYTES = 1_048_576;
/** Smaller slices are for what room is left only: a fifth of them is not their bytes. */
const USUAL_BUCKET = 4608;
/** A rate is remembered for one or two of these; longer where a round trip takes long. */
const RATE_MS = 1_000;
const RATE_ROUND_TRIPS = 4;
/** So long all answers must have been late before the round trip is measured anew; longer each time it is confirmed. */
const DOUBT_MS = 15_000;
const MOST_DOUBT_MS = 120_000;
/** A round trip that differs by less is the same. */
const SAME = 1.5;
/** With a full window of our own in front, answers take twice the round trip. */
const DOUBT_ROUND_TRIPS = 2.5;
/** Timers are no finer. */
const LEAST_MS = 0.05;

/** Bytes that were handed over, and what was known then. */
export interface Ticket {
  readonly bytes: number;
  /** As many when others are larger. */
  readonly smallBytes: number;
  readonly sentAtMs: number;
  readonly deliveredBytes: number;
  readonly deliveredAtMs: number;
  readonly firstSentAtMs: number;
  readonly isTimed: boolean;
  readonly isProbe: boolean;
  /** How many connections had broken. */
  readonly breaks: number;
  /** The window was the limit, and not what there was to send. */
  readonly isFull: boolean;
}

export class TransferWindow {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #bytes = LEAST_WINDOW_BYTES;
  #inFlightBytes = 0;
  #smallBytes = 0;
  #deliveredBytes = 0;
  #deliveredAtMs = 0;
  #firstSentAtMs = 0;
  #roundTripMs: number | undefined;
  /** The next slice goes alone, to be measured: nothing else waits in front of it. */
  #isProbing = true;
  /** Bytes in a millisecond: the most of this period and of the one before. */
  #rate = 0;
  #rateBefore = 0;
  #rateSinceMs = 0;
  #leastMs = Number.POSITIVE_INFINITY;
  #leastSinceMs = 0;
  #doubtMs = DOUBT_MS;
  #cautiousUntilBytes = CAUTIOUS_BYTES;
  #breaks = 0;

  /** One connection carries all, and takes it down with it; otherwise each slice has its own. */
  isOneConnection = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** How long so many bytes are likely to take, to the answer; undefined while nothing is known. */
  expectedMs(bytes: number): number | undefined {
    const rate = Math.max(this.#rate, this.#rateBefore);
    return rate === 0 ? undefined : bytes / rate + (this.#roundTripMs ?? 0);
  }

  /** Called when there may be room that was not there before. The result stops it. */
  onRoom(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The channel message whose slice may go now, the smallest that carries all of `wantedBytes` (on the
   * wire) if one does; undefined when it has to wait for room. `isAwaited`: what is under way has come
   * and waits for it at the other side, so that it needs no room.
   */
  bucketFor(wantedBytes: number, isAwaited: boolean = false): number | undefined {
    const [smallest = 0] = SLICE_BUCKETS;
    const isAlone = this.#inFlightBytes === 0;
    if (this.#isProbing && !isAwaited) return isAlone ? smallest : undefined;
    const usual = this.#usualBucket;
    const enough = SLICE_BUCKETS.find((bucket) => bucket >= wantedBytes) ?? usual;
    const best = Math.min(usual, enough);
    const room = this.#bytes - this.#inFlightBytes;
    if (best <= room || isAwaited) return best;
    // Small ones fill what is left, but no more of it than one large slice: they would stay small for ever.
    const filling = Math.min(room, usual - this.#smallBytes);
    return SLICE_BUCKETS.findLast((bucket) => bucket < usual && bucket <= filling);
  }

  get #isCautious(): boolean {
    return this.#deliveredBytes < this.#cautiousUntilBytes;
  }

  get #usualBucket(): number {
    const share = this.#bytes * LARGEST_SHARE;
    const most = Math.max(
      USUAL_BUCKET,
      this.#isCautious ? Math.min(CAUTIOUS_BUCKET, share) : share,
    );
    return SLICE_BUCKETS.findLast((bucket) => bucket <= most) ?? USUAL_BUCKET;
  }

  /** `isTimed` false: it waits for more than the line, such as a connection. */
  sent(bytes: number, isTimed: boolean = true): Ticket {
    const nowMs = this.#clock.now();
    if (this.#inFlightBytes === 0) {
      this.#deliveredAtMs = nowMs;
      this.#firstSentAtMs = nowMs;
    }
    this.#inFlightBytes += bytes;
    const smallBytes = bytes < this.#usualBucket ? bytes : 0;
    this.#smallBytes += smallBytes;
    return {
      bytes,
      smallBytes,
      sentAtMs: nowMs,
      deliveredBytes: this.#deliveredBytes,
      deliveredAtMs: this.#deliveredAtMs,
      firstSentAtMs: this.#firstSentAtMs,
      isTimed,
      isProbe: this.#isProbing && isTimed,
      breaks: this.#breaks,
      isFull: this.#inFlightBytes * 2 >= this.#bytes,
    };
  }

  /** It came through. `bytes`: how many of them, when an answer may bring less than was asked for. */
  answered(ticket: Ticket, bytes: number = ticket.bytes): void {
    const nowMs = this.#clock.now();
    this.#deliveredBytes += bytes;
    this.#deliveredAtMs = nowMs;
    this.#firstSentAtMs = ticket.sentAtMs;
    if (ticket.isTimed) {
      this.#noteRoundTrip(ticket, nowMs);
      this.#noteRate(ticket, nowMs);
      this.#resize();
    }
    this.released(ticket);
  }

  /** Its connection broke. The window is halved once for all that was under way then. */
  lost(ticket: Ticket): void {
    this.#cautiousUntilBytes = this.#deliveredBytes + CAUTIOUS_BYTES;
    if (ticket.breaks === this.#breaks) {
      this.#breaks++;
      const share = Math.min(1, this.#bytes / 2 / Math.max(1, this.#wantedBytes));
      this.#rate *= share;
      this.#rateBefore *= share;
      this.#resize();
    }
    this.released(ticket);
  }

  /** Nothing is known of it: it was refused, or given up. */
  released({ bytes, smallBytes }: Ticket): void {
    this.#inFlightBytes -= bytes;
    this.#smallBytes -= smallBytes;
    for (const listener of [...this.#listeners]) listener();
  }

  #noteRoundTrip({ sentAtMs, isProbe, isFull }: Ticket, nowMs: number): void {
    const tookMs = Math.max(LEAST_MS, nowMs - sentAtMs);
    if (isProbe) this.#noteProbe(tookMs, nowMs);
    const roundTripMs = Math.min(this.#roundTripMs ?? tookMs, tookMs);
    this.#roundTripMs = roundTripMs;
    if (isFull) this.#leastMs = Math.min(this.#leastMs, tookMs);
    if (nowMs - this.#leastSinceMs < this.#doubtMs) return;
    const isLate =
      Number.isFinite(this.#leastMs) && this.#leastMs > DOUBT_ROUND_TRIPS * roundTripMs;
    this.#isProbing ||= isLate;
    this.#restartDoubt(nowMs);
  }

  #noteProbe(tookMs: number, nowMs: number): void {
    const isSame = tookMs < SAME * (this.#roundTripMs ?? 0);
    this.#doubtMs = isSame ? Math.min(MOST_DOUBT_MS, 2 * this.#doubtMs) : DOUBT_MS;
    this.#roundTripMs = tookMs;
    this.#isProbing = false;
    this.#restartDoubt(nowMs);
  }

  #restartDoubt(nowMs: number): void {
    this.#leastMs = Number.POSITIVE_INFINITY;
    this.#leastSinceMs = nowMs;
  }

  /**
   * From the last delivery before it was sent, and no shorter than it took to send what came between:
   * what a stalled line hands out at once does not look like a fast line.
   */
  #noteRate(ticket: Ticket, nowMs: number): void {
    const passedMs = Math.max(
      LEAST_MS,
      nowMs - ticket.deliveredAtMs,
      ticket.sentAtMs - ticket.firstSentAtMs,
    );
    const rate = (this.#deliveredBytes - ticket.deliveredBytes) / passedMs;
    const periodMs = Math.max(RATE_MS, RATE_ROUND_TRIPS * (this.#roundTripMs ?? 0));
    if (ticket.isFull && nowMs - this.#rateSinceMs >= periodMs) {
      this.#rateBefore = this.#rate;
      this.#rate = 0;
      this.#rateSinceMs = nowMs;
    }
    this.#rate = Math.max(this.#rate, rate);
  }

  get #wantedBytes(): number {
    const rate = Math.max(this.#rate, this.#rateBefore);
    return Math.floor(rate * (GAIN * (this.#roundTripMs ?? 0) + WORK_MS));
  }

  #resize(): void {
    const isLimited = this.#isCautious && this.isOneConnection;
    const most = isLimited ? CAUTIOUS_WINDOW_BYTES : MOST_WINDOW_BYTES;
    this.#bytes = Math.min(most, Math.max(LEAST_WINDOW_BYTES, this.#wantedBytes));
  }
}
