/** The chunk in flight on a simulated line: what a line carries it gets, and hardly more. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  LEAST_WINDOW_BYTES,
  MOST_WINDOW_BYTES,
  SLICE_BUCKETS,
  type Ticket,
  TransferWindow,
} from "../../../client/net/transfer-window.ts";

interface SimulatedLine {
  /** Bytes in a millisecond. */
  rate: number;
  rttMs: number;
  /** Of slices; a lost one is late by a round trip and 200 ms, and all behind it wait. */
  readonly loss?: number;
  /** The connection breaks after so many bytes. */
  readonly lifeBytes?: number;
}

interface Outcome {
  readonly bytesPerMs: number;
  readonly window: TransferWindow;
  /** The most that was under way at once after the first half. */
  readonly mostInFlight: number;
  readonly lostBytes: number;
  readonly buckets: ReadonlySet<number>;
}

interface Flying {
  readonly ticket: Ticket;
  readonly atMs: number;
}

const NO_MORE_MS = 1e-9;

/** An upload of endless length over the line, by virtual time. */
class Simulation {
  nowMs = 0;
  readonly line: SimulatedLine;
  readonly window: TransferWindow;
  readonly buckets = new Set<number>();
  deliveredBytes = 0;
  lostBytes = 0;
  mostInFlight = 0;
  #freeAtMs = 0;
  #lastAtMs = 0;
  #livedBytes = 0;
  readonly #flying: Flying[] = [];
  #seed = 7;

  constructor(line: SimulatedLine) {
    this.line = line;
    this.window = new TransferWindow({ now: () => this.nowMs, after: () => () => undefined });
  }

  run(untilMs: number): void {
    this.#fill();
    while (this.nowMs < untilMs) {
      const next = this.#flying.shift();
      assert.ok(next, "nothing is under way, and nothing may go: it stands still");
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#arrive(next.ticket);
      this.#fill();
    }
  }

  #fill(): void {
    for (;;) {
      const bucket = this.window.bucketFor(Number.POSITIVE_INFINITY);
      if (bucket === undefined) break;
      assert.ok(SLICE_BUCKETS.includes(bucket));
      this.buckets.add(bucket);
      this.#fly(this.window.sent(bucket));
      assert.ok(this.window.inFlightBytes <= this.window.bytes, "in flight within the window");
    }
    this.mostInFlight = Math.max(this.mostInFlight, this.window.inFlightBytes);
  }

  #fly(ticket: Ticket): void {
    const { rate, rttMs, loss = 0 } = this.line;
    this.#freeAtMs = Math.max(this.nowMs, this.#freeAtMs) + ticket.bytes / rate;
    const lateMs = this.#chance() < loss ? rttMs + 200 : 0;
    this.#lastAtMs = Math.max(this.#lastAtMs + NO_MORE_MS, this.#freeAtMs + rttMs + lateMs);
    this.#flying.push({ ticket, atMs: this.#lastAtMs });
  }

  #arrive(ticket: Ticket): void {
    const { bytes: windowBytes } = this.window;
    this.#livedBytes += ticket.bytes;
    const isBroken = this.#livedBytes > (this.line.lifeBytes ?? Number.POSITIVE_INFINITY);
    if (isBroken) {
      for (const { ticket: other } of this.#flying.splice(0)) this.#lose(other);
      this.#lose(ticket);
      this.#livedBytes = 0;
      assert.ok(this.window.bytes <= Math.max(LEAST_WINDOW_BYTES, windowBytes));
    } else {
      this.window.answered(ticket);
      this.deliveredBytes += ticket.bytes;
    }
    const { bytes } = this.window;
    assert.ok(bytes >= LEAST_WINDOW_BYTES && bytes <= MOST_WINDOW_BYTES);
  }

  #lose(ticket: Ticket): void {
    this.lostBytes += ticket.bytes;
    this.window.lost(ticket);
  }

  /** Reproducible: the same losses in each run. */
  #chance(): number {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return this.#seed / 2 ** 31;
  }
}

/** Over the second half of the time. */
function outcome(line: SimulatedLine, ms: number): Outcome {
  const simulation = new Simulation(line);
  simulation.run(ms / 2);
  const before = { ms: simulation.nowMs, bytes: simulation.deliveredBytes };
  simulation.mostInFlight = 0;
  simulation.run(ms);
  const { window, mostInFlight, lostBytes, buckets } = simulation;
  const bytes = simulation.deliveredBytes - before.bytes;
  const bytesPerMs = bytes / (simulation.nowMs - before.ms);
  return { bytesPerMs, window, mostInFlight, lostBytes, buckets };
}

