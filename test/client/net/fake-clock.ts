/** A clock that stands still until a test moves it. */

import type { Clock } from "../../../client/net/clock.ts";

interface Task {
  readonly at: number;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  #now = 0;
  readonly #tasks = new Set<Task>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const task: Task = { at: this.#now + ms, run };
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }

  /** Timers that have neither run nor been cancelled. */
  get waiting(): number {
    return this.#tasks.size;
  }

  /** Milliseconds until the next timer; undefined when there is none. */
  get nextMs(): number | undefined {
    const times = [...this.#tasks].map(({ at }) => at - this.#now);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Runs what is due on the way, in order, with everything it sets off. */
  async advance(ms: number): Promise<void> {
    await settled();
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#tasks].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#tasks.delete(next);
      this.#now = next.at;
      next.run();
      await settled();
    }
    this.#now = end;
    await settled();
  }
}

/** When everything that needs no timer and no network has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
