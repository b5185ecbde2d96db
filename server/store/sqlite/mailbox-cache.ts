/**
 * What the embedded engine remembers of mailboxes and grants between operations, so that a deposit
 * needs no look-up. Everything here can be read again from the file: the cache is dropped whole
 * after a rollback, a sweep, or when it is full.
 *
 * All grants of a mailbox share its one state, so its counters are right through each of them.
 */

import type { MailboxKind } from "../store.ts";
import { HotEnvelopes } from "./hot-envelopes.ts";

const MAX_CACHED = 65_536;

export interface MailboxState {
  readonly id: number;
  /** Keyed hash of the mailbox. */
  readonly key: Uint8Array;
  readonly kind: MailboxKind;
  usedDay: number;
  envelopes: number;
  bytes: number;
  /** Set on removal: grants that still point here are void. */
  removed: boolean;
}

export interface GrantState {
  readonly id: number;
  readonly mailbox: MailboxState;
  readonly tag: Uint8Array;
  readonly perDay: number;
  readonly card: boolean;
  readonly mayBeUrgent: boolean;
  day: number;
  used: number;
  /** What the row says of the blobs of a day: rounded up (blobs.ts). */
  blobDay: number;
  blobBytes: number;
}

export class MailboxCache {
  readonly hot: HotEnvelopes = new HotEnvelopes();
  readonly #mailboxes = new Map<string, MailboxState>();
  readonly #byId = new Map<number, MailboxState>();
  readonly #grants = new Map<string, GrantState>();

  clear(): void {
    this.hot.clear();
    this.#mailboxes.clear();
    this.#byId.clear();
    this.#grants.clear();
  }

  /** Called between commits: states in use during one never split in two. */
  trim(): void {
    if (this.#byId.size + this.#grants.size > MAX_CACHED) this.clear();
  }

  mailbox(key: string): MailboxState | undefined {
    const state = this.#mailboxes.get(key);
    return state?.removed ? undefined : state;
  }

  mailboxById(id: number): MailboxState | undefined {
    return this.#byId.get(id);
  }

  grant(key: string): GrantState | undefined {
    const state = this.#grants.get(key);
    return state?.mailbox.removed ? undefined : state;
  }

  /** `key` only when the raw key of the mailbox is at hand. */
  addMailbox(state: MailboxState, key: string | undefined): void {
    this.#byId.set(state.id, state);
    if (key !== undefined) this.#mailboxes.set(key, state);
  }

  addGrant(key: string, state: GrantState): void {
    this.#grants.set(key, state);
  }

  removeGrant(key: string): void {
    this.#grants.delete(key);
  }

  removeMailbox(state: MailboxState): void {
    state.removed = true;
    this.hot.drop(state.id);
    this.#byId.delete(state.id);
  }
}
