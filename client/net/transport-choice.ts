/**
 * Which kind of connection to a relay comes next: the fastest that works here. One for each relay,
 * shared by its two channels; it opens nothing and knows no sockets.
 *
 *     websocket ──refused, or fails twice──> exchange ──likewise──> thrifty ──likewise──> websocket
 *         └────────frozen after 8 to 40 KiB──────┴────────────────────^
 *
 * Below the top it is tried from time to time whether the next higher kind works again, beside the one
 * that works. What no kind can cure moves nothing. Why, and the numbers: docs/adr/0013.
 */

import {
  type ChoiceNumbers,
  type ChoiceOptions,
  DEFAULT_CHOICE,
  type LoweredBy,
  type Plan,
  type Remembered,
} from "./choice-numbers.ts";
import { TRANSPORT_KINDS, type TransportKind } from "./connection.ts";
import {
  type ConnectionFailure,
  FailuresInRow,
  isInCurtain,
  type Verdict,
  verdictOn,
} from "./connection-failure.ts";

const TOP: TransportKind = "websocket";
/** Where networks freeze connections it is not tried at each start whether they still do. */
const FROZEN_LIFE_MS = 86_400_000;

export class TransportChoice {
  readonly #options: ChoiceOptions;
  readonly #numbers: ChoiceNumbers;
  /** Of the present kind. */
  readonly #failures: FailuresInRow;
  #kind: TransportKind = TOP;
  #loweredBy: LoweredBy | undefined;
  #isKnown = false;
  /** Since something worked: one of each kind has failed when this holds all. */
  readonly #failed = new Set<TransportKind>();
  #frozenAt = 0;
  #lastVerdict: Verdict = "none";
  #kept: Omit<Remembered, "ageMs"> | undefined;
  #probeMs = 0;
  #probeAt: number | undefined;
  #isProbing = false;
  readonly #listeners = new Set<() => void>();

  constructor(options: ChoiceOptions) {
    this.#options = options;
    this.#numbers = { ...DEFAULT_CHOICE, ...options.numbers };
    this.#failures = new FailuresInRow(options.clock, this.#numbers.windowMs);
    this.#begin();
  }

  get kind(): TransportKind {
    return this.#kind;
  }

  /** Why the kind is not the top one; undefined when it is, or when it is forced. */
  get loweredBy(): LoweredBy | undefined {
    return this.#loweredBy;
  }

  /** No kind has worked since the last one that did. */
  get hasTriedAll(): boolean {
    return this.#failed.size === TRANSPORT_KINDS.length;
  }

