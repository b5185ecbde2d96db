/**
 * Takes what the relay delivers: batches of envelopes are opened in one vault commit each, and only
 * then acknowledged. Another process of the same vault may take the mailbox over; then this one
 * waits until that one has been silent for a while.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { Clock } from "../net/clock.ts";
import type { Delivery, Relay, Subscription } from "../net/requests.ts";
import type { Core } from "./context.ts";
import { isVaultFault } from "./faults.ts";
import { type Opened, openDelivery } from "./incoming.ts";
import { Milestone } from "./milestone.ts";
import { noteFailure } from "./quarantine.ts";
import type { HomeRow } from "./state/homes.ts";
import { forgetFailing } from "./state/quarantine.ts";

/** One commit holds what these change: at most some 3 KiB each. */
const BATCH = 16;
/** Without a commit by the other process for this long, the mailbox is ours again. */
export const TAKE_BACK_MS = 30_000;
const WATCH_MS = 1_000;

export class Inbox {
  readonly #core: Core;
  readonly #relay: Relay;
  readonly #home: HomeRow;
  readonly #clock: Clock;
  readonly #onTaken: () => void;
  #drained = new Milestone();
  readonly #pending: Delivery[] = [];
  #subscription: Subscription | undefined;
  #isTaking = false;
  #isDrainedAfterPending = false;
  #isClosed = false;
  #cancelRetry: () => void = () => undefined;
  #cancelWatch: () => void = () => undefined;

  /** `onTaken`: envelopes were taken; their content may have made drafts. */
  constructor(core: Core, relay: Relay, home: HomeRow, clock: Clock, onTaken: () => void) {
    this.#core = core;
    this.#relay = relay;
    this.#home = home;
    this.#clock = clock;
    this.#onTaken = onTaken;
  }

  /** From any other subscription of this vault the mailbox is taken over. */
  subscribe(): void {
    if (this.#isClosed) return;
    this.#cancelRetry();
    this.#cancelWatch();
    this.#pending.length = 0;
    this.#isDrainedAfterPending = false;
    const subscription = this.#relay.owner.subscribe(this.#home.mailbox, {
      onDeliver: (delivery) => {
        this.#pending.push(delivery);
        void this.#take();
      },
      onDrained: () => {
        this.#isDrainedAfterPending = true;
        void this.#take();
      },
      onEnded: (error) => {
        if (this.#subscription === subscription) void this.#ended(error);
      },
    });
    this.#subscription = subscription;
  }

  /** Everything that waits at the relay now is in the vault. What is being taken comes again and is known. */
  drained(): Promise<void> {
    if (this.#drained.isReached) {
      this.#drained = new Milestone();
      this.#subscription?.close();
      this.subscribe();
    }
    return this.#drained.reached();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    this.#cancelWatch();
    this.#subscription?.close();
  }

  async #take(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    try {
      while (this.#pending.length > 0 && !this.#isClosed) await this.#takeBatch();
    } catch {
      // The vault is busy or full: nothing was acknowledged, so nothing is lost.
      this.#retryLater();
      return;
    } finally {
      this.#isTaking = false;
    }
    if (this.#isDrainedAfterPending && this.#pending.length === 0) {
      this.#isDrainedAfterPending = false;
      this.#drained.reach();
    }
  }

  /** Pending again when the commit fails. */
  async #takeBatch(): Promise<void> {
    const subscription = this.#subscription;
    const batch = this.#pending.splice(0, BATCH);
    const taken = await this.#open(batch).catch((error) => {
      this.#pending.unshift(...batch);
      throw error;
    });
    for (const { events } of taken.values()) for (const event of events) this.#core.emit(event);
    this.#onTaken();
    const ids = [...taken.keys()].map(({ envelopeId }) => envelopeId);
    // Not awaited: a lost acknowledgement only brings the envelope again, and it is known then.
    subscription?.acknowledge(ids).catch(() => undefined);
  }

  /**
   * One commit for all. When that fails by what is in them, one for each: what then fails alone is a
   * fault of this program; it holds up nothing else, and comes again until it is in quarantine.
   */
  async #open(batch: readonly Delivery[]): Promise<ReadonlyMap<Delivery, Opened>> {
    try {
      const opened = await this.#core.vault.transaction((tx) =>
        batch.map((delivery) => {
          forgetFailing(tx, delivery.envelopeId);
          return [delivery, openDelivery(tx, this.#core, delivery)] as const;
        }),
      );
      return new Map(opened);
    } catch (error) {
      if (isVaultFault(error)) throw error;
      const [delivery] = batch;
      if (delivery !== undefined && batch.length === 1) {
        const isKept = await noteFailure(this.#core, delivery, error);
        return new Map(isKept ? [[delivery, { events: [] }]] : []);
      }
    }
    const taken = new Map<Delivery, Opened>();
    for (const delivery of batch) {
      for (const [one, opened] of await this.#open([delivery])) taken.set(one, opened);
    }
    return taken;
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    this.#cancelRetry();
    this.#cancelRetry = this.#clock.after(WATCH_MS, () => void this.#take());
  }

  async #ended(error: Error): Promise<void> {
    this.#subscription = undefined;
    const isTakenOver = error instanceof TumarError && error.code === "TAKEN_OVER";
    // In a mailbox that is not there nothing waits.
    if (error instanceof TumarError && error.code === "REFUSED") this.#drained.reach();
    // A vault that cannot be read now shows nothing of other processes.
    await this.#core.vault.refresh().catch(() => false);
    if (this.#isClosed || this.#subscription !== undefined) return;
    const isOurs = this.#core.vault.foreignCommitAgeMs < TAKE_BACK_MS;
    if (isTakenOver && !isOurs) {
      this.#core.emit({ type: "taken-over", relay: this.#home.address });
    }
    this.#watch(TAKE_BACK_MS);
  }

  /** Subscribes again after `leftMs` in which no other process committed. */
  #watch(leftMs: number): void {
    if (this.#isClosed || this.#subscription !== undefined) return;
    this.#cancelWatch();
    this.#cancelWatch = this.#clock.after(WATCH_MS, () => {
      void this.#core.vault.refresh().then(
        (isForeign) => {
          const left = isForeign ? TAKE_BACK_MS : leftMs - WATCH_MS;
          if (left > 0) this.#watch(left);
          else if (this.#subscription === undefined) this.subscribe();
        },
        () => this.#watch(leftMs),
      );
    });
  }
}
