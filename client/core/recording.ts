/**
 * A stream that is sealed while it comes: its bytes go into a spool, full chunks at once, what is left
 * over when a segment ends or nothing came for a while. It is the source of its own upload.
 *
 * It ends by itself, by its signal, or by a fault of its source; each closes the spool. The end of the
 * process and a storage that failed leave it open (uploads.ts closes it then, as cut off).
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { BlobSource } from "../net/blob-upload.ts";
import type { Clock } from "../net/clock.ts";
import type { BlobClaim, BlobStorage } from "../vault/blob-storage.ts";
import type { Spool, SpoolEnd } from "./spool.ts";

/**
 * A chunk that is not full is sealed when its first byte has waited so long and the line is idle:
 * sooner, a voice of 4 kB/s would take several times its bytes.
 */
const LEFT_OVER_MS = 3_000;

/** What a reader is told of a recording that nobody in this process goes on with. */
export const LEFT: TumarError = new TumarError(
  "MEDIA_INTERRUPTED",
  "its recording ended before it was closed",
);

export interface RecordingEnd extends SpoolEnd {
  readonly durationMs: number;
  /** It broke off by this; undefined when it was closed. */
  readonly fault: unknown;
}

export class Recording implements BlobSource {
  readonly claim: BlobClaim;
  readonly #blobs: BlobStorage;
  readonly #spool: Spool;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #closing = new AbortController();
  readonly #waiters: (() => void)[] = [];
  #isEnded = false;
  /** Its spool is closed by somebody else. */
  #isLeft = false;
  #storedBytes = 0;
  #work: Promise<unknown> = Promise.resolve();
  #cancelLeftOver: (() => void) | undefined;

  constructor(claim: BlobClaim, blobs: BlobStorage, spool: Spool, clock: Clock) {
    this.claim = claim;
    this.#blobs = blobs;
    this.#spool = spool;
    this.#clock = clock;
    this.#startMs = clock.now();
  }

  availableBytes(): number {
    return this.#spool.durableBytes;
  }

  isEnded(): boolean {
    return this.#isEnded;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#blobs.read(this.#spool.name, offset, length);
  }

  /** Resolves when there is more, or its end. @throws LEFT when nobody in this process goes on with it */
  async changed(signal: AbortSignal): Promise<void> {
    if (!this.#isLeft)
      await orAborted(signal, new Promise<void>((resolve) => this.#waiters.push(resolve)));
    signal.throwIfAborted();
    if (this.#isLeft) throw LEFT;
  }

  /** What the relay has: a chunk that is not full goes only to an idle line. */
  stored(bytes: number): void {
    this.#storedBytes = bytes;
  }

  /**
   * Until the stream ends. Never rejects for a fault of the stream. `breaksOff` notes that it breaks off,
   * before anything of the spool says that it has ended.
   * @returns undefined when the client was closed: what came is in the spool, which stays open
   * @throws TumarError VAULT_STORAGE when the spool cannot be closed
   */
  async run(
    stream: AsyncIterable<Uint8Array>,
    stop: AbortSignal | undefined,
    breaksOff: () => Promise<void>,
  ): Promise<RecordingEnd | undefined> {
    const fault = await this.#take(stream, stop).then(
      () => undefined,
      (error: unknown) => error ?? new TumarError("INTERNAL", "a stream failed without a reason"),
    );
    this.#cancelLeftOver?.();
    if (this.#closing.signal.aborted) {
      await this.#inTurn(() => this.#spool.flush());
      return undefined;
    }
    const durationMs = this.#elapsedMs();
    if (fault !== undefined) await breaksOff();
    const end = await this.#inTurn(() => this.#spool.end());
    this.#isEnded = true;
    this.#wake();
    return { ...end, durationMs, fault };
  }

  /** The client is closed. */
  close(): void {
    this.#closing.abort();
  }

  /** Whoever reads from it stops. */
  leave(): void {
    this.#isLeft = true;
    this.#wake();
  }

  async #take(stream: AsyncIterable<Uint8Array>, stop: AbortSignal | undefined): Promise<void> {
    const pieces = stream[Symbol.asyncIterator]();
    const signals = [this.#closing.signal, ...(stop === undefined ? [] : [stop])];
    const stopped = AbortSignal.any(signals);
    try {
      for (;;) {
        const piece = await orAborted(stopped, pieces.next());
        if (piece === undefined || piece.done === true) return;
        await this.#inTurn(() => this.#put(piece.value));
      }
    } finally {
      // A stream that is stuck in a read never answers.
      void pieces.return?.()?.catch(() => undefined);
    }
  }

  /** An empty piece ends a segment. */
  async #put(piece: Uint8Array): Promise<void> {
    if (piece.length === 0) await this.#spool.flush();
    else {
      await this.#spool.write(piece, this.#elapsedMs());
      await this.#spool.makeDurable();
    }
    this.#wake();
    if (this.#spool.pendingBytes > 0) this.#cancelLeftOver ??= this.#afterWhile();
  }

  #afterWhile(): () => void {
    return this.#clock.after(LEFT_OVER_MS, () => {
      this.#cancelLeftOver = undefined;
      if (this.#spool.pendingBytes === 0 || this.#isEnded) return;
      if (this.#storedBytes < this.#spool.durableBytes) {
        this.#cancelLeftOver = this.#afterWhile();
        return;
      }
      // A disk that is full is met again by the next piece.
      this.#inTurn(() => this.#spool.flush()).then(
        () => this.#wake(),
        () => undefined,
      );
    });
  }

  #elapsedMs(): number {
    return Math.round(this.#clock.now() - this.#startMs);
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** One at a time in the spool. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work);
    this.#work = result.catch(() => undefined);
    return result;
  }
}

/** Undefined when it was aborted first; lets go of the signal in any case. */
async function orAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  let stop: () => void = () => undefined;
  const stopped = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What this process records. */
export class Recordings {
  /** By spool. */
  readonly #all = new Map<string, Recording>();
  /** By message, in hex. */
  readonly #runs = new Map<string, Promise<void>>();

  of(spool: string): Recording | undefined {
    return this.#all.get(spool);
  }

  add(recording: Recording): void {
    this.#all.set(recording.claim.name, recording);
  }

  /** `run` settles when everything is in the spool and in the vault. */
  runs(id: Uint8Array, run: Promise<void>): void {
    this.#runs.set(toHex(id), run);
    run.catch(() => undefined);
  }

  /** Rejects with why the stream broke off; undefined when this process did not record it. */
  ended(id: Uint8Array): Promise<void> | undefined {
    return this.#runs.get(toHex(id));
  }

  /** Its spool is of no use any more, or of use to others. */
  async release(spool: string): Promise<void> {
    const recording = this.#all.get(spool);
    this.#all.delete(spool);
    await recording?.claim.release();
    recording?.leave();
  }

  /** Resolves when all that came is in the spools. */
  async close(): Promise<void> {
    for (const recording of this.#all.values()) recording.close();
    await Promise.allSettled(this.#runs.values());
  }
}
