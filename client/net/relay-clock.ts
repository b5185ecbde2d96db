/**
 * The shared clock: the hour that relays tell in `hello`, as the median over relays. It never goes
 * backwards, and one lying relay among three cannot move it. The device's own clock is not asked.
 */

export class RelayClock {
  readonly #hours = new Map<string, number>();
  #newest: number | undefined;

  /** `floor`: the newest hour known from earlier, kept by the caller. */
  constructor(floor?: number) {
    this.#newest = floor;
  }

  /** Hours since 1970 UTC; undefined until a relay has told it. */
  hour(): number | undefined {
    return this.#newest;
  }

  /** True when at least two relays were heard and all tell the same hour, give or take one. */
  isAgreed(): boolean {
    const hours = [...this.#hours.values()];
    return hours.length >= 2 && Math.max(...hours) - Math.min(...hours) <= 1;
  }

  observe(relay: string, hour: number): void {
    this.#hours.set(relay, hour);
    const median = lowerMedian([...this.#hours.values()]);
    if (this.#newest === undefined || median > this.#newest) this.#newest = median;
  }

  /** The relay is no longer asked. */
  forget(relay: string): void {
    this.#hours.delete(relay);
  }
}

/** Of an even number the earlier of the middle two: of two relays, one alone cannot push time ahead. */
function lowerMedian(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? 0;
}
