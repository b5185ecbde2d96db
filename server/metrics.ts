/**
 * Counts and histograms for the operator, served on their own port: nothing in them names a user,
 * a mailbox or an address.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { FrameType } from "../shared/wire/frames.ts";

export class Metrics {
  readonly registry: Registry = new Registry();
  readonly #frames: Counter<"frame">;
  readonly #errors: Counter<"code">;
  readonly #deliveries: Counter;
  readonly #commitSize: Histogram;
  readonly #commitSeconds: Histogram;
  readonly #cut: Counter<"reason">;
  readonly #sweepSeconds: Histogram;

  constructor() {
    const registers = [this.registry];
    this.#frames = new Counter({
      name: "tumar_frames_total",
      help: "Frames taken from clients.",
      labelNames: ["frame"],
      registers,
    });
    this.#errors = new Counter({
      name: "tumar_errors_total",
      help: "Error answers, by code.",
      labelNames: ["code"],
      registers,
    });
    this.#deliveries = new Counter({
      name: "tumar_deliveries_total",
      help: "Envelopes handed to a subscriber, again ones included.",
      registers,
    });
    this.#commitSize = new Histogram({
      name: "tumar_commit_operations",
      help: "Operations in one commit.",
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    });
    this.#commitSeconds = new Histogram({
      name: "tumar_commit_seconds",
      help: "Time of one commit, fsync included.",
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
      registers,
    });
    this.#cut = new Counter({
      name: "tumar_connections_cut_total",
      help: "Connections ended by the relay.",
      labelNames: ["reason"],
      registers,
    });
    this.#sweepSeconds = new Histogram({
      name: "tumar_sweep_seconds",
      help: "Time of one sweep.",
      buckets: [0.001, 0.01, 0.1, 1, 10, 60],
      registers,
    });
  }

  observeConnections(connections: () => number): void {
    new Gauge({
      name: "tumar_connections",
      help: "Open connections.",
      registers: [this.registry],
      collect() {
        this.set(connections());
      },
    });
  }

  /** CPU, memory and event loop of the process; off in tests that start many relays. */
  observeProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  frame(type: FrameType): void {
    this.#frames.inc({ frame: type });
  }

  error(code: string): void {
    this.#errors.inc({ code });
  }

  delivered(count: number): void {
    this.#deliveries.inc(count);
  }

  committed(operations: number, seconds: number): void {
    this.#commitSize.observe(operations);
    this.#commitSeconds.observe(seconds);
  }

  cut(reason: "slow" | "silent" | "violation" | "late"): void {
    this.#cut.inc({ reason });
  }

  swept(seconds: number): void {
    this.#sweepSeconds.observe(seconds);
  }
}
