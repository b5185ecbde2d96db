/**
 * Epochs: what tells a fresh first message from a replayed one.
 *
 * An epoch is 16 random bytes, new every hour and at start; the current and the previous one are
 * accepted. The ephemeral keys of first messages seen in either are remembered, in memory only, so a
 * recorded first message counts as fresh at most once; after two epochs, or a restart, its epoch is
 * unknown. The memory is bounded: when an epoch is full the next one begins early.
 */

import { equalBytes, type Random } from "../shared/crypto/bytes.ts";
import { EPOCH_BYTES, EPOCH_PERIOD_HOURS } from "../shared/wire/limits.ts";
import { type Clock, HOUR_MS } from "./clock.ts";

/** About 40 MB of memory for two full epochs; each exchange uses one, 55 a second fill an hour. */
export const MAX_EPHEMERALS = 200_000;

interface Epoch {
  readonly id: Uint8Array;
  readonly beganMs: number;
  readonly seen: Set<string>;
}

export class Epochs {
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #max: number;
  #current: Epoch;
  #previous: Epoch | undefined;

  constructor(random: Random, clock: Clock, max: number = MAX_EPHEMERALS) {
    this.#random = random;
    this.#clock = clock;
    this.#max = max;
    this.#current = this.#begin();
  }

  /** For `hello`, the announcement and refusals. */
  get current(): Uint8Array {
    this.#turn();
    return this.#current.id;
  }

  /** True once for each ephemeral key with an epoch that is accepted; remembers it. */
  admit(epoch: Uint8Array, ephemeral: Uint8Array): boolean {
    this.#turn();
    const found = [this.#current, this.#previous].find((e) => e && equalBytes(e.id, epoch));
    const key = Buffer.from(ephemeral).toString("latin1");
    if (found === undefined || this.#isSeen(key)) return false;
    if (found.seen.size >= this.#max) {
      if (found === this.#current) this.#advance();
      return false;
    }
    found.seen.add(key);
    return true;
  }

  #isSeen(key: string): boolean {
    return this.#current.seen.has(key) || (this.#previous?.seen.has(key) ?? false);
  }

  #turn(): void {
    const age = this.#clock() - this.#current.beganMs;
    if (age >= EPOCH_PERIOD_HOURS * HOUR_MS || age < 0) this.#advance();
    const previousAge = this.#clock() - (this.#previous?.beganMs ?? 0);
    if (previousAge >= 2 * EPOCH_PERIOD_HOURS * HOUR_MS) this.#previous = undefined;
  }

  #advance(): void {
    this.#previous = this.#current;
    this.#current = this.#begin();
  }

  #begin(): Epoch {
    return { id: this.#random(EPOCH_BYTES), beganMs: this.#clock(), seen: new Set() };
  }
}
