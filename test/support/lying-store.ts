/**
 * The inside of a hostile relay: the protocol is spoken as it should be, but what is kept, handed
 * out and shown of records is whatever the lies of a test make of it. Everything committed is noted.
 */

import type {
  Counts,
  GrowBlob,
  MailboxHandle,
  Operation,
  RecordPart,
  Result,
  Store,
  StoredBlob,
  SweepReport,
  WaitingEnvelope,
} from "../../server/store/store.ts";
import type { ErrorCode } from "../../shared/crypto/errors.ts";

export interface Lies {
  readonly commit?: (
    operations: readonly Operation[],
    keep: (operations: readonly Operation[]) => Promise<readonly Result[]>,
  ) => Promise<readonly Result[]>;
  /** Changes what is handed out of a mailbox, oldest first. */
  readonly waiting?: (found: readonly WaitingEnvelope[]) => readonly WaitingEnvelope[];
  /** Changes what is told of a blob, and which file its bytes are read from. */
  readonly blob?: (found: StoredBlob) => StoredBlob;
  readonly record?: (
    recordId: Uint8Array,
    look: (recordId: Uint8Array) => Promise<readonly RecordPart[] | undefined>,
  ) => Promise<readonly RecordPart[] | undefined>;
}

export interface Committed {
  readonly operation: Operation;
  readonly result: Result | undefined;
}

export class LyingStore implements Store {
  readonly #store: Store;
  readonly committed: Committed[] = [];
  lies: Lies = {};

  constructor(store: Store) {
    this.#store = store;
  }

  /** Envelopes that were deposited and accepted, in order. */
  get deposits(): readonly Uint8Array[] {
    return this.committed.flatMap(({ operation, result }) =>
      operation.type === "deposit" && result?.ok === true ? [operation.envelope] : [],
    );
  }

  async commit(operations: readonly Operation[]): Promise<readonly Result[]> {
    const keep = (some: readonly Operation[]) => this.#store.commit(some);
    const results = await (this.lies.commit?.(operations, keep) ?? keep(operations));
    for (const [i, operation] of operations.entries()) {
      this.committed.push({ operation, result: results[i] });
    }
    return results;
  }

  async waiting(
    mailbox: Uint8Array,
    afterSeq: number,
    limit: number,
  ): Promise<readonly WaitingEnvelope[]> {
    const found = await this.#store.waiting(mailbox, afterSeq, limit);
    return this.lies.waiting?.(found) ?? found;
  }

  async record(recordId: Uint8Array): Promise<readonly RecordPart[] | undefined> {
    const look = (id: Uint8Array) => this.#store.record(id);
    return await (this.lies.record?.(recordId, look) ?? look(recordId));
  }

  mailbox(mailbox: Uint8Array): Promise<MailboxHandle | undefined> {
    return this.#store.mailbox(mailbox);
  }

  async blob(blobId: Uint8Array): Promise<StoredBlob | undefined> {
    const found = await this.#store.blob(blobId);
    return found && (this.lies.blob?.(found) ?? found);
  }

  growthRefusal(growth: GrowBlob): Promise<ErrorCode | undefined> {
    return this.#store.growthRefusal(growth);
  }

  expiredBlobs(day: number, limit: number): Promise<readonly string[]> {
    return this.#store.expiredBlobs(day, limit);
  }

  knownBlobs(names: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#store.knownBlobs(names);
  }

  counts(): Promise<Counts> {
    return this.#store.counts();
  }

  sweep(now: { readonly hour: number }): Promise<SweepReport> {
    return this.#store.sweep(now);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
