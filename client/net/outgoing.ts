/**
 * What a connection sends and then follows until it is answered, refused, or the connection breaks:
 * one interface for a caller's request, the connection's own frames and a subscription.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair } from "../../shared/crypto/sodium.ts";
import { encodeFrame } from "../../shared/wire/frame-codec.ts";
import type { ClientFrame, RelayFrame, RequestId } from "../../shared/wire/frames.ts";
import { MAX_BLOB_SLICE_BYTES } from "../../shared/wire/limits.ts";
import {
  BLOB_APPEND_HEAD_BYTES,
  BLOB_SLICE_HEAD_BYTES,
  frameRoom,
} from "../../shared/wire/padding.ts";
import type { Clock } from "./clock.ts";
import type { RequestBody, RequestOptions, RequestType } from "./requests.ts";
import { brokenBy, unreachable } from "./transport-faults.ts";

export interface Outgoing {
  readonly type: RequestType;
  /** Bytes of the encoded frame, at most. */
  readonly size: number;
  /** The key that must be proven in the channel before this frame. */
  readonly proveWith: SigningKeyPair | undefined;
  /** True when nobody waits for it any more: it need not be sent. */
  readonly isSettled: boolean;
  /** A part of a blob: behind everything else that waits. */
  readonly isBulk?: boolean;
  /** It goes before its like, at once. */
  readonly isAwaited?: boolean;
  /** Bytes of slices that an answer can use: what an exchange should keep free for it. */
  readonly answerBytes?: number;
  /** More is sure to come after the first answer: the rest of something, or word that there is none. */
  readonly isOwedMore?: boolean;
  /** Called when the frame is sent, and again when it is sent again. */
  frame(requestId: RequestId, proofHash: Uint8Array): ClientFrame;
  /** An answer of a type the frame table allows. @throws TumarError RELAY_FAULT */
  onAnswer(answer: RelayFrame): void;
  onRefused(error: TumarError): void;
  /** The connection is gone after the frame was sent: it may have been done or not. */
  onBroken(error: TumarError): void;
}

export const DEFAULT_TIMEOUT_MS = 30_000;
const LARGEST_FRAME_BYTES: number = frameRoom("transport");
/** They say their size without being encoded for it, and their bounds are checked when they are sent. */
const BULK: ReadonlySet<RequestType> = new Set<RequestType>(["blob.append", "blob.get"]);
/** A request id takes at most four bytes more than the one the size is measured with. */
const REQUEST_ID_SLACK_BYTES = 4;

/** @throws RangeError when the frame is out of bounds: the caller's mistake */
export function frameSize(body: RequestBody): number {
  if (body.type === "blob.append") return appendSize(body as RequestBody<"blob.append">);
  const size = encodeFrame({ ...body, requestId: 1 } as ClientFrame).length;
  if (size + REQUEST_ID_SLACK_BYTES > LARGEST_FRAME_BYTES) {
    throw new RangeError(`a ${body.type} frame of ${size} bytes fits no channel message`);
  }
  return size + REQUEST_ID_SLACK_BYTES;
}

function appendSize({ bytes }: RequestBody<"blob.append">): number {
  if (bytes.length > MAX_BLOB_SLICE_BYTES) throw new RangeError("a slice that fits no message");
  return bytes.length + BLOB_APPEND_HEAD_BYTES;
}

interface Settle {
  resolve(answer: RelayFrame): void;
  reject(reason: unknown): void;
}

/** A caller's request and its promise, which settles exactly once whatever happens. */
export class PendingRequest implements Outgoing {
  readonly promise: Promise<RelayFrame>;
  readonly type: RequestType;
  readonly size: number;
  readonly proveWith: SigningKeyPair | undefined;
  readonly isBulk: boolean;
  readonly isAwaited: boolean;
  readonly answerBytes: number;
  readonly #hasJourney: boolean;
  readonly #body: RequestBody;
  readonly #stopWaiting: () => void;
  #settle: Settle | undefined;
  /** Made when it is needed: an error costs more than a slice of a blob. */
  #timeoutError: () => TumarError = () => unreachable("no connection to the relay in time");

  /** @throws RangeError; the signal's reason when it is aborted already */
  constructor(
    body: RequestBody,
    options: RequestOptions & { readonly proveWith?: SigningKeyPair },
    clock: Clock,
  ) {
    options.signal?.throwIfAborted();
    this.type = body.type;
    this.size = frameSize(body);
    this.proveWith = options.proveWith;
    this.isBulk = BULK.has(body.type);
    this.answerBytes = body.type === "blob.get" ? BLOB_SLICE_HEAD_BYTES + body.length : 0;
    this.isAwaited = options.isAwaited ?? false;
    this.#hasJourney = options.journey !== undefined;
    this.#body = body;
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#stopWaiting = this.#limit(options, clock);
  }

  get isSettled(): boolean {
    return this.#settle === undefined;
  }

  frame(requestId: RequestId): ClientFrame {
    this.#timeoutError = () => new TumarError("RELAY_TIMEOUT", `no answer to ${this.type} in time`);
    return { ...this.#body, requestId } as ClientFrame;
  }

  /** Why it has not been sent yet: what a timeout will say. */
  delayedBy(error: TumarError): void {
    this.#timeoutError = () => error;
  }

  onAnswer(answer: RelayFrame): void {
    this.#end()?.resolve(answer);
  }

  onRefused(error: TumarError): void {
    this.#end()?.reject(error);
  }

  onBroken(error: TumarError): void {
    this.#end()?.reject(error);
  }

  /** Its connection ended before it was sent: false when it ends with it. */
  movesOn(error: TumarError): boolean {
    if (this.#hasJourney) this.onBroken(brokenBy(error));
    return !this.#hasJourney;
  }

  #limit({ timeoutMs = DEFAULT_TIMEOUT_MS, signal }: RequestOptions, clock: Clock): () => void {
    const cancelTimer = clock.after(timeoutMs, () => this.#end()?.reject(this.#timeoutError()));
    const onAbort = () => this.#end()?.reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    return () => {
      cancelTimer();
      signal?.removeEventListener("abort", onAbort);
    };
  }

  #end(): Settle | undefined {
    const settle = this.#settle;
    this.#settle = undefined;
    this.#stopWaiting();
    return settle;
  }
}

/** Of what a connection had not sent when it ended, the requests that go over the next one. */
export function moving(unsent: readonly Outgoing[], error: TumarError): readonly PendingRequest[] {
  return unsent.filter(
    (one): one is PendingRequest => one instanceof PendingRequest && one.movesOn(error),
  );
}
