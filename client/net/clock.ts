/**
 * Time as client/net sees it: a monotonic count of milliseconds and timers that can be cancelled.
 * Passed in, so that tests decide when time passes. What day it is comes from relays (relay-clock.ts),
 * never from here.
 */

export interface Clock {
  /** Milliseconds from an arbitrary start; never goes backwards. */
  now(): number;
  /** Runs `task` once after `ms`; the result cancels it and may be called at any time. */
  after(ms: number, task: () => void): () => void;
}

/** The timers of the platform. A waiting timer keeps a Node process alive until it is cancelled. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, task) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};