const kbps = (rate: number): number => rate / 8;

describe("the chunk in flight", () => {
  it("stays at 8 KiB at 32 kbit/s and 300 ms, and keeps the line busy", () => {
    const { bytesPerMs, mostInFlight } = outcome({ rate: kbps(32), rttMs: 300 }, 120_000);
    assert.ok(mostInFlight <= LEAST_WINDOW_BYTES, `${mostInFlight} bytes in flight`);
    assert.ok(bytesPerMs > 0.98 * kbps(32), `${bytesPerMs / kbps(32)} of the line`);
  });

  it("is two round trips' worth on a slow line with long ones, and rides out lost packets", () => {
    const line = { rate: kbps(200), rttMs: 840, loss: 0.01 };
    const { bytesPerMs, mostInFlight } = outcome(line, 300_000);
    const product = kbps(200) * 840;
    assert.ok(mostInFlight < 3 * product, `${mostInFlight} bytes in flight`);
    assert.ok(bytesPerMs > 0.96 * kbps(200), `${bytesPerMs / kbps(200)} of the line`);
  });

  it("is 64 KiB until 1 MiB came through, and then 1 MiB in the largest messages on a fast line", () => {
    const line = { rate: 12_500, rttMs: 100 };
    const simulation = new Simulation(line);
    simulation.run(1_000);
    assert.ok(simulation.deliveredBytes < 1_000_000 && !simulation.buckets.has(50_688));
    assert.equal(simulation.window.bytes, 65_536);
    simulation.run(4_000);
    assert.equal(simulation.window.bytes, MOST_WINDOW_BYTES);
    assert.ok(simulation.buckets.has(50_688));
  });

  it("follows a line that becomes slow, and one that becomes fast again", () => {
    const simulation = new Simulation({ rate: 1_250, rttMs: 100 });
    simulation.run(10_000);
    assert.ok(simulation.window.bytes > 200_000);
    Object.assign(simulation.line, { rate: kbps(32), rttMs: 300 });
    simulation.run(200_000);
    assert.ok(simulation.window.bytes <= 2 * LEAST_WINDOW_BYTES, `${simulation.window.bytes}`);
    Object.assign(simulation.line, { rate: 1_250, rttMs: 100 });
    simulation.run(210_000);
    assert.ok(simulation.window.bytes > 200_000, `${simulation.window.bytes}`);
  });

  it("learns that round trips have become long, on a line that stays as fast", () => {
    const simulation = new Simulation({ rate: kbps(200), rttMs: 2 });
    simulation.run(10_000);
    Object.assign(simulation.line, { rttMs: 840 });
    simulation.run(60_000);
    const before = simulation.deliveredBytes;
    simulation.run(120_000);
    assert.ok((simulation.deliveredBytes - before) / 60_000 > 0.9 * kbps(200));
  });

  it("is halved once for a connection that breaks, whatever was under way", () => {
    const simulation = new Simulation({ rate: 1_250, rttMs: 100, lifeBytes: 2_000_000 });
    const window = simulation.window;
    simulation.run(1_000);
    const { bytes } = window;
    const tickets = Array.from({ length: 4 }, () => window.sent(4_608));
    for (const ticket of tickets) window.lost(ticket);
    assert.ok(Math.abs(window.bytes - bytes / 2) < 2, `${window.bytes} of ${bytes}`);
  });

  it("fits every line: at least 8 KiB, at most 1 MiB, never beyond itself, and it converges (property)", () => {
    const line = fc.record({
      rate: fc.double({ min: 0.5, max: 20_000, noNaN: true }),
      rttMs: fc.integer({ min: 1, max: 2_000 }),
      loss: fc.constantFrom(0, 0, 0.02),
      lifeBytes: fc.option(fc.integer({ min: 2_000, max: 400_000 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(line, ({ lifeBytes, ...rest }) => {
        const fixed = lifeBytes === undefined ? rest : { ...rest, lifeBytes };
        const ms = 40 * (rest.rttMs + 20_000 / rest.rate);
        const { bytesPerMs, window, mostInFlight } = outcome(fixed, ms);
        if (lifeBytes !== undefined || rest.loss > 0) return;
        const { rate, rttMs } = rest;
        const most = Math.min(rate, MOST_WINDOW_BYTES / (rttMs + 50_688 / rate));
        assert.ok(bytesPerMs > 0.7 * most, `${bytesPerMs} of ${most} at ${window.bytes}`);
        const product = rate * (rttMs + 1_536 / rate);
        assert.ok(mostInFlight <= Math.max(LEAST_WINDOW_BYTES, 2.1 * product + 220 * rate));
      }),
    );
  });
});
