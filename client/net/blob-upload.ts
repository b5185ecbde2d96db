/**
 * Uploads one blob to one relay: bytes that a source has, in order, over whatever connections there
 * are, until the relay says that all is stored.
 *
 *     asking ──state──> sending ──the last slice is stored──> done
 *        ^──all under way was lost──┘
 *
 * Several slices are under way at once, as many as the window allows. What counts is what the relay
 * says it has: it is asked where to go on whenever a connection took everything under way with it, and
 * a slice that was lost alone goes again. A relay that contradicts itself is not tried again.
 */

import { EMPTY } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { BlobStateFrame } from "../../shared/wire/frames.ts";
import { blobIdOf } from "../../shared/wire/ids.ts";
import { BLOB_APPEND_HEAD_BYTES, frameRoom } from "../../shared/wire/padding.ts";
import { type ByteRange, ByteRanges } from "./blob-ranges.ts";
import type { Clock } from "./clock.ts";
import type { Relay } from "./requests.ts";
import type { Ticket, TransferWindow } from "./transfer-window.ts";
import {
  Attempts,
  Ending,
  isOfRelay,
  isPassing,
  relayFault,
  timeoutOf,
  windowsOf,
} from "./transfers.ts";

/** The sealed bytes of a blob, which may still grow. What is available never changes. */
export interface BlobSource {
  availableBytes(): number;
  /** `availableBytes` is final. */
  isEnded(): boolean;
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Resolves when there is more, or it has ended. */
  changed(signal: AbortSignal): Promise<void>;
}

export interface UploadOptions {
  readonly relay: Relay;
  readonly clock: Clock;
  /** Of the recipient's grant. */
  readonly depositId: Uint8Array;
  readonly uploadId: Uint8Array;
  readonly expiryDay: number;
  /** 0: not known yet. */
  readonly claimedBytes: number;
  readonly source: BlobSource;
  readonly signal?: AbortSignal;
  /** Solves a PUZZLE_REQUIRED of the relay: the nonce. */
  puzzle(error: TumarError, signal: AbortSignal): Promise<Uint8Array>;
  /** Told of each growth of what the relay has stored. */
  onStored(bytes: number): void;
}

/** What an append frame, its message 1 and its epoch need beside a slice; the same in every bucket. */
const AROUND_BYTES: number = 4608 - frameRoom("message1", 4608) + BLOB_APPEND_HEAD_BYTES;
/** Beside the first slice, in one message with it: `hello` and `blob.create`. */
const BEGINNING_BYTES = 192;
/** The relay may have the beginning already. */
const MOST_FIRST_BYTES = 4608;
/** Answers in a row that bring nothing before the relay is taken to go round in circles. */
const MAX_FUTILE = 64;
const MAX_PUZZLES = 4;

interface Flight extends ByteRange {
  readonly ticket: Ticket;
  readonly giveUp: AbortController;
  /** What the relay was known to have when it was handed over. */
  readonly knownBytes: number;
  readonly isLast: boolean;
  /** It travels with `blob.create`. */
  readonly isFirst: boolean;
  /** Others that are further ahead are under way. */
  readonly isAwaited: boolean;
  /** How many failures had been counted. */
  readonly failures: number;
  /** Given to a connection; until then it is being read. */
  isHandedOver: boolean;
}

/**
 * Resolves when the relay says that the blob is complete.
 * @throws what the relay refuses it with; RELAY_FAULT; RELAY_UNREACHABLE or RELAY_TIMEOUT when nothing
 *   came through for 60 s; the signal's reason
 */
export async function uploadBlob(options: UploadOptions): Promise<void> {
  const ending = new Ending(options.signal);
  try {
    await new BlobUpload(options, ending.signal).run();
  } finally {
    ending.end();
  }
}

class BlobUpload {
  readonly #options: UploadOptions;
  readonly #signal: AbortSignal;
  readonly #attempts: Attempts;
  readonly #window: TransferWindow;
  readonly #flights = new Set<Flight>();
  readonly #lost = new ByteRanges();
  #storedBytes = 0;
  /** Up to here it was handed over, but for what was lost. */
  #nextOffset = 0;
  #isCreated = false;
  /** It is known where the relay wants to go on. */
  #isAsked = false;
  #isComplete = false;
  #isWatching = false;
  #puzzleNonce: Uint8Array = EMPTY;
  #puzzles = 0;
  #futile = 0;
  #failures = 0;
  /** Happened where nobody awaits it. */
  /** What is under way belongs together. */
  #journey = {};
  #fault: { readonly error: unknown } | undefined;
  #stopListening: () => void = () => {};

  constructor(options: UploadOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#attempts = new Attempts(options.clock, signal);
    this.#window = windowsOf(options.relay, options.clock).up;
  }

