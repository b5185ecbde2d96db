/**
 * One blob that is being written: whose turn it is, and one flush after the other.
 *
 *     append ──at the end──> next batch ──allowed, written, synced, counted──> answered
 *       │ └─further ahead──> waits for those before it ──late, displaced──> refused
 *       └─behind──> refused, with the offset after what runs now
 *
 * Appends that arrive while a flush runs share the next one. Bytes count when the index has them:
 * the order is file, sync, index, answer, so that a kill at any instant loses nothing that was
 * answered. What the store would refuse is not written; what it refuses all the same is cut off
 * again. Exchanges overtake each other, which is why an append may be ahead of its turn.
 */

import type { ErrorCode } from "../../shared/crypto/errors.ts";
import type { StoreLimits } from "../store/limits.ts";
import { growRefusal } from "../store/rules.ts";
import type { GrowBlob, Result, StoredBlob } from "../store/store.ts";
import type { Piece } from "./blob-files.ts";

/** An append further ahead than a client has under way comes from nowhere. */
export const MAX_AHEAD_BYTES: number = 1024 * 1024;
export const MAX_AHEAD_MS = 5000;
/** 1 MiB in slices of 16 KiB. */
export const MAX_AHEAD = 64;
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

export type Growth = Pick<GrowBlob, "depositHash" | "from" | "to" | "isLast">;

export interface UploadParts {
  readonly limits: Pick<StoreLimits, "blobBytes">;
  /** Why it would not be counted, before anything is written; undefined when it would be. */
  refusal(growth: Growth): Promise<ErrorCode | undefined>;
  /** On disk when it resolves. */
  write(piece: Piece): Promise<void>;
  commit(growth: Growth): Promise<Result<StoredBlob>>;
  /** Cuts off what does not count; the blob as the index has it, undefined when it is gone. */
  cut(): Promise<StoredBlob | undefined>;
  /** The code that a failure is answered with. */
  codeOf(error: unknown): ErrorCode;
  after(ms: number, act: () => void): () => void;
}

interface Waiting extends Append {
  settle(outcome: AppendOutcome): void;
}

interface Ahead extends Waiting {
  readonly stopTimer: () => void;
}

type Misplaced = Pick<Waiting, "offset" | "settle">;

export class Upload {
  readonly #parts: UploadParts;
  /** As the index has it. */
  #blob: StoredBlob;
  /** Where the next append belongs, once what was taken in is stored. */
  #end: number;
  #hasLast: boolean;
  readonly #batch: Waiting[] = [];
  /** By offset. */
  readonly #ahead = new Map<number, Ahead>();
  #aheadBytes = 0;
  /** Told where to go on when the flush that runs is over. */
  #misplaced: Misplaced[] = [];
  #isFlushing = false;

  constructor(blob: StoredBlob, parts: UploadParts) {
    this.#parts = parts;
    this.#blob = blob;
    this.#end = blob.storedBytes;
    this.#hasLast = blob.isComplete;
  }

  /** Settles whatever happens; nothing is under way when all have. */
  append(append: Append): Promise<AppendOutcome> {
    return new Promise((resolve) => {
      const waiting = { ...append, settle: resolve };
      if (this.#isBehind(append)) {
        this.#misplace(waiting);
      } else if (append.offset > this.#end) {
        this.#takeAhead(waiting);
      } else {
        this.#takeNext(waiting);
        this.#takeWaiting();
      }
    });
  }

