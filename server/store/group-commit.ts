/**
 * Group commit: operations of all connections that arrive while a commit runs share the next one.
 *
 * An idle relay commits at the end of the event-loop turn, without any timer; a busy one pays one
 * fsync and one receipt signature for up to MAX_GROUP operations. The order of submission is kept.
 * Independent of the engine. A failed commit gives each of its operations an error code; `submit` rejects
 * for an identifier of the wrong length (RangeError) only.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import { checkOperation } from "./rules.ts";
import type { Deposit, Deposited, Operation, Result, ResultOf, Store } from "./store.ts";

/** Receipt paths have at most 7 hashes, so a commit has at most 2^7 deposits. */
export const MAX_GROUP = 128;

/** A deposit that is on disk, as the receipt tree needs it. */
export interface StoredDeposit {
  readonly envelopeId: Uint8Array;
  readonly size: number;
  readonly hour: number;
}

export interface GroupCommitOptions<Receipt> {
  /** Called once per commit that has deposits, after the fsync; one receipt each, in order. */
  readonly signReceipts: (deposits: readonly StoredDeposit[]) => readonly Receipt[];
  /** Told of each engine failure (not of refused operations), for the log and readiness. */
  readonly onFailure?: (error: unknown) => void;
}

export type ReceiptedDeposit<Receipt> = Deposited & { readonly receipt: Receipt };

/** The result of an operation; a deposit's value carries its receipt. */
export type Outcome<Op extends Operation, Receipt> = Op extends Deposit
  ? Result<ReceiptedDeposit<Receipt>>
  : ResultOf<Op>;

interface Pending<Receipt> {
  readonly operation: Operation;
  readonly resolve: (outcome: Result<unknown> | Result<ReceiptedDeposit<Receipt>>) => void;
}

export class GroupCommit<Receipt> {
  readonly #store: Store;
  readonly #options: GroupCommitOptions<Receipt>;
  #queue: Pending<Receipt>[] = [];
  #running: Promise<void> | undefined;

  constructor(store: Store, options: GroupCommitOptions<Receipt>) {
    this.#store = store;
    this.#options = options;
  }

  /** Operations that wait for a commit: the relay stops reading from connections when it grows. */
  get waiting(): number {
    return this.#queue.length;
  }

  submit<Op extends Operation>(operation: Op): Promise<Outcome<Op, Receipt>> {
    return new Promise((resolve) => {
      checkOperation(operation);
      this.#queue.push({ operation, resolve: resolve as Pending<Receipt>["resolve"] });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when everything submitted so far has its result. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    await endOfTurn();
    while (this.#queue.length > 0) {
      const group = this.#queue.slice(0, MAX_GROUP);
      this.#queue = this.#queue.slice(MAX_GROUP);
      await this.#commit(group);
      if (this.#queue.length < MAX_GROUP) await endOfTurn();
    }
    this.#running = undefined;
  }

  async #commit(group: readonly Pending<Receipt>[]): Promise<void> {
    try {
      const results = await this.#store.commit(group.map(({ operation }) => operation));
      this.#answer(group, results);
    } catch (error) {
      const code = error instanceof TumarError ? error.code : "INTERNAL";
      for (const { resolve } of group) resolve({ ok: false, code });
      this.#options.onFailure?.(error);
    }
  }

  #answer(group: readonly Pending<Receipt>[], results: readonly Result[]): void {
    const deposits: StoredDeposit[] = [];
    for (const [i, { operation }] of group.entries()) {
      if (operation.type === "deposit" && results[i]?.ok) deposits.push(storedDeposit(operation));
    }
    const receipts = deposits.length === 0 ? [] : this.#options.signReceipts(deposits);
    let next = 0;
    for (const [i, { operation, resolve }] of group.entries()) {
      const result = results[i] ?? { ok: false, code: "INTERNAL" };
      if (operation.type !== "deposit" || !result.ok) resolve(result);
      else resolve({ ok: true, value: withReceipt(result.value as Deposited, receipts[next++]) });
    }
  }
}

function withReceipt<Receipt>(
  deposited: Deposited,
  receipt: Receipt | undefined,
): ReceiptedDeposit<Receipt> {
  if (receipt === undefined) throw new TypeError("signReceipts gave too few receipts");
  return { mailbox: deposited.mailbox, duplicate: deposited.duplicate, receipt };
}

function storedDeposit(deposit: Deposit): StoredDeposit {
  return {
    envelopeId: deposit.envelopeId,
    size: deposit.envelope.length,
    hour: deposit.hour,
  };
}

/** After the I/O callbacks of this turn have run, so that what they submit shares the commit. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
