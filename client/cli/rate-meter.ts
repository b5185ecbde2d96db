/**
 * How fast something goes and how long it still takes, from what was counted in the last seconds: a line
 * that stops shows no rate of an hour ago. The time is passed in.
 */

/** Long enough to smooth the steps of one chunk each, short enough to follow a line that changes. */
const WINDOW_MS = 15_000;
/** A rate of less than this says nothing. */
const LEAST_MS = 500;
/** One sample for so long is enough; keeps a fast transfer from remembering thousands. */
const STEP_MS = 100;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export class RateMeter {
  #samples: readonly Sample[] = [];
  /** When bytes came last; a new meter counts from its first sample. */
  #movedAtMs: number | undefined;

  /** `bytes` is the count so far; one that fell (it began anew) forgets what was before. */
  count(atMs: number, bytes: number): void {
    const last = this.#samples.at(-1);
    if (last === undefined || bytes < last.bytes) {
      this.#samples = [{ atMs, bytes }];
      this.#movedAtMs = atMs;
      return;
    }
    if (bytes > last.bytes) this.#movedAtMs = atMs;
    const previous = this.#samples.at(-2);
    const isStep = previous === undefined || last.atMs - previous.atMs >= STEP_MS;
    const kept = isStep ? this.#samples : this.#samples.slice(0, -1);
    this.#samples = [...withinWindow(kept, atMs), { atMs, bytes }];
  }

  /** Null while too little is known, and when nothing moves. */
  bytesPerSecond(nowMs: number): number | null {
    const samples = withinWindow(this.#samples, nowMs);
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === undefined || last === undefined || nowMs - first.atMs < LEAST_MS) return null;
    const bytes = last.bytes - first.bytes;
    return bytes === 0 ? null : (bytes * 1000) / (nowMs - first.atMs);
  }

  /** Null when the end or the rate is not known. */
  leftMs(nowMs: number, totalBytes: number | null): number | null {
    const rate = this.bytesPerSecond(nowMs);
    const done = this.#samples.at(-1)?.bytes;
    if (rate === null || totalBytes === null || done === undefined) return null;
    return (Math.max(0, totalBytes - done) * 1000) / rate;
  }

  /** For how long no byte has come. */
  quietMs(nowMs: number): number {
    return this.#movedAtMs === undefined ? 0 : Math.max(0, nowMs - this.#movedAtMs);
  }
}

/** What was counted last before the window counts too: the rate is that since then, within reason. */
function withinWindow(samples: readonly Sample[], nowMs: number): readonly Sample[] {
  const startMs = nowMs - WINDOW_MS;
  const inside = samples.filter(({ atMs }) => atMs > startMs);
  const before = samples[samples.length - inside.length - 1];
  if (before === undefined) return inside;
  return [{ ...before, atMs: Math.max(before.atMs, startMs - WINDOW_MS) }, ...inside];
}
