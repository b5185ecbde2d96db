/**
 * One blob that is being written: whose turn it is, and one flush after the other.
 *
 *     append ──at the end──> next batch ──written, synced, then counted──> answered
 *       │ └─further ahead──> waits for those before it ──late, displaced──> refused
 *       └─behind──> refused, with the offset after what runs now
 *
 * Appends that arrive while a flush runs share the next one. Bytes count when the index has them:
 * the order is file, sync, index, answer, so that a kill at any instant loses nothing that was
 * answered. Exchanges overtake each other, which is why an append may be ahead of its turn.
 */

import type { ErrorCode } from "../../shared/crypto/errors.ts";
import type { StoreLimits } from "../store/limits.ts";
import { growRefusal } from "../store/rules.ts";
import type { GrowBlob, Result, StoredBlob } from "../store/store.ts";
import type { Piece } from "./blob-files.ts";

/** An append further ahead than a client has under way comes from nowhere. */
export const MAX_AHEAD_BYTES: number = 1024 * 1024;
export const MAX_AHEAD_MS = 5000;
/** In one flush: others have their turn too. */
const MAX_FLUSH_BYTES: number = 1024 * 1024;

export interface Append {
  readonly depositHash: Uint8Array;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

export type AppendOutcome =
  | { readonly ok: true; readonly blob: StoredBlob }
  /** `storedBytes`: beside WRONG_OFFSET, where the next bytes belong. */
  | { readonly ok: false; readonly code: ErrorCode; readonly storedBytes: number };

export interface UploadParts {
  readonly limits: Pick<StoreLimits, "blobBytes">;
  /** On disk when it resolves. */
  write(piece: Omit<Piece, "hour">): Promise<void>;
  commit(
    growth: Pick<GrowBlob, "depositHash" | "from" | "to" | "isLast">,
  ): Promise<Result<StoredBlob>>;
  /** The code that a failed write is answered with. */
  codeOf(error: unknown): ErrorCode;
  after(ms: number, act: () => void): () => void;
  /** Nothing is under way or waits. */
  onIdle(): void;
}

interface Waiting extends Append {
  settle(outcome: AppendOutcome): void;
}

interface Ahead extends Waiting {
  readonly stopTimer: () => void;
}

export class Upload {
  readonly #parts: UploadParts;
  /** As the index has it. */
  #blob: StoredBlob;
  /** Where the next append belongs, once what was taken in is stored. */
  #end: number;
  #hasLast: boolean;
  readonly #batch: Waiting[] = [];
  readonly #ahead = new Map<number, Ahead>();
  #aheadBytes = 0;
  #flushing: Promise<void> | undefined;

  constructor(blob: StoredBlob, parts: UploadParts) {
    this.#parts = parts;
    this.#blob = blob;
    this.#end = blob.storedBytes;
    this.#hasLast = blob.isComplete;
  }

  append(append: Append): Promise<AppendOutcome> {
    return new Promise((resolve) => {
      this.#take({ ...append, settle: resolve });
      this.#lookIdle();
    });
  }

  #take(append: Waiting): void {
    const isInTurn = append.offset === this.#end && !this.#hasLast;
    if (isInTurn) this.#takeNext(append);
    else if (append.offset > this.#end && !this.#hasLast) this.#takeAhead(append);
    else this.#misplaced(append);
  }

  #takeNext(append: Waiting): void {
    const refusal = this.#refusalOf(append);
    if (refusal !== undefined) {
      this.#refuse(append, refusal);
      return;
    }
    this.#batch.push(append);
    this.#end += append.bytes.length;
    this.#hasLast = append.isLast;
    this.#flushing ??= this.#flushAll();
    this.#takeWaiting();
  }

  /** Those whose turn has come, and those whose place is taken. */
  #takeWaiting(): void {
    for (const [offset, append] of [...this.#ahead]) {
      const isOver = offset <= this.#end || this.#hasLast;
      if (isOver && this.#leave(append)) this.#take(append);
    }
  }

  #takeAhead(append: Waiting): void {
    const { offset, bytes } = append;
    const older = this.#ahead.get(offset);
    if (older !== undefined && this.#leave(older)) this.#refuse(older, "BLOB_SUPERSEDED");
    const isTooFar = offset + bytes.length - this.#end > MAX_AHEAD_BYTES;
    if (isTooFar || this.#aheadBytes + bytes.length > MAX_AHEAD_BYTES) {
      this.#misplaced(append);
      return;
    }
    const stopTimer = this.#parts.after(MAX_AHEAD_MS, () => {
      if (this.#leave(waiting)) this.#misplaced(append);
      this.#lookIdle();
    });
    const waiting: Ahead = { ...append, stopTimer };
    this.#ahead.set(offset, waiting);
    this.#aheadBytes += bytes.length;
  }

