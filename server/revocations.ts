/**
 * Grants that were revoked a short while ago, so that a `mailbox.grant` which was held back on its way
 * and comes after the revocation does not bring them back. A first message counts as fresh for at most
 * two epochs, and for none after a restart: so long, and in memory only, they are remembered.
 *
 * Bounded: beyond `max` the oldest are forgotten first.
 */

import { EPOCH_PERIOD_HOURS } from "../shared/wire/limits.ts";
import type { Clock } from "./clock.ts";

/** About 20 MB; a mailbox's owner revokes one grant for each contact that is excluded. */
export const MAX_REVOCATIONS = 100_000;
const HELD_MS = 2 * EPOCH_PERIOD_HOURS * 3_600_000;

export class Revocations {
  readonly #timer: Clock;
  readonly #max: number;
  /** When, by mailbox and hash; the oldest first. */
  readonly #revoked = new Map<string, number>();

  /** `timer` never jumps. */
  constructor(timer: Clock, max: number = MAX_REVOCATIONS) {
    this.#timer = timer;
    this.#max = max;
  }

  add(mailbox: Uint8Array, depositHash: Uint8Array): void {
    const name = nameOf(mailbox, depositHash);
    this.#revoked.delete(name);
    this.#revoked.set(name, this.#timer());
    for (const [oldest, atMs] of this.#revoked) {
      if (this.#revoked.size <= this.#max && this.#timer() - atMs < HELD_MS) break;
      this.#revoked.delete(oldest);
    }
  }

  has(mailbox: Uint8Array, depositHash: Uint8Array): boolean {
    const atMs = this.#revoked.get(nameOf(mailbox, depositHash));
    return atMs !== undefined && this.#timer() - atMs < HELD_MS;
  }
}

function nameOf(mailbox: Uint8Array, depositHash: Uint8Array): string {
  return Buffer.concat([mailbox, depositHash]).toString("latin1");
}
