/**
 * How long to wait before the next try to connect: exponential with full jitter, so that a thousand
 * clients of a relay that comes back do not all knock in the same moment.
 *
 *     delay = random in [0, min(capMs, baseMs * 2^failures)]
 *
 * A relay that answered is worth trying again soon, but only a connection that stayed healthy makes
 * the client forget: a relay that accepts and drops in a loop is not hammered.
 */

import { ByteReader, type Random } from "../../shared/crypto/bytes.ts";

export interface BackoffPolicy {
  readonly baseMs: number;
  readonly capMs: number;
  /** A connection that lived this long was healthy. */
  readonly healthyMs: number;
  /** Failures still remembered after the relay answered: at 3 the next wait is at most 2 s. */
  readonly rememberedFailures: number;
}

export const DEFAULT_BACKOFF: BackoffPolicy = {
  baseMs: 250,
  capMs: 30_000,
  healthyMs: 30_000,
  rememberedFailures: 3,
};

export class Backoff {
  readonly #policy: BackoffPolicy;
  readonly #random: Random;
  #failures = 0;

  constructor(policy: BackoffPolicy, random: Random) {
    this.#policy = policy;
    this.#random = random;
  }

  /** The wait before the next try; counts the failure that made it necessary. */
  nextDelayMs(): number {
    const { baseMs, capMs } = this.#policy;
    const ceiling = Math.min(capMs, baseMs * 2 ** this.#failures);
    this.#failures++;
    return Math.floor(this.#fraction() * (ceiling + 1));
  }

  /** Call when a connection that had been up for `upMs` ended. */
  wasUp(upMs: number): void {
    const { healthyMs, rememberedFailures } = this.#policy;
    this.#failures = upMs >= healthyMs ? 0 : Math.min(this.#failures, rememberedFailures);
  }

  /** Something was carried: the next failure is the first. */
  progressed(): void {
    this.#failures = 0;
  }

  /** In [0, 1). */
  #fraction(): number {
    return new ByteReader(this.#random(4)).u32() / 2 ** 32;
  }
}
