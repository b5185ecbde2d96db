/**
 * Who is subscribed to which mailbox: at most one subscriber for each, wherever it is connected.
 *
 * A newer subscription ends the older one with `taken-over`. Wakes of one turn are gathered, so that
 * a commit with many deposits for one mailbox costs its subscriber one read.
 */

import type { MailboxHandle } from "./store/store.ts";

export type SubscriptionEnd = "taken-over" | "deleted" | "closed";

/** Who hands out one mailbox to one peer. */
export interface Subscriber {
  /** Public key. */
  readonly mailbox: Uint8Array;
  /** Something may wait now. */
  wake(): void;
  /** The peer acknowledged so many and lends so much more credit. */
  acknowledged(count: number, credit: number): void;
  /** Tells the peer why, unless it is gone. Idempotent. */
  end(reason: SubscriptionEnd): void;
}

export class Subscriptions {
  readonly #subscribers = new Map<MailboxHandle, Subscriber>();
  #awake = new Set<Subscriber>();

  /** Ends the one that was there. */
  add(mailbox: MailboxHandle, subscriber: Subscriber): void {
    this.#subscribers.get(mailbox)?.end("taken-over");
    this.#subscribers.set(mailbox, subscriber);
  }

  /** Does nothing when another has taken over. */
  remove(mailbox: MailboxHandle, subscriber: Subscriber): void {
    if (this.#subscribers.get(mailbox) === subscriber) this.#subscribers.delete(mailbox);
  }

  of(mailbox: MailboxHandle): Subscriber | undefined {
    return this.#subscribers.get(mailbox);
  }

  /** Public keys of all mailboxes that somebody listens to now. */
  get mailboxes(): readonly Uint8Array[] {
    return [...this.#subscribers.values()].map(({ mailbox }) => mailbox);
  }

  /** Something came into the mailbox. */
  wake(mailbox: MailboxHandle): void {
    const subscriber = this.#subscribers.get(mailbox);
    if (subscriber === undefined) return;
    if (this.#awake.size === 0) queueMicrotask(() => this.#pump());
    this.#awake.add(subscriber);
  }

  #pump(): void {
    const awake = this.#awake;
    this.#awake = new Set();
    for (const subscriber of awake) subscriber.wake();
  }
}
