/**
 * Downloads what a relay has of one blob, from an offset on, in order: several slices are asked for at
 * once, as many as the window allows, and handed on one after the other.
 *
 * An answer may bring less than was asked for, as exchanges do that have little room: the rest is asked
 * for again. A relay that contradicts itself is not asked again.
 */

import { LEAST_SLICE_BYTES } from "../../shared/wire/answer-room.ts";
import type { BlobSliceFrame } from "../../shared/wire/frames.ts";
import { MAX_BLOB_SLICE_BYTES, MAX_THRIFTY_ANSWER_BYTES } from "../../shared/wire/limits.ts";
import { BLOB_SLICE_HEAD_BYTES, frameRoom } from "../../shared/wire/padding.ts";
import { type ByteRange, ByteRanges } from "./blob-ranges.ts";
import type { Clock } from "./clock.ts";
import type { Relay } from "./requests.ts";
import { SLICE_BUCKETS, type Ticket, type TransferWindow } from "./transfer-window.ts";
import {
  Attempts,
  type BlobState,
  Ending,
  isOfRelay,
  isPassing,
  relayFault,
  timeoutOf,
  windowsOf,
} from "./transfers.ts";

export type { BlobState } from "./transfers.ts";

export interface StateOptions {
  readonly relay: Relay;
  readonly blobId: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface DownloadOptions extends StateOptions {
  readonly clock: Clock;
  readonly from: number;
  /** No byte from here on is asked for; all there is when not given. */
  readonly to?: number;
  /** In order, the next when this has resolved. */
  onSlice(offset: number, bytes: Uint8Array): Promise<void>;
  /** Told with each answer. */
  onState?(state: BlobState): void;
}

/** What message 2 and its frame need beside a slice; the same in every bucket. */
const AROUND_BYTES: number = 4608 - frameRoom("message2", 4608) + BLOB_SLICE_HEAD_BYTES;
/** What came and waits to be handed on, in windows. */
const MOST_AHEAD_WINDOWS = 2;

interface Flight extends ByteRange {
  readonly ticket: Ticket;
  readonly giveUp: AbortController;
  /** What the relay was known to have when it was asked. */
  readonly knownBytes: number;
  readonly failures: number;
}

/** @throws REFUSED when there is no such blob, or as any request */
export async function blobState({ relay, blobId, signal }: StateOptions): Promise<BlobState> {
  const limits = signal === undefined ? {} : { signal };
  return stateOf(await relay.sender.request({ type: "blob.head", blobId }, limits));
}

/**
 * Resolves when everything the relay has now, up to `to`, was handed on.
 * @throws what the relay refuses it with; RELAY_FAULT; RELAY_UNREACHABLE or RELAY_TIMEOUT when nothing
 *   came through for 60 s; what `onSlice` throws; the signal's reason
 */
export async function downloadBlob(options: DownloadOptions): Promise<BlobState> {
  const ending = new Ending(options.signal);
  try {
    return await new BlobDownload(options, ending.signal).run();
  } finally {
    ending.end();
  }
}

class BlobDownload {
  readonly #options: DownloadOptions;
  readonly #attempts: Attempts;
  readonly #window: TransferWindow;
  readonly #flights = new Set<Flight>();
  readonly #lost = new ByteRanges();
  /** What came before its turn, by offset. */
  readonly #early = new Map<number, Uint8Array>();
  #state: BlobState | undefined;
  #nextOffset: number;
  #handedOn: number;
  /** The longest slice that one answer brings here. */
  #mostBytes = Number.POSITIVE_INFINITY;
  #failures = 0;
  /** What is under way belongs together. */
  #journey = {};
  #fault: { readonly error: unknown } | undefined;
  #stopListening: () => void = () => {};

  constructor(options: DownloadOptions, signal: AbortSignal) {
    this.#options = options;
    this.#attempts = new Attempts(options.clock, signal);
    this.#window = windowsOf(options.relay, options.clock).down;
    this.#nextOffset = options.from;
    this.#handedOn = options.from;
  }