  /** False when it does not wait any more. */
  #leave(append: Ahead): boolean {
    if (this.#ahead.get(append.offset) !== append) return false;
    append.stopTimer();
    this.#ahead.delete(append.offset);
    this.#aheadBytes -= append.bytes.length;
    return true;
  }

  /** Answered when it is known how much is stored. */
  #misplaced({ settle }: Waiting): void {
    const answer = () => {
      settle({ ok: false, code: "WRONG_OFFSET", storedBytes: this.#blob.storedBytes });
    };
    if (this.#flushing === undefined) answer();
    else void this.#flushing.then(answer);
  }

  #refuse({ settle }: Waiting, code: ErrorCode): void {
    settle({ ok: false, code, storedBytes: this.#blob.storedBytes });
  }

  #refusalOf({ offset, bytes, isLast }: Append): ErrorCode | undefined {
    const before = { ...this.#blob, storedBytes: this.#end };
    return growRefusal(this.#parts.limits, before, {
      from: offset,
      to: offset + bytes.length,
      isLast,
    });
  }

  async #flushAll(): Promise<void> {
    await endOfTurn();
    while (this.#batch.length > 0) await this.#flush(this.#nextBatch());
    this.#flushing = undefined;
    this.#lookIdle();
  }

  #lookIdle(): void {
    if (this.#flushing === undefined && this.#ahead.size === 0) this.#parts.onIdle();
  }

  #nextBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const append of this.#batch) {
      bytes += append.bytes.length;
      if (count > 0 && bytes > MAX_FLUSH_BYTES) break;
      count += 1;
    }
    return this.#batch.splice(0, count);
  }

  async #flush(batch: readonly Waiting[]): Promise<void> {
    const at = this.#blob.storedBytes;
    const parts = batch.map(({ bytes }) => bytes);
    const isEnd = batch.at(-1)?.isLast === true;
    try {
      if (parts.some(({ length }) => length > 0)) {
        await this.#parts.write({ at, parts, isEnd });
      }
      const runs = runsOf(batch, at);
      const results = await Promise.all(runs.map((run) => this.#parts.commit(run)));
      for (const [i, { appends }] of runs.entries()) this.#settle(appends, results[i]);
    } catch (error) {
      this.#fail(batch, this.#parts.codeOf(error));
    }
  }

  #settle(appends: readonly Waiting[], result: Result<StoredBlob> | undefined): void {
    if (!result?.ok) {
      this.#fail(appends, result?.code ?? "INTERNAL");
      return;
    }
    this.#blob = result.value;
    for (const { settle } of appends) settle({ ok: true, blob: result.value });
  }

  /** What was taken in behind them has lost its place. */
  #fail(appends: readonly Waiting[], code: ErrorCode): void {
    for (const append of appends) this.#refuse(append, code);
    for (const append of this.#batch.splice(0)) this.#refuse(append, "WRONG_OFFSET");
    this.#end = this.#blob.storedBytes;
    this.#hasLast = this.#blob.isComplete;
  }
}

type Run = Pick<GrowBlob, "depositHash" | "from" | "to" | "isLast"> & {
  readonly appends: readonly Waiting[];
};

/** One growth for appends in a row through one grant. */
function runsOf(batch: readonly Waiting[], at: number): readonly Run[] {
  const runs: Run[] = [];
  let from = at;
  for (const append of batch) {
    const to = from + append.bytes.length;
    const { depositHash, isLast } = append;
    const last = runs.at(-1);
    if (last !== undefined && isSame(last.depositHash, depositHash)) {
      runs[runs.length - 1] = { ...last, to, isLast, appends: [...last.appends, append] };
    } else {
      runs.push({ depositHash, from, to, isLast, appends: [append] });
    }
    from = to;
  }
  return runs;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** After the I/O callbacks of this turn have run, so that what they bring shares the flush. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
