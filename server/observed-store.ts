/**
 * A store whose commits are measured and whose health is known: the relay is not ready while its
 * last commit failed, and ready again when a commit or a sweep succeeds.
 */

import type { ErrorCode } from "../shared/crypto/errors.ts";
import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
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
} from "./store/store.ts";

export class ObservedStore implements Store {
  readonly #store: Store;
  readonly #timer: Clock;
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  #isHealthy = true;

  constructor(store: Store, timer: Clock, metrics: Metrics, logger: Logger) {
    this.#store = store;
    this.#timer = timer;
    this.#metrics = metrics;
    this.#logger = logger;
  }

  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  async commit(operations: readonly Operation[]): Promise<readonly Result[]> {
    const beganMs = this.#timer();
    try {
      const results = await this.#store.commit(operations);
      this.#metrics.committed(operations.length, (this.#timer() - beganMs) / 1000);
      const isFull = results.some((result, i) => isUnstored(operations[i], result));
      this.#note(isFull ? "STORAGE_FULL" : undefined);
      return results;
    } catch (error) {
      this.#isHealthy = false;
      this.#logger.unexpected(error, "commit-failed");
      throw error;
    }
  }

  async sweep(now: { readonly hour: number }): Promise<SweepReport> {
    const report = await this.#store.sweep(now);
    this.#note(undefined);
    return report;
  }

  mailbox(mailbox: Uint8Array): Promise<MailboxHandle | undefined> {
    return this.#store.mailbox(mailbox);
  }

  waiting(
    mailbox: Uint8Array,
    afterSeq: number,
    limit: number,
  ): Promise<readonly WaitingEnvelope[]> {
    return this.#store.waiting(mailbox, afterSeq, limit);
  }

  record(recordId: Uint8Array): Promise<readonly RecordPart[] | undefined> {
    return this.#store.record(recordId);
  }

  blob(blobId: Uint8Array): Promise<StoredBlob | undefined> {
    return this.#store.blob(blobId);
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

  close(): Promise<void> {
    return this.#store.close();
  }

  #note(fault: "STORAGE_FULL" | undefined): void {
    const isHealthy = fault === undefined;
    if (isHealthy === this.#isHealthy) return;
    this.#isHealthy = isHealthy;
    if (isHealthy) this.#logger.write("info", "commit-recovered");
    else this.#logger.write("error", "commit-failed", { code: fault });
  }
}

/** Blobs have a bound of their own: when they have reached it, all else goes on. */
function isUnstored(operation: Operation | undefined, result: Result): boolean {
  const isBlob = operation?.type === "createBlob" || operation?.type === "growBlob";
  return !isBlob && !result.ok && result.code === "STORAGE_FULL";
}