  #isBehind({ offset }: Append): boolean {
    return this.#hasLast || offset < this.#end;
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
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    void this.#flushAll();
  }

  /** Those whose turn has come, then those whose place is taken. */
  #takeWaiting(): void {
    for (;;) {
      const next = this.#hasLast ? undefined : this.#ahead.get(this.#end);
      if (next === undefined) break;
      this.#leave(next);
      this.#takeNext(next);
    }
    for (const append of this.#ahead.values()) {
      if (this.#isBehind(append) && this.#leave(append)) this.#misplace(append);
    }
  }

  #takeAhead(append: Waiting): void {
    const { offset, bytes } = append;
    const older = this.#ahead.get(offset);
    if (older !== undefined && this.#leave(older)) this.#refuse(older, "BLOB_SUPERSEDED");
    const isTooFar = offset + bytes.length - this.#end > MAX_AHEAD_BYTES;
    const isTooMuch = this.#aheadBytes + bytes.length > MAX_AHEAD_BYTES;
    if (isTooFar || isTooMuch || this.#ahead.size >= MAX_AHEAD) {
      this.#misplace(append);
      return;
    }
    const stopTimer = this.#parts.after(MAX_AHEAD_MS, () => {
      if (this.#leave(waiting)) this.#misplace(append);
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

  #misplace({ offset, settle }: Waiting): void {
    this.#misplaced.push({ offset, settle });
    if (!this.#isFlushing) this.#answerMisplaced();
  }

  /** Those whose own place is still to be stored wait for that, too: they would be sent to it. */
  #answerMisplaced(): void {
    const all = this.#misplaced;
    this.#misplaced = [];
    for (const append of all) {
      const isUnderWay = append.offset >= this.#blob.storedBytes && append.offset < this.#end;
      if (isUnderWay && this.#isFlushing) this.#misplaced.push(append);
      else this.#refuse(append, "WRONG_OFFSET");
    }
  }

  #refuse({ settle }: Misplaced, code: ErrorCode): void {
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
    while (this.#batch.length > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#flush(batch);
      } catch (error) {
        await this.#fail(batch, this.#parts.codeOf(error));
      }
      this.#answerMisplaced();
    }
    this.#isFlushing = false;
    this.#answerMisplaced();
  }

  /** Those in a row through one grant. */
  #nextBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const append of this.#batch) {
      bytes += append.bytes.length;
      const isOther = !isSame(append.depositHash, this.#batch[0]?.depositHash);
      if (count > 0 && (isOther || bytes > MAX_FLUSH_BYTES)) break;
      count += 1;
    }
    return this.#batch.splice(0, count);
  }

  async #flush(batch: readonly Waiting[]): Promise<void> {
    const at = this.#blob.storedBytes;
    const growth = growthOf(batch, at);
    const refusal = await this.#parts.refusal(growth);
    if (refusal !== undefined) {
      await this.#fail(batch, refusal);
      return;
    }
    const parts = batch.map(({ bytes }) => bytes);
    if (growth.to > at) await this.#parts.write({ at, parts, isEnd: growth.isLast });
    else if (growth.isLast) await this.#parts.cut();
    const result = await this.#parts.commit(growth);
    if (!result.ok) {
      await this.#fail(batch, result.code);
      return;
    }
    this.#blob = result.value;
    for (const { settle } of batch) settle({ ok: true, blob: result.value });
  }

  /** What was taken in behind them has lost its place. */
  async #fail(appends: readonly Waiting[], code: ErrorCode): Promise<void> {
    try {
      this.#blob = (await this.#parts.cut()) ?? this.#blob;
    } catch (error) {
      this.#parts.codeOf(error);
    }
    for (const append of appends) this.#refuse(append, code);
    for (const append of this.#batch.splice(0)) this.#refuse(append, "WRONG_OFFSET");
    this.#end = this.#blob.storedBytes;
    this.#hasLast = this.#blob.isComplete;
  }
}

function growthOf(batch: readonly Waiting[], from: number): Growth {
  const to = batch.reduce((end, { bytes }) => end + bytes.length, from);
  const last = batch.at(-1);
  if (last === undefined) throw new TypeError("nothing to write");
  return { depositHash: last.depositHash, from, to, isLast: last.isLast };
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

/** After the I/O callbacks of this turn have run, so that what they bring shares the flush. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
