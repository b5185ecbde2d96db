/**
 * Counts and histograms for the operator, served on their own port: nothing in them names a user,
 * a mailbox or an address.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { FrameType } from "../shared/wire/frames.ts";

/** `refused`: no key opened it. `faulty`: no channel came about. `limited`: not taken. `gone`: nobody waited. */
export type ExchangeResult = "answered" | "refused" | "faulty" | "limited" | "gone";

export class Metrics {
  readonly registry: Registry = new Registry();
  readonly #frames: Counter<"frame">;
  readonly #errors: Counter<"code">;
  readonly #deliveries: Counter;
  readonly #commitSize: Histogram;
  readonly #commitSeconds: Histogram;
  readonly #cut: Counter<"reason">;
  readonly #sweepSeconds: Histogram;
  readonly #blobBytesIn: Counter;
  readonly #blobBytesOut: Counter;
  readonly #blobsCompleted: Counter;
  readonly #blobFlushSeconds: Histogram;
  readonly #exchanges: Counter<"path" | "result">;
  readonly #exchangeSeconds: Histogram;

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
    this.#exchanges = new Counter({
      name: "tumar_exchanges_total",
      help: "Exchanges over HTTP, by path and by how they ended.",
      labelNames: ["path", "result"],
      registers,
    });
    this.#exchangeSeconds = new Histogram({
      name: "tumar_exchange_seconds",
      help: "Time from the whole request to the answer, waiting included.",
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 26],
      registers,
    });
    this.#blobBytesIn = new Counter({
      name: "tumar_blob_bytes_stored_total",
      help: "Bytes added to blobs.",
      registers,
    });
    this.#blobBytesOut = new Counter({
      name: "tumar_blob_bytes_read_total",
      help: "Bytes of blobs handed out.",
      registers,
    });
    this.#blobsCompleted = new Counter({
      name: "tumar_blobs_completed_total",
      help: "Blobs that came to their end.",
      registers,
    });
    this.#blobFlushSeconds = new Histogram({
      name: "tumar_blob_flush_seconds",
      help: "Time of one write to a blob's file, sync included.",
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
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
    this.#observe("tumar_connections", "Open connections.", connections);
  }

  observeExchanges(exchanges: () => number): void {
    this.#observe("tumar_exchanges", "Exchanges that are not answered yet.", exchanges);
  }

  observePendingBlobBytes(bytes: () => number): void {
    this.#observe("tumar_blob_pending_bytes", "Bytes for blobs that wait for the disk.", bytes);
  }

  #observe(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
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

  exchanged(path: "exchange" | "thrifty", result: ExchangeResult): void {
    this.#exchanges.inc({ path, result });
  }

  answered(seconds: number): void {
    this.#exchangeSeconds.observe(seconds);
  }

  blobGrew(bytes: number, isLast: boolean): void {
    this.#blobBytesIn.inc(bytes);
    if (isLast) this.#blobsCompleted.inc();
  }

  blobRead(bytes: number): void {
    this.#blobBytesOut.inc(bytes);
  }

  blobFlushed(seconds: number): void {
    this.#blobFlushSeconds.observe(seconds);
  }

  swept(seconds: number): void {
    this.#sweepSeconds.observe(seconds);
  }
}