  async run(): Promise<BlobState> {
    try {
      for (;;) {
        this.#attempts.check();
        if (this.#fault !== undefined) throw this.#fault.error;
        while (this.#attempts.mayGoOn && this.#askNext());
        if (await this.#handOn()) continue;
        const state = this.#state;
        if (state !== undefined && this.#handedOn >= this.#endOf(state.storedBytes)) return state;
        await this.#attempts.happened();
      }
    } finally {
      this.#stopListening();
      this.#endFlights();
    }
  }

  async #handOn(): Promise<boolean> {
    const offset = this.#handedOn;
    const bytes = this.#early.get(offset);
    if (bytes === undefined) return false;
    this.#early.delete(offset);
    this.#handedOn += bytes.length;
    await this.#options.onSlice(offset, bytes);
    this.#attempts.progressed();
    return true;
  }

  // --- questions --------------------------------------------------------------------------------

  /** False when nothing is to be asked, or it has to wait. */
  #askNext(): boolean {
    const wanted = this.#wanted();
    if (wanted === undefined) return false;
    const most = Math.min(this.#mostBytes, this.#mostOfKind, MAX_BLOB_SLICE_BYTES);
    const bytes = Math.min(wanted.to - wanted.from, most);
    const bucket = this.#window.bucketFor(bytes + AROUND_BYTES);
    if (bucket === undefined) {
      this.#listen();
      return false;
    }
    this.#ask(
      { from: wanted.from, to: wanted.from + Math.min(bytes, bucket - AROUND_BYTES) },
      bucket,
    );
    return true;
  }

  #wanted(): ByteRange | undefined {
    if (this.#lost.first !== undefined) return this.#lost.first;
    const from = this.#nextOffset;
    const ahead = from - this.#handedOn;
    if (ahead > MOST_AHEAD_WINDOWS * this.#window.bytes) return undefined;
    if (this.#state !== undefined) {
      const to = this.#endOf(this.#state.storedBytes);
      return from < to ? { from, to } : undefined;
    }
    // How much there is comes with the first answer.
    const [smallest = 0] = SLICE_BUCKETS;
    const to = this.#endOf(from + smallest - AROUND_BYTES);
    return this.#flights.size > 0 ? undefined : { from, to };
  }

  #endOf(bytes: number): number {
    return Math.min(bytes, this.#options.to ?? bytes);
  }

  get #mostOfKind(): number {
    const isThrifty = this.#options.relay.state().transport === "thrifty";
    return isThrifty ? MAX_THRIFTY_ANSWER_BYTES - AROUND_BYTES : Number.POSITIVE_INFINITY;
  }

  #ask({ from, to }: ByteRange, bucket: number): void {
    const { relay, blobId } = this.#options;
    const isTimed = this.#state !== undefined;
    const flight: Flight = {
      from,
      to,
      ticket: this.#window.sent(bucket, isTimed),
      knownBytes: this.#state?.storedBytes ?? 0,
      failures: this.#failures,
      giveUp: new AbortController(),
    };
    this.#flights.add(flight);
    this.#lost.dropBelow(to);
    this.#nextOffset = Math.max(this.#nextOffset, to);
    const timeoutMs = timeoutOf(this.#window);
    const limits = { signal: flight.giveUp.signal, timeoutMs, journey: this.#journey };
    relay.sender
      .request({ type: "blob.get", blobId, offset: from, length: to - from }, limits)
      .then(
        (slice) => this.#onSlice(flight, slice),
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

  #onSlice(flight: Flight, slice: BlobSliceFrame): void {
    if (!this.#flights.delete(flight)) return;
    this.#window.isOneConnection = this.#options.relay.state().transport === "websocket";
    const { from, to } = flight;
    const { bytes, storedBytes } = slice;
    const asked = to - from;
    this.#window.answered(
      flight.ticket,
      Math.min(flight.ticket.bytes, bytes.length + AROUND_BYTES),
    );
    this.#noteState(flight, stateOf(slice));
    if (slice.offset !== from) throw relayFault("a slice from another place of the blob");
    if (bytes.length > asked) throw relayFault("a longer slice than was asked for");
    // It may have less than is here already: of another place of the same blob.
    if (bytes.length > 0 && from + bytes.length > storedBytes)
      throw relayFault("a slice of what is not there");
    if (bytes.length === 0 && from < storedBytes)
      throw relayFault("an empty slice of what is there");
    const end = from + bytes.length;
    const last = Math.min(to, storedBytes);
    if (end < last) this.#mostBytes = Math.max(LEAST_SLICE_BYTES, bytes.length);
    if (bytes.length > 0) this.#early.set(from, bytes);
    this.#lost.add({ from: end, to: last });
    if (this.#nextOffset === to) this.#nextOffset = Math.max(end, last);
    this.#attempts.progressed();
  }

  /** Answers may pass each other: only what was known when it was asked binds the relay. */
  #noteState({ knownBytes }: Flight, state: BlobState): void {
    if (state.storedBytes < knownBytes)
      throw relayFault("the relay has less of a blob than it had");
    const before = this.#state;
    if (before?.isComplete && state.storedBytes > before.storedBytes) {
      throw relayFault("a blob grew that was complete");
    }
    if (before !== undefined && before.storedBytes > state.storedBytes) return;
    this.#state = state;
    this.#options.onState?.(state);
  }

  #onFailed(flight: Flight, error: unknown): void {
    if (!this.#flights.delete(flight)) return;
    if (isOfRelay(error)) this.#window.released(flight.ticket);
    else this.#window.lost(flight.ticket);
    this.#lost.add(flight);
    if (flight.failures !== this.#failures && isPassing(error)) return;
    this.#failures++;
    this.#journey = {};
    this.#mostBytes = Number.POSITIVE_INFINITY;
    this.#attempts.failed(error);
  }
}

function stateOf({ storedBytes, isComplete, quietSeconds }: BlobState): BlobState {
  return { storedBytes, isComplete, quietSeconds };
}
