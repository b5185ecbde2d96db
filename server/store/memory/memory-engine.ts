/**
 * The memory engine of the Store port, for tests: same answers as any engine, nothing durable.
 */

import type { ErrorCode } from "../../../shared/crypto/errors.ts";
import type { StoreLimits } from "../limits.ts";
import { dayOf } from "../rules.ts";
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
} from "../store.ts";
import { MemoryBlobs } from "./memory-blobs.ts";
import { MemoryMailboxes } from "./memory-mailboxes.ts";
import { MemoryRecords } from "./memory-records.ts";

export class MemoryStore implements Store {
  readonly #mailboxes: MemoryMailboxes;
  readonly #records: MemoryRecords;
  readonly #blobs: MemoryBlobs;

  constructor(limits: StoreLimits) {
    this.#mailboxes = new MemoryMailboxes(limits);
    this.#records = new MemoryRecords(limits);
    this.#blobs = new MemoryBlobs(limits, this.#mailboxes);
  }

  async commit(operations: readonly Operation[]): Promise<readonly Result[]> {
    return operations.map((operation) => this.#apply(operation));
  }

  async mailbox(mailbox: Uint8Array): Promise<MailboxHandle | undefined> {
    return this.#mailboxes.handle(mailbox);
  }

  async waiting(
    mailbox: Uint8Array,
    afterSeq: number,
    limit: number,
  ): Promise<readonly WaitingEnvelope[]> {
    return this.#mailboxes.waiting(mailbox, afterSeq, limit);
  }

  async record(recordId: Uint8Array): Promise<readonly RecordPart[] | undefined> {
    return this.#records.record(recordId);
  }

  async blob(blobId: Uint8Array): Promise<StoredBlob | undefined> {
    return this.#blobs.blob(blobId);
  }

  async growthRefusal(growth: GrowBlob): Promise<ErrorCode | undefined> {
    return this.#blobs.growthRefusal(growth);
  }

  async expiredBlobs(day: number, limit: number): Promise<readonly string[]> {
    return this.#blobs.expired(day, limit);
  }

  async knownBlobs(names: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#blobs.known(names);
  }

  async counts(): Promise<Counts> {
    return { ...this.#mailboxes.counts(), ...this.#records.counts(), blobs: this.#blobs.count };
  }

  async sweep({ hour }: { readonly hour: number }): Promise<SweepReport> {
    const day = dayOf(hour);
    return { ...this.#mailboxes.sweep(day), ...this.#records.sweep(day) };
  }

  async close(): Promise<void> {}

  #apply(operation: Operation): Result {
    switch (operation.type) {
      case "createMailbox":
        return this.#mailboxes.create(operation);
      case "useMailbox":
        return this.#mailboxes.use(operation);
      case "deleteMailbox":
        return this.#mailboxes.delete(operation.mailbox);
      case "putGrant":
        return this.#mailboxes.putGrant(operation);
      case "revokeGrant":
        return this.#mailboxes.revokeGrant(operation);
      case "deposit":
        return this.#mailboxes.deposit(operation);
      case "acknowledge":
        return this.#mailboxes.acknowledge(operation);
      case "putRecord":
        return this.#records.put(operation);
      case "setWriters":
        return this.#records.setWriters(operation);
      case "publishPrekeys":
        return this.#records.publish(operation);
      case "takePrekeys":
        return this.#records.take(operation);
      case "createBlob":
        return this.#blobs.create(operation);
      case "growBlob":
        return this.#blobs.grow(operation);
      case "pinBlob":
        return this.#blobs.pin(operation);
      case "unpinBlob":
        return this.#blobs.unpin(operation);
      case "dropBlob":
        return this.#blobs.drop(operation);
      default:
        return operation satisfies never;
    }
  }
}