  /** A lower kind than this one is next. */
  isBelow(kind: TransportKind): boolean {
    return isLower(this.#kind, kind);
  }

  plan(): Plan {
    const { unknownMs, knownMs } = this.#numbers;
    const besideMs = this.#isKnown ? knownMs : unknownMs;
    const beside = this.#options.forced === undefined ? below(this.#kind) : undefined;
    return { kind: this.#kind, beside, besideMs };
  }

  /** Which kind to open beside one that went silent, before it is known to be dead. */
  rescueKind(receivedBytes: number): TransportKind {
    const isFrozen = this.#options.forced === undefined && isInCurtain(receivedBytes);
    return isFrozen ? "thrifty" : this.#kind;
  }

  /** A connection of this kind is open and is used. */
  opened(kind: TransportKind): void {
    const wasAway = this.hasTriedAll;
    this.#failed.clear();
    this.#lastVerdict = "none";
    if (this.#options.forced !== undefined) return;
    if (isLower(kind, this.#kind)) this.#lowerTo(kind, "slower");
    else if (kind !== this.#kind) return;
    this.#isKnown = true;
    if (kind === TOP) return;
    this.#doubtCurtain();
    if (wasAway && !this.#isHard) this.#scheduleProbe(this.#numbers.quickProbeMs);
    this.#keep();
  }

  /** It has lived long enough to be relied on. */
  proved(kind: TransportKind): void {
    if (kind === TOP && this.#kind === TOP && this.#options.forced === undefined) this.#keep();
  }

  /** `channel` only tells failures of one channel from those of the other, which happen together. */
  failed(channel: object, failure: ConnectionFailure): void {
    const verdict = verdictOn(failure);
    if (verdict === "none") return;
    this.#lastVerdict = verdict;
    this.#failed.add(failure.kind);
    if (this.#options.forced !== undefined || failure.kind !== this.#kind) return;
    if (verdict === "unreached") return;
    const mayFreeze = failure.kind !== "thrifty";
    if (verdict === "frozen" && mayFreeze) this.#freeze();
    else if (verdict === "refused") this.#lower(verdict);
    else if (this.#failures.add(channel, failure) >= this.#numbers.failures) {
      if (mayFreeze && failure.isRescued === true) this.#freeze();
      else this.#lower(verdict);
    }
  }

  get lastVerdict(): Verdict {
    return this.#lastVerdict;
  }

  /** Milliseconds until a higher kind may be tried beside the one in use; undefined: not at all. */
  get probeInMs(): number | undefined {
    if (this.#probeAt === undefined || this.#isProbing) return undefined;
    return Math.max(0, this.#probeAt - this.#options.clock.now());
  }

  /** What must have been received over a kind before it is believed to work. */
  get mustOutgrowCurtain(): boolean {
    return this.#loweredBy === "frozen";
  }

  /** Undefined when none is due. Call `endProbe` when it is over. */
  beginProbe(): TransportKind | undefined {
    if (this.probeInMs !== 0) return undefined;
    this.#isProbing = true;
    return above(this.#kind);
  }

  /** `hasWorked` undefined: it was given up for reasons of our own. */
  endProbe(kind: TransportKind, hasWorked: boolean | undefined): void {
    this.#isProbing = false;
    if (above(this.#kind) !== kind) return;
    if (hasWorked === true) {
      const nextMs = this.#isHard ? this.#numbers.probeMs : this.#numbers.quickProbeMs;
      this.#raiseTo(kind, nextMs);
      this.#keep();
      this.#tellBoth();
    } else {
      const doubledMs = Math.min(this.#probeMs * 2, this.#numbers.probeMs);
      this.#scheduleProbe(hasWorked === false ? doubledMs : this.#probeMs);
      if (hasWorked === false) this.#keep(true);
    }
  }

  /**
   * Told when both channels should change: a higher kind works again, or connections freeze here. The
   * result stops the telling.
   */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Another network: what was learned in the last one is forgotten here, not where it is kept. */
  networkChanged(): void {
    this.#begin();
  }

  #begin(): void {
    const { forced, recall } = this.#options;
    this.#failures.clear();
    this.#failed.clear();
    this.#lastVerdict = "none";
    this.#loweredBy = undefined;
    this.#probeAt = undefined;
    this.#kind = forced ?? TOP;
    this.#isKnown = false;
    this.#kept = undefined;
    const remembered = forced === undefined ? recall() : undefined;
    if (remembered === undefined || this.#isOutdated(remembered)) return;
    const { kind, loweredBy, ageMs } = remembered;
    this.#isKnown = true;
    this.#kind = kind;
    this.#kept = { kind, loweredBy };
    if (kind === TOP) return;
    this.#loweredBy = loweredBy;
    this.#probeMs = this.#isHard ? this.#numbers.probeMs : this.#numbers.softProbeMs;
    this.#probeAt = this.#options.clock.now() + Math.max(0, this.#probeMs - ageMs);
  }

  #isOutdated({ kind, loweredBy, ageMs }: Remembered): boolean {
    const isFrozen = kind !== TOP && loweredBy === "frozen";
    return ageMs < 0 || ageMs >= (isFrozen ? FROZEN_LIFE_MS : this.#numbers.probeMs);
  }

  /** From the lowest kind to the top: no kind works, and any may be the first that does again. */
  #lower(verdict: "refused" | "failed" | "frozen"): void {
    const next = below(this.#kind);
    if (next === undefined) this.#raiseTo(TOP, 0);
    else this.#lowerTo(next, verdict);
  }

  #freeze(): void {
    this.#frozenAt = this.#options.clock.now();
    this.#lowerTo("thrifty", "frozen");
    this.#tellBoth();
  }

  #tellBoth(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The network was away, and came back: no sign of a curtain. */
  #doubtCurtain(): void {
    const sinceMs = this.#options.clock.now() - this.#frozenAt;
    const isNews = this.#loweredBy === "frozen" && this.#kept?.loweredBy !== "frozen";
    if (!isNews || sinceMs < this.#numbers.aliveMs) return;
    this.#loweredBy = "failed";
    this.#scheduleProbe(this.#numbers.softProbeMs);
  }

  #lowerTo(kind: TransportKind, loweredBy: LoweredBy): void {
    const { probeMs, softProbeMs } = this.#numbers;
    const isHard = loweredBy === "refused" || loweredBy === "frozen";
    this.#kind = kind;
    this.#failures.clear();
    // A soft reason on the way down does not make a refusal above it soft.
    if (this.#loweredBy !== "refused" || isHard) this.#loweredBy = loweredBy;
    this.#scheduleProbe(isHard ? probeMs : softProbeMs);
  }

  #raiseTo(kind: TransportKind, nextProbeMs: number): void {
    this.#kind = kind;
    this.#failures.clear();
    if (kind === TOP) this.#loweredBy = undefined;
    this.#scheduleProbe(nextProbeMs);
  }

  get #isHard(): boolean {
    return this.#loweredBy === "refused" || this.#loweredBy === "frozen";
  }

  #scheduleProbe(probeMs: number): void {
    this.#probeMs = probeMs;
    const hasAbove = this.#options.forced === undefined && this.#kind !== TOP;
    this.#probeAt = hasAbove ? this.#options.clock.now() + probeMs : undefined;
  }

  /** What was known already keeps its age, so that it is tried again in time; `isNews` makes it new. */
  #keep(isNews = false): void {
    const kept = { kind: this.#kind, loweredBy: this.#loweredBy ?? "slower" };
    const isSame = this.#kept?.kind === kept.kind && this.#kept.loweredBy === kept.loweredBy;
    if (isSame && !isNews) return;
    this.#kept = kept;
    this.#options.keep(kept);
  }
}

function below(kind: TransportKind): TransportKind | undefined {
  return TRANSPORT_KINDS[TRANSPORT_KINDS.indexOf(kind) + 1];
}

function above(kind: TransportKind): TransportKind | undefined {
  return TRANSPORT_KINDS[TRANSPORT_KINDS.indexOf(kind) - 1];
}

function isLower(kind: TransportKind, than: TransportKind): boolean {
  return TRANSPORT_KINDS.indexOf(kind) > TRANSPORT_KINDS.indexOf(than);
}
