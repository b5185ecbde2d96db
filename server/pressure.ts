/**
 * Decides when deposits through cards need a puzzle, and makes the puzzle.
 *
 * Pressure is on while the relay took more deposits in the last second than configured, and for a
 * minute after. A seed serves an hour and is accepted an hour longer, so that a slow phone's
 * solution still counts; solutions are bound to grant and envelope, so nothing needs remembering.
 */

import type { Random } from "../shared/crypto/bytes.ts";
import { PUZZLE_SEED_BYTES } from "../shared/wire/limits.ts";
import { isPuzzleSolved, type Puzzle } from "../shared/wire/puzzle.ts";
import { type Clock, hourOf } from "./clock.ts";

const SECOND_MS = 1000;
const CALM_MS = 60_000;

export interface PressureLimits {
  /** Deposits a second; 0 = the puzzle is always asked. */
  readonly above: number;
  readonly bits: number;
}

export class Pressure {
  readonly #limits: PressureLimits;
  readonly #random: Random;
  readonly #clock: Clock;
  /** Newest first. */
  #seeds: readonly [Uint8Array, ...Uint8Array[]];
  #seedHour: number;
  #secondMs = 0;
  #inSecond = 0;
  #lastHighMs = Number.NEGATIVE_INFINITY;

  constructor(limits: PressureLimits, random: Random, clock: Clock) {
    this.#limits = limits;
    this.#random = random;
    this.#clock = clock;
    this.#seeds = [random(PUZZLE_SEED_BYTES)];
    this.#seedHour = hourOf(clock());
  }

  /** What card deposits must solve now; undefined without pressure. */
  get puzzle(): Puzzle | undefined {
    return this.#isHigh() ? this.required : undefined;
  }

  /** The puzzle itself, for the answer to a deposit that owes it. */
  get required(): Puzzle {
    this.#turn();
    return { seed: this.#seeds[0], bits: this.#limits.bits };
  }

  /** Counts a deposit; true when it may use a card grant: no pressure, or a puzzle solved. */
  admits(depositId: Uint8Array, envelopeId: Uint8Array, nonce: Uint8Array): boolean {
    this.#count();
    if (!this.#isHigh()) return true;
    this.#turn();
    const { bits } = this.#limits;
    return this.#seeds.some((seed) => isPuzzleSolved({ seed, bits }, depositId, envelopeId, nonce));
  }

  #count(): void {
    const nowMs = this.#clock();
    if (nowMs - this.#secondMs >= SECOND_MS || nowMs < this.#secondMs) {
      this.#secondMs = nowMs;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    if (this.#inSecond > this.#limits.above) this.#lastHighMs = nowMs;
  }

  #isHigh(): boolean {
    return this.#limits.above === 0 || this.#clock() - this.#lastHighMs < CALM_MS;
  }

  #turn(): void {
    const hour = hourOf(this.#clock());
    if (hour === this.#seedHour) return;
    const fresh = this.#random(PUZZLE_SEED_BYTES);
    const isNext = Math.abs(hour - this.#seedHour) === 1;
    this.#seeds = isNext ? [fresh, this.#seeds[0]] : [fresh];
    this.#seedHour = hour;
  }
}
