/** The relay's time: hours and days since 1970-01-01 UTC, from a clock that is passed in. */

/** Milliseconds since 1970-01-01 UTC. */
export type Clock = () => number;

export const HOUR_MS = 3_600_000;
const HOURS_PER_DAY = 24;

export const systemClock: Clock = () => Date.now();

export function hourOf(nowMs: number): number {
  return Math.floor(nowMs / HOUR_MS);
}

export function dayOfHour(hour: number): number {
  return Math.floor(hour / HOURS_PER_DAY);
}
