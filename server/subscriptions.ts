/**
 * Who is subscribed to which mailbox: at most one delivery for each, wherever it is connected.
 *
 * A newer subscription ends the older one with `taken-over`. Wakes of one turn are gathered, so that
 * a commit with many deposits for one mailbox costs its subscriber one read.
 */

import type { Delivery } from "./delivery.ts";
import type { MailboxHandle } from "./store/store.ts";

export class Subscriptions {
  readonly #deliveries = new Map<MailboxHandle, Delivery>();
  #awake = new Set<Delivery>();

  /** Ends the one that was there. */
  add(mailbox: MailboxHandle, delivery: Delivery): void {
    this.#deliveries.get(mailbox)?.end("taken-over");
    this.#deliveries.set(mailbox, delivery);
  }

  /** Does nothing when another has taken over. */
  remove(mailbox: MailboxHandle, delivery: Delivery): void {
    if (this.#deliveries.get(mailbox) === delivery) this.#deliveries.delete(mailbox);
  }

  of(mailbox: MailboxHandle): Delivery | undefined {
    return this.#deliveries.get(mailbox);
  }

  /** Public keys of all mailboxes that somebody listens to now. */
  get mailboxes(): readonly Uint8Array[] {
    return [...this.#deliveries.values()].map(({ mailbox }) => mailbox);
  }

  /** Something came into the mailbox. */
  wake(mailbox: MailboxHandle): void {
    const delivery = this.#deliveries.get(mailbox);
    if (delivery === undefined) return;
    if (this.#awake.size === 0) queueMicrotask(() => this.#pump());
    this.#awake.add(delivery);
  }

  #pump(): void {
    const awake = this.#awake;
    this.#awake = new Set();
    for (const delivery of awake) delivery.wake();
  }
}
