/** What every connection to one relay shares: where it is, what is known of it, and the world outside. */

import type { Random } from "../../shared/crypto/bytes.ts";
import type { Announcements } from "./announcements.ts";
import type { Clock } from "./clock.ts";
import type { Transport } from "./transport.ts";
import { DEFAULT_WATCHDOG, type WatchdogTimings } from "./watchdog.ts";

export interface ConnectionTimings extends WatchdogTimings {
  /** From the attempt to connect until the channel is open: four round trips of a very bad network. */
  readonly handshakeMs: number;
  /**
   * How long message 1 waits for the announcement that comes with the upgrade when a key is known
   * already: it brings the current epoch, without which owner frames take one more round trip.
   */
  readonly graceMs: number;
  /** Until a connection that was asked for a sign of life is given up. */
  readonly kickMs: number;
  /** How often a full socket is looked at. */
  readonly drainMs: number;
  /** How long an exchange may take beside what it waits at the relay and what its bytes take. */
  readonly answerMs: number;
}

export const DEFAULT_TIMINGS: ConnectionTimings = {
  ...DEFAULT_WATCHDOG,
  handshakeMs: 30_000,
  graceMs: 50,
  kickMs: 10_000,
  drainMs: 20,
  answerMs: 10_000,
};

/** Frames are sealed no faster than the socket takes them: what is unsent can still be withdrawn. */
export const DEFAULT_MAX_BUFFERED_BYTES: number = 128 * 1024;

export interface ConnectionContext {
  readonly transport: Transport;
  /** `https://host[:port]`, of the relay or of a door to it. */
  readonly origin: string;
  readonly announcements: Announcements;
  readonly clock: Clock;
  readonly random: Random;
  readonly timings: ConnectionTimings;
  readonly maxBufferedBytes: number;
  /** Called in the turn in which something came that the relay sealed: the way it came leads there. */
  readonly onAnswered?: () => void;
}
