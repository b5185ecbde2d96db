/**
 * Shows that a connection is worth changing to, by nothing but `hello`: it has lived for a while and still
 * answers, and where connections freeze it has carried more than such networks let through.
 */

import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { HelloRequest } from "./hello-request.ts";
import type { Timers } from "./timers.ts";

/** A connection that was open so long, and still answers, is relied on. */
export const PROVED_MS = 30_000;
/** Over a network that freezes connections, one that carried so much was not frozen. */
export const OUTGROWN_BYTES: number = 24 * 1024;

export interface ProofOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly mustOutgrowCurtain: boolean;
  /** Once. */
  onProved(): void;
}

export class Proof {
  readonly #connection: Connection;
  readonly #options: ProofOptions;
  readonly #beganAt: number;
  #isOver = false;

  constructor(connection: Connection, options: ProofOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#beganAt = options.clock.now();
  }

  /** The connection is open. */
  begin(): void {
    this.#options.timers.after(PROVED_MS, () => this.#ask());
  }

  /** It answered. */
  onHello(): void {
    if (this.#isOver) return;
    const { clock, mustOutgrowCurtain, onProved } = this.#options;
    if (mustOutgrowCurtain && this.#connection.receivedBytes < OUTGROWN_BYTES) {
      queueMicrotask(() => this.#ask());
    } else if (clock.now() - this.#beganAt >= PROVED_MS) {
      this.#isOver = true;
      onProved();
    }
  }

  /** The connection is no longer looked at. */
  end(): void {
    this.#isOver = true;
  }

  #ask(): void {
    if (this.#isOver) return;
    const events = { onHello: () => this.onHello(), onRefused: () => undefined };
    this.#connection.submit(new HelloRequest(events));
  }
}
