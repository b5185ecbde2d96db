/** Waiting for news, a deadline, or the end; and leaving nothing behind. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type WakeOptions, Wakes } from "../../../client/core/wakes.ts";
import type { Clock } from "../../../client/net/clock.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";

/** Time passes when the test says so. */
class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; task: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const timer = { at: this.#now + ms, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get waiting(): number {
    return this.#timers.length;
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { task } of due) task();
  }
}

class Scene {
  readonly clock = new ManualClock();
  readonly closed = new AbortController();
  readonly listeners = new Set<() => void>();

  wakes(options: WakeOptions = {}): Wakes {
    const listen = (listener: () => void) => {
      this.listeners.add(listener);
      return () => this.listeners.delete(listener);
    };
    return new Wakes(listen, this.clock, this.closed.signal, options);
  }

  tell(): void {
    for (const listener of this.listeners) listener();
  }
}

describe("Wakes", () => {
  it("wakes at an event, also one before the call, and after a second for other processes", async () => {
    const scene = new Scene();
    const wakes = scene.wakes();
    scene.tell();
    await wakes.next();
    const waiting = wakes.next();
    scene.tell();
    await waiting;
    const later = wakes.next();
    scene.clock.pass(1_000);
    await later;
    assert.equal(wakes.isOver(), false);
  });

  it("is over at the deadline, at a signal, when the client closes; it says why", async () => {
    const scene = new Scene();
    const late = scene.wakes({ timeoutMs: 10 });
    scene.clock.pass(10);
    await late.over();
    assert.equal(late.reason(undefined).code, "RELAY_UNREACHABLE");
    assert.equal(late.reason(new TumarError("REFUSED", "no")).code, "REFUSED");
    const abort = new AbortController();
    const aborted = scene.wakes({ signal: abort.signal });
    const over = aborted.over();
    abort.abort();
    await over;
    const open = scene.wakes();
    const waiting = open.over();
    scene.closed.abort();
    await waiting;
    assert.equal(open.reason(undefined).code, "CLIENT_CLOSED");
  });

  it("stopped, lets whoever waits go and leaves no timer and no listener", async () => {
    const scene = new Scene();
    const wakes = scene.wakes({ timeoutMs: 60_000 });
    const over = wakes.over();
    wakes.stop();
    await over;
    assert.equal(scene.clock.waiting, 0);
    assert.equal(scene.listeners.size, 0);
  });
});
