/**
 * Takes what the relay delivers: batches of envelopes are opened in one vault commit each, and only
 * then acknowledged. Another process of the same vault may take the mailbox over; then this one
 * waits until that one has been silent for a while.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { Clock } from "../net/clock.ts";
import type { Delivery, Relay, Subscription } from "../net/requests.ts";
import type { Core } from "./context.ts";
import { openDelivery } from "./incoming.ts";
import type { HomeRow } from "./state/identity.ts";

/** One commit holds what these change: at most some 3 KiB each. */
const BATCH = 16;
/** Without a commit by the other process for this long, the mailbox is ours again. */
export const TAKE_BACK_MS = 30_000;
const WATCH_MS = 1_000;

export interface InboxListener {
  /** Envelopes were taken; their content may have made drafts. */
  onTaken(): void;
  /** Everything that waited when the subscription began has been taken. */
  onDrained(): void;
}

export class Inbox {
  readonly #core: Core;
  readonly #relay: Relay;
  readonly #home: HomeRow;
  readonly #clock: Clock;
  readonly #listener: InboxListener;
  readonly #pending: Delivery[] = [];
  #subscription: Subscription | undefined;
  #isTaking = false;
  #isDrainedAfterPending = false;
  #isClosed = false;
  #cancelTimer: () => void = () => undefined;

  constructor(core: Core, relay: Relay, home: HomeRow, clock: Clock, listener: InboxListener) {
    this.#core = core;
    this.#relay = relay;
    this.#home = home;
    this.#clock = clock;
    this.#listener = listener;
  }

  subscribe(): void {
    if (this.#isClosed) return;
    this.#pending.length = 0;
    this.#subscription = this.#relay.owner.subscribe(this.#home.mailbox, {
      onDeliver: (delivery) => {
        this.#pending.push(delivery);
        void this.#take();
      },
      onDrained: () => {
        this.#isDrainedAfterPending = true;
        void this.#take();
      },
      onEnded: (error) => void this.#ended(error),
    });
  }

  /** Asks for all that waits once more; `onDrained` follows. What is being taken comes again and is known. */
  renew(): void {
    if (this.#subscription === undefined) return;
    this.#subscription.close();
    this.subscribe();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#subscription?.close();
  }

  async #take(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    try {
      while (this.#pending.length > 0 && !this.#isClosed) await this.#takeBatch();
    } catch (error) {
      this.#retryLater(error);
      return;
    } finally {
      this.#isTaking = false;
    }
    if (this.#isDrainedAfterPending && this.#pending.length === 0) {
      this.#isDrainedAfterPending = false;
      this.#listener.onDrained();
    }
  }

  /** Pending again when the commit fails. */
  async #takeBatch(): Promise<void> {
    const subscription = this.#subscription;
    const batch = this.#pending.splice(0, BATCH);
    const opened = await this.#core.vault
      .transaction((tx) => batch.map((delivery) => openDelivery(tx, this.#core, delivery)))
      .catch((error) => {
        this.#pending.unshift(...batch);
        throw error;
      });
    for (const { events } of opened) for (const event of events) this.#core.emit(event);
    this.#listener.onTaken();
    // Not awaited: a lost acknowledgement only brings the envelope again, and it is known then.
    subscription?.acknowledge(batch.map(({ envelopeId }) => envelopeId)).catch(() => undefined);
  }

  /** The vault is busy or full: nothing was acknowledged, so nothing is lost. */
  #retryLater(error: unknown): void {
    if (this.#isClosed) return;
    if (!(error instanceof TumarError)) throw error;
    this.#cancelTimer = this.#clock.after(WATCH_MS, () => void this.#take());
  }

  async #ended(error: Error): Promise<void> {
    this.#subscription = undefined;
    if (this.#isClosed) return;
    const isTakenOver = error instanceof TumarError && error.code === "TAKEN_OVER";
    await this.#core.vault.refresh();
    const isOurs = this.#core.vault.foreignCommitAgeMs < TAKE_BACK_MS;
    if (isTakenOver && !isOurs) {
      this.#core.emit({ type: "taken-over", relay: this.#home.address });
    }
    this.#watch(TAKE_BACK_MS);
  }

  /** Subscribes again after `leftMs` in which no other process committed. */
  #watch(leftMs: number): void {
    if (this.#isClosed) return;
    this.#cancelTimer = this.#clock.after(WATCH_MS, () => {
      void this.#core.vault.refresh().then(
        (isForeign) => {
          const left = isForeign ? TAKE_BACK_MS : leftMs - WATCH_MS;
          if (left <= 0) this.subscribe();
          else this.#watch(left);
        },
        () => this.#watch(leftMs),
      );
    });
  }
}
