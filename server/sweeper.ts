/**
 * Sweeps the store at start and then at regular times, and rotates the channel key on the way.
 *
 * One sweep at a time; one that is due while another runs is left out. A failed sweep is logged and
 * tried again at the next time. Mailboxes that are subscribed to have their owners here: once a day,
 * before anything is removed, their lives start anew.
 */

import { type Clock, hourOf } from "./clock.ts";
import type { Keyring } from "./keys.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { Services } from "./services.ts";
import { dayOf } from "./store/rules.ts";
import type { Store } from "./store/store.ts";

export interface SweeperParts {
  readonly store: Store;
  readonly commits: Services["commits"];
  readonly blobs: Services["blobs"];
  readonly subscriptions: Services["subscriptions"];
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly timer: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export class Sweeper {
  readonly #parts: SweeperParts;
  #timeout: NodeJS.Timeout | undefined;
  #renewedDay = -1;
  #running: Promise<void> | undefined;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
  }

  start(everyMs: number): void {
    this.#timeout = setInterval(() => void this.sweep(), everyMs);
    this.#timeout.unref();
  }

  /** Resolves when the running sweep, or a new one, has ended; never rejects. */
  sweep(): Promise<void> {
    this.#running ??= this.#sweepOnce().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** A last whole sweep: what was acknowledged before is gone from the files afterwards. */
  async stop(): Promise<void> {
    clearInterval(this.#timeout);
    await this.#running;
    await this.sweep();
  }

  async #sweepOnce(): Promise<void> {
    const { store, blobs, keyring, clock, timer, logger, metrics } = this.#parts;
    const beganMs = timer();
    const hour = hourOf(clock());
    try {
      if (await keyring.rotate(hour)) logger.write("info", "channel-key-made");
      await this.#renewSubscribed(hour);
      const report = { ...(await store.sweep({ hour })), blobs: await blobs.sweep(hour) };
      const durationMs = Math.round(timer() - beganMs);
      metrics.swept(durationMs / 1000);
      logger.write("debug", "sweep", { ...report, durationMs });
    } catch (error) {
      logger.unexpected(error, "sweep-failed");
    }
  }

  async #renewSubscribed(hour: number): Promise<void> {
    const { commits, subscriptions } = this.#parts;
    if (this.#renewedDay === dayOf(hour)) return;
    this.#renewedDay = dayOf(hour);
    await Promise.all(
      subscriptions.mailboxes.map((mailbox) =>
        commits.submit({ type: "useMailbox", mailbox, hour }),
      ),
    );
  }
}
