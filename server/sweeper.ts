/**
 * Sweeps the store at start and then at regular times, and rotates the channel key on the way. Blobs
 * that expired while the relay was down may be many: they go while it runs, and its stop waits for
 * few of them.
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
  /** The first sweep of blobs. */
  #first: Promise<unknown> | undefined;
  #isStopping = false;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
  }

  /** What the store has, before anything is taken in. Never rejects. */
  async sweepStore(): Promise<void> {
    await this.#logged(() => this.#sweepOnce(async () => 0));
  }

  start(everyMs: number): void {
    const { blobs, clock } = this.#parts;
    this.#first = this.#logged(() => blobs.sweep(hourOf(clock()), () => this.#isStopping));
    this.#timeout = setInterval(() => void this.sweep(), everyMs);
    this.#timeout.unref();
  }

  /** Resolves when the running sweep, or a new one, has ended; never rejects. */
  sweep(): Promise<void> {
    const sweeping = () => this.#sweepOnce((hour) => this.#sweepBlobs(hour));
    this.#running ??= this.#logged(sweeping).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** A last sweep of the store: what was acknowledged before is gone from the files afterwards. */
  async stop(): Promise<void> {
    clearInterval(this.#timeout);
    this.#isStopping = true;
    await this.#first;
    await this.#running;
    await this.sweepStore();
  }

  async #sweepOnce(sweepBlobs: (hour: number) => Promise<number>): Promise<void> {
    const { store, keyring, clock, timer, logger, metrics } = this.#parts;
    const beganMs = timer();
    const hour = hourOf(clock());
    if (await keyring.rotate(hour)) logger.write("info", "channel-key-made");
    await this.#renewSubscribed(hour);
    const report = { ...(await store.sweep({ hour })), blobs: await sweepBlobs(hour) };
    const durationMs = Math.round(timer() - beganMs);
    metrics.swept(durationMs / 1000);
    logger.write("debug", "sweep", { ...report, durationMs });
  }

  async #sweepBlobs(hour: number): Promise<number> {
    await this.#first;
    return await this.#parts.blobs.sweep(hour, () => this.#isStopping);
  }

  async #logged(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.logger.unexpected(error, "sweep-failed");
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