  async run(): Promise<void> {
    try {
      while (!this.#isComplete) {
        // The relay has all there is: it is not the relay that keeps quiet.
        if (this.#isWatching) this.#attempts.progressed();
        this.#attempts.check();
        if (this.#fault !== undefined) throw this.#fault.error;
        if (!this.#attempts.mayGoOn) await this.#attempts.happened();
        else if (!this.#isAsked) await this.#ask();
        else if (!(await this.#sendNext())) await this.#attempts.happened();
      }
    } finally {
      this.#stopListening();
      this.#endFlights();
    }
  }

  // --- where to go on ---------------------------------------------------------------------------

  async #ask(): Promise<void> {
    const knownBytes = this.#storedBytes;
    this.#journey = {};
    try {
      const asked = this.#isCreated ? this.#head() : this.#create();
      const first = this.#isCreated ? undefined : this.#sendFirst();
      const [state] = await Promise.all([asked, first]);
      this.#onState(state, knownBytes);
    } catch (error) {
      if (!(await this.#isSolved(error))) this.#attempts.failed(error);
      return;
    }
    this.#isCreated = true;
    this.#isAsked = true;
    const ends = [...this.#flights].map(({ to }) => to);
    this.#nextOffset = Math.max(this.#storedBytes, ...ends);
  }

  #create(): Promise<BlobStateFrame> {
    const { relay, depositId, uploadId, expiryDay, claimedBytes } = this.#options;
    const puzzleNonce = this.#puzzleNonce;
    const body = { depositId, uploadId, expiryDay, claimedBytes, puzzleNonce } as const;
    const limits = { signal: this.#signal, journey: this.#journey };
    return relay.sender.request({ type: "blob.create", ...body }, limits);
  }

  #head(): Promise<BlobStateFrame> {
    const { relay, uploadId } = this.#options;
    const limits = { signal: this.#signal, journey: this.#journey };
    return relay.sender.request({ type: "blob.head", blobId: blobIdOf(uploadId) }, limits);
  }

  async #isSolved(error: unknown): Promise<boolean> {
    if (!(error instanceof TumarError) || error.code !== "PUZZLE_REQUIRED") return false;
    if (++this.#puzzles > MAX_PUZZLES) return false;
    this.#puzzleNonce = await this.#options.puzzle(error, this.#signal);
    this.#attempts.progressed();
    return true;
  }

  // --- slices -----------------------------------------------------------------------------------

  /** Along with `blob.create`: most blobs are new. */
  async #sendFirst(): Promise<void> {
    const { source } = this.#options;
    const room = Math.min(this.#window.bucketFor(MOST_FIRST_BYTES) ?? 0, MOST_FIRST_BYTES);
    const to = Math.min(source.availableBytes(), room - AROUND_BYTES - BEGINNING_BYTES);
    if (to <= 0 || this.#flights.size > 0 || this.#puzzleNonce.length > 0) return;
    await this.#send({ from: 0, to }, room, true);
  }

  /** Hands the next slice over; false when there is none, or it has to wait. */
  async #sendNext(): Promise<boolean> {
    const wanted = this.#wanted();
    if (wanted === undefined) {
      this.#watchSource();
      return false;
    }
    const isAwaited = wanted.from < this.#nextOffset;
    const bucket = this.#window.bucketFor(wanted.to - wanted.from + AROUND_BYTES, isAwaited);
    if (bucket === undefined) {
      this.#listen();
      return false;
    }
    const to = Math.min(wanted.to, wanted.from + bucket - AROUND_BYTES);
    await this.#send({ from: wanted.from, to }, bucket, false);
    return true;
  }

  /** An empty range at the end when nothing is left to say but that this is the end. */
  #wanted(): ByteRange | undefined {
    const { source } = this.#options;
    if (this.#lost.first !== undefined) return this.#lost.first;
    const end = source.availableBytes();
    const from = this.#nextOffset;
    const isEndTold = [...this.#flights].some(({ isLast }) => isLast);
    const isOpen = from < end || (source.isEnded() && !isEndTold);
    return isOpen ? { from, to: end } : undefined;
  }

  async #send({ from, to }: ByteRange, bucket: number, isFirst: boolean): Promise<void> {
    const { source } = this.#options;
    const flight: Flight = {
      from,
      to,
      ticket: this.#window.sent(bucket, !isFirst),
      knownBytes: this.#storedBytes,
      isLast: source.isEnded() && to === source.availableBytes(),
      isFirst,
      isAwaited: from < this.#nextOffset,
      failures: this.#failures,
      giveUp: new AbortController(),
      isHandedOver: false,
    };
    this.#flights.add(flight);
    this.#lost.dropBelow(to);
    this.#nextOffset = Math.max(this.#nextOffset, to);
    const bytes = to > from ? await source.read(from, to - from) : EMPTY;
    if (bytes.length !== to - from) throw new RangeError("the source gave too little");
    if (this.#flights.has(flight)) this.#handOver(flight, bytes);
  }

  #handOver(flight: Flight, bytes: Uint8Array): void {
    const { relay, depositId, uploadId } = this.#options;
    const { from: offset, isLast, isAwaited } = flight;
    const body = { type: "blob.append", depositId, uploadId, offset, isLast, bytes } as const;
    const timeoutMs = timeoutOf(this.#window);
    flight.isHandedOver = true;
    const limits = { signal: flight.giveUp.signal, timeoutMs, journey: this.#journey, isAwaited };
    relay.sender
      .request(body, limits)
      .then(
        (state) => this.#onAppended(flight, state),
        (error: unknown) => this.#onFailed(flight, error),
      )
      .catch((error: unknown) => {
        this.#fault ??= { error };
      })
      .finally(() => this.#attempts.wake());
  }

  /** Behind the others that wait for room: each has its turn. */
  #listen(): void {
    this.#stopListening();
    this.#stopListening = this.#window.onRoom(() => this.#attempts.wake());
  }

  #watchSource(): void {
    if (this.#flights.size > 0 || this.#isWatching || this.#options.source.isEnded()) return;
    this.#attempts.progressed();
    this.#isWatching = true;
    this.#options.source
      .changed(this.#signal)
      .catch((error: unknown) => {
        if (!this.#signal.aborted) this.#fault ??= { error };
      })
      .finally(() => {
        this.#isWatching = false;
        this.#attempts.progressed();
        this.#attempts.wake();
      });
  }

  /** What is under way is not waited for. */
  #endFlights(): void {
    const flights = [...this.#flights];
    this.#flights.clear();
    for (const { ticket, giveUp } of flights) {
      this.#window.released(ticket);
      giveUp.abort();
    }
  }

  // --- answers ----------------------------------------------------------------------------------

  #onAppended(flight: Flight, state: BlobStateFrame): void {
    if (!this.#flights.delete(flight)) return;
    this.#window.isOneConnection = this.#options.relay.state().transport === "websocket";
    this.#window.answered(flight.ticket);
    this.#onState(state, Math.max(flight.to, flight.knownBytes));
  }

  #onFailed(flight: Flight, error: unknown): void {
    if (!this.#flights.delete(flight)) return;
    const code = error instanceof TumarError ? error.code : undefined;
    if (isOfRelay(error)) this.#window.released(flight.ticket);
    else this.#window.lost(flight.ticket);
    this.#lost.add({ from: Math.max(flight.from, this.#storedBytes), to: flight.to });
    if (error instanceof TumarError && code === "WRONG_OFFSET") this.#onWrongOffset(flight, error);
    else if (code === "BLOB_SUPERSEDED" || (code === "REFUSED" && flight.isFirst)) this.#onFutile();
    else {
      this.#dropUnread();
      this.#onLost(flight, error);
    }
    if (this.#flights.size === 0) this.#askAnew();
  }

  /** It is asked again where to go on, and nothing is under way. */
  #askAnew(): void {
    this.#isAsked = false;
    this.#lost.clear();
  }

  /** What was still being read would come before what was lost. */
  #dropUnread(): void {
    for (const flight of this.#flights) {
      if (flight.isHandedOver) continue;
      this.#flights.delete(flight);
      this.#window.released(flight.ticket);
      this.#lost.add(flight);
    }
  }

  /** One broken connection counts once, whatever it carried. */
  #onLost(flight: Flight, error: unknown): void {
    if (flight.failures !== this.#failures && isPassing(error)) return;
    this.#failures++;
    this.#attempts.failed(error);
  }

  #onWrongOffset({ knownBytes }: Flight, { details }: TumarError): void {
    const { expectedOffset = -1 } = details;
    this.#checkStored(Number(expectedOffset), knownBytes);
    this.#grown(Number(expectedOffset));
    this.#onFutile();
  }

  #onFutile(): void {
    if (++this.#futile > MAX_FUTILE) throw relayFault("the relay takes nothing, and says it may");
  }

  #onState({ storedBytes, isComplete }: BlobStateFrame, knownBytes: number): void {
    const { source } = this.#options;
    this.#checkStored(storedBytes, knownBytes);
    const isAll = source.isEnded() && storedBytes === source.availableBytes();
    if (isComplete && !isAll)
      throw relayFault("the relay says that a blob is complete that is not");
    this.#grown(storedBytes);
    this.#isComplete = isComplete;
  }

  #checkStored(storedBytes: number, knownBytes: number): void {
    if (storedBytes < knownBytes) throw relayFault("the relay has less of a blob than it had");
    if (storedBytes > this.#options.source.availableBytes()) {
      throw relayFault("the relay has more of a blob than there is");
    }
  }

  #grown(storedBytes: number): void {
    if (storedBytes <= this.#storedBytes) return;
    this.#storedBytes = storedBytes;
    this.#lost.dropBelow(storedBytes);
    this.#futile = 0;
    this.#attempts.progressed();
    this.#options.onStored(storedBytes);
  }
}
