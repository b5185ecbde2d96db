/** An exchange under way: what it carries, how long it may take, and its end before its time. */

import type { TumarError } from "../../shared/crypto/errors.ts";
import { MAX_ORDINARY_MESSAGE_BYTES } from "../../shared/wire/limits.ts";
import type { Exchange } from "./exchange.ts";
import type { ExchangeRoom } from "./exchange-room.ts";
import { HelloRequest } from "./hello-request.ts";
import type { Outgoing } from "./outgoing.ts";
import { brokenBy } from "./transport-faults.ts";

/** What the worst network is taken to carry: 2 kbit/s. */
const SLOWEST_BYTES_PER_SECOND = 250;

/** The next one may take so many times as long as others did, before it is given up. */
const SLOWER = 4;

export interface FlightPlan {
  readonly outgoing: readonly Outgoing[];
  /** That they were put into. */
  readonly room: ExchangeRoom;
  readonly carries: "requests" | "bulk" | "poll";
  /** How long the relay may hold it. */
  readonly waitMs: number;
  /** Instead of what its size allows: it shows whether the relay can be reached. */
  readonly limitMs?: number;
  onDone(): void;
  /** It failed, and the connection goes on. `unsent` never left, the rest was told. */
  onFailed(unsent: readonly Outgoing[]): void;
}

export class Flight {
  readonly plan: FlightPlan;
  /** How many exchanges of the connection had been answered when it began. */
  readonly answersBefore: number;
  readonly hasHello: boolean;
  readonly #giveUp = new AbortController();
  /** Of its answer, as they came. */
  answerBytes = 0;
  #exchange: Exchange | undefined;
  readonly #timers: (() => void)[] = [];

  constructor(plan: FlightPlan, answersBefore: number) {
    this.plan = plan;
    this.answersBefore = answersBefore;
    this.hasHello = plan.outgoing.some((one) => one instanceof HelloRequest);
  }

  /** Not held by the relay: its failure says something of the network. */
  get isQuick(): boolean {
    return this.plan.waitMs === 0;
  }

  /** Aborted with an error when it is given up. */
  get signal(): AbortSignal {
    return this.#giveUp.signal;
  }

  run(exchange: Exchange): Promise<void> {
    this.#exchange = exchange;
    return exchange.run();
  }

  /** How long this request of it may take. */
  limitMs(requestBytes: number, answerMs: number, pace: Pace): number {
    const { room, waitMs, limitMs, carries } = this.plan;
    // A longer answer is asked for only on a line that is faster than that.
    const answerBytes = Math.min(room.answerBytes, MAX_ORDINARY_MESSAGE_BYTES);
    return limitMs ?? answerMs + waitMs + pace.bytesMs(requestBytes + answerBytes, carries);
  }

  giveUp(error: TumarError): void {
    this.#giveUp.abort(error);
  }

  /** Cancelled when the request it is about is over. */
  addTimer(cancel: () => void): void {
    this.#timers.push(cancel);
  }

  cancelTimers(): void {
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  /** Ends it; what never left is returned, the rest is told. */
  end(error: TumarError): readonly Outgoing[] {
    this.cancelTimers();
    this.giveUp(error);
    return this.#exchange?.end(isNamed(error) ? error : brokenBy(error)) ?? [];
  }
}

/**
 * How long bytes may take: parts of blobs by how long others took, so that a frozen exchange is soon
 * noticed; everything else, and what is not known yet, as on the worst network.
 */
export class Pace {
  #bytesPerMs: number | undefined;

  took(bytes: number, ms: number): void {
    const rate = bytes / Math.max(1, ms);
    this.#bytesPerMs = this.#bytesPerMs === undefined ? rate : (this.#bytesPerMs + rate) / 2;
  }

  /** The line may have become slow. */
  failed(): void {
    if (this.#bytesPerMs !== undefined) this.#bytesPerMs /= 2;
  }

  bytesMs(bytes: number, carries: FlightPlan["carries"]): number {
    const slowestMs = (bytes * 1000) / SLOWEST_BYTES_PER_SECOND;
    if (carries !== "bulk" || this.#bytesPerMs === undefined) return slowestMs;
    return Math.min(slowestMs, (SLOWER * bytes) / this.#bytesPerMs);
  }
}

/** What stands between: a person can do something about it, so that those who ask are told. */
function isNamed({ code }: TumarError): boolean {
  return code === "CAPTIVE_PORTAL" || code === "RELAY_TLS" || code === "NOT_A_RELAY";
}
