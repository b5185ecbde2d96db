/**
 * Envelopes deposited by this process that wait, in memory beside the file: what goes on to its
 * reader at once needs no read and no second hash.
 *
 * Of a mailbox it holds all that waits from some point on, or nothing: it begins with a deposit into an
 * empty mailbox, or when a reader has read to the end. It is dropped whole, like every cache of the
 * engine, after a rollback or a sweep.
 */

import { mapKey } from "../rules.ts";
import type { WaitingEnvelope } from "../store.ts";

/** Bytes of envelopes kept for all mailboxes together. */
const MAX_BYTES = 32 * 1024 * 1024;

export interface HotEnvelope {
  readonly waiting: WaitingEnvelope;
  /** Keyed hash, as the file has it. */
  readonly key: Uint8Array;
  readonly expiryDay: number;
}

interface HotMailbox {
  /** All that waits with this number or a higher one is here. */
  readonly fromSeq: number;
  /** By envelope id, in the order of deposits. */
  readonly envelopes: Map<string, HotEnvelope>;
}

export class HotEnvelopes {
  readonly #mailboxes = new Map<number, HotMailbox>();
  #bytes = 0;

  clear(): void {
    this.#mailboxes.clear();
    this.#bytes = 0;
  }

  /** From here on everything deposited into the mailbox is added. */
  begin(mailbox: number, fromSeq: number): void {
    this.drop(mailbox);
    this.#mailboxes.set(mailbox, { fromSeq, envelopes: new Map() });
  }

  /** Passed over when the mailbox has not begun. */
  add(mailbox: number, envelope: HotEnvelope): void {
    const held = this.#mailboxes.get(mailbox);
    if (held === undefined) return;
    this.#bytes += sizeOf(envelope);
    held.envelopes.set(mapKey(envelope.waiting.envelopeId), envelope);
    if (this.#bytes > MAX_BYTES) this.drop(mailbox);
  }

  /** Takes one out; undefined when it is not here. */
  take(mailbox: number, envelopeId: Uint8Array): HotEnvelope | undefined {
    const envelopes = this.#mailboxes.get(mailbox)?.envelopes;
    const id = mapKey(envelopeId);
    const found = envelopes?.get(id);
    if (found === undefined) return undefined;
    envelopes?.delete(id);
    this.#bytes -= sizeOf(found);
    return found;
  }

  /** Oldest first; undefined when what waits in this mailbox must be read from the file. */
  waiting(mailbox: number, afterSeq: number, limit: number): WaitingEnvelope[] | undefined {
    const held = this.#mailboxes.get(mailbox);
    if (held === undefined || afterSeq + 1 < held.fromSeq) return undefined;
    const found: WaitingEnvelope[] = [];
    for (const { waiting } of held.envelopes.values()) {
      if (found.length === limit) break;
      if (waiting.seq > afterSeq) found.push(waiting);
    }
    return found;
  }

  drop(mailbox: number): void {
    const held = this.#mailboxes.get(mailbox);
    if (held === undefined) return;
    for (const envelope of held.envelopes.values()) this.#bytes -= sizeOf(envelope);
    this.#mailboxes.delete(mailbox);
  }
}

function sizeOf({ waiting }: HotEnvelope): number {
  return waiting.envelope.length;
}
