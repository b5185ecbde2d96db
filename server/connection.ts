/**
 * One WebSocket: announcement, channel, frames in, answers out, and the limits of all that.
 *
 *     waiting ──message 1──> open ──close(…)──> closing ──> closed
 *
 * A faulty frame is answered; a message that breaks the channel ends the connection with the close
 * code of its error. Answers of one turn leave together, and message 2 answers all of message 1 that fits
 * it: a first contact's record and prekeys share one message. The connection is not read while it owes
 * tokens, does not read its answers, or while the store is behind.
 */

import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { type ErrorCode, errorRow, TumarError } from "../shared/crypto/errors.ts";
import { refusalMessage } from "../shared/wire/channel.ts";
import { encodeFrame, errorFrame } from "../shared/wire/frame-codec.ts";
import type { RelayFrame, RequestId, Subscribe } from "../shared/wire/frames.ts";
import { MAX_CHANNEL_MESSAGE_BYTES, MAX_ORDINARY_MESSAGE_BYTES } from "../shared/wire/limits.ts";
import { frameRoom } from "../shared/wire/padding.ts";
import type { FromClient } from "../shared/wire/relay-channel.ts";
import { type Accepted, accept, violationOf } from "./accept.ts";
import { announcementOf } from "./announcement.ts";
import { Delivery, type DeliveryPeer } from "./delivery.ts";
import { dispatchAll } from "./dispatch.ts";
import { Outgoing } from "./outgoing.ts";
import { TokenBucket } from "./rate.ts";
import type { Services } from "./services.ts";
import type { MailboxHandle } from "./store/store.ts";
import type { Subscriber } from "./subscriptions.ts";

/** Operations that may wait for a commit before nothing more is taken in. */
export const MAX_WAITING_OPERATIONS = 4096;
/** A client may answer a refusal with the newer key once, on the same connection. */
const MAX_FIRST_MESSAGES = 2;
/** Bytes for blobs that may wait for the disk before nothing more is taken in. */
const MAX_HELD_BYTES: number = 256 * 1024;
/** The same while memory is full of them: more than one slice, so that texts beside it are read. */
const MAX_HELD_WHEN_FULL_BYTES: number = 64 * 1024;
/** RFC 6455 7.4.1: a message that violates the policy; for codes that name no close number. */
const POLICY_VIOLATION = 1008;

export type CutReason = "slow" | "silent" | "late" | "violation";
type Pause = "debt" | "congested" | "commits" | "blobs" | "stopping";

export class Connection implements DeliveryPeer {
  readonly deliveries: Map<MailboxHandle, Subscriber> = new Map();
  readonly #services: Services;
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #outgoing = new Outgoing();
  readonly #frameBucket: TokenBucket;
  readonly #byteBucket: TokenBucket;
  readonly #pauses = new Set<Pause>();
  readonly #openedMs: number;
  /** From message 1 on. */
  #accepted: Accepted | undefined;
  #firstMessages = 0;
  /** Frames of message 1 that have no answer yet. */
  readonly #owedInMessage2 = new Set<RequestId>();
  /** Bytes for blobs that wait for the disk. */
  #heldBytes = 0;
  readonly #onDrained: (() => void)[] = [];
  #isFlushDue = false;
  #hasStalled = false;
  #isClosing = false;
  #seenMs: number;
  #pingedMs: number;
  #unsent = 0;
  #progressMs = 0;

  /** `stream` is the socket under the WebSocket: it tells when it has been drained. */
  constructor(services: Services, socket: WebSocket, stream: Duplex) {
    const { config, timer } = services;
    this.#services = services;
    this.#socket = socket;
    this.#stream = stream;
    this.#frameBucket = new TokenBucket(config.FRAMES_PER_SECOND, timer);
    this.#byteBucket = new TokenBucket(config.BYTES_PER_SECOND, timer);
    this.#openedMs = timer();
    this.#seenMs = this.#openedMs;
    this.#pingedMs = this.#openedMs;
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on("pong", () => this.#onSign());
    socket.on("ping", () => this.#onSign());
    socket.on("close", () => this.#onClose());
    socket.on("error", () => undefined);
    stream.on("drain", () => this.#onDrain());
    socket.send(announcementOf(services));
  }

  get isCongested(): boolean {
    const { SEND_BUFFER } = this.#services.config;
    if (this.#outgoing.bytes + this.#socket.bufferedAmount <= SEND_BUFFER) return false;
    this.#hasStalled = true;
    return true;
  }

  roomFor(): number {
    return frameRoom("message2", this.#outgoing.maxBucket);
  }

  sliceRoomFor(): number {
    return frameRoom("message2", MAX_CHANNEL_MESSAGE_BYTES);
  }

  hold(bytes: number): () => void {
    const letGo = this.#services.blobs.pending.hold(bytes);
    this.#heldBytes += bytes;
    return () => {
      letGo();
      this.#heldBytes -= bytes;
      if (!this.#holdsTooMuch) this.#resume("blobs");
    };
  }

  async drained(): Promise<void> {
    while (this.isCongested && !this.#isClosing) {
      await new Promise<void>((resolve) => {
        this.#onDrained.push(resolve);
      });
    }
  }

  subscribe(handle: MailboxHandle, frame: Subscribe): void {
    if (this.#isClosing) return;
    if (frame.answerBucket !== 0) {
      this.#outgoing.maxBucket = Math.min(frame.answerBucket, MAX_ORDINARY_MESSAGE_BYTES);
    }
    const delivery = new Delivery(this.#services, this, handle, frame);
    this.#services.subscriptions.add(handle, delivery);
    this.deliveries.set(handle, delivery);
    this.send({ type: "ok", requestId: frame.requestId });
    delivery.pump();
  }

  send(frame: RelayFrame): void {
    if (this.#isClosing) return;
    this.#outgoing.push(encodeFrame(frame));
    this.#owedInMessage2.delete(frame.requestId);
    const isOwed = this.#owedInMessage2.size > 0 && this.#outgoing.bytes <= this.roomFor();
    if (this.#isFlushDue || isOwed) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.#flush());
  }

  refuse(requestId: RequestId, code: ErrorCode, data?: Uint8Array): void {
    this.#services.metrics.error(code);
    this.send(errorFrame(requestId, code, data));
  }

  fail(requestId: RequestId, error: unknown): void {
    this.#services.logger.unexpected(error);
    this.refuse(requestId, "INTERNAL");
  }

  /** What was read is answered; `close` follows. */
  stopReading(): void {
    if (!this.#isClosing) this.#pause("stopping");
  }

  /** Sends what is due, then closes in the way of RFC 6455. */
  close(closeCode: number): void {
    if (this.#isClosing) return;
    this.#flush();
    this.#isClosing = true;
    this.#endDeliveries();
    this.#socket.resume();
    this.#socket.close(closeCode);
  }

  /** Ends it without a word: the other side does not listen. */
  cut(reason: CutReason): void {
    this.#noteCut(reason);
    this.#isClosing = true;
    this.#endDeliveries();
    this.#socket.terminate();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Called every second or so: pings, and cuts who is late, silent or stuck. */
  tick(): void {
    const { config, timer } = this.#services;
    const nowMs = timer();
    this.#noteProgress(nowMs);
    const silentMs = nowMs - Math.max(this.#seenMs, this.#progressMs);
    if (this.#accepted === undefined && nowMs - this.#openedMs > config.HANDSHAKE_SECONDS * 1000) {
      this.cut("late");
    } else if (this.#pauses.has("congested")) {
      if (nowMs - this.#progressMs > config.SLOW_SECONDS * 1000) this.cut("slow");
    } else if (silentMs > config.SILENCE_SECONDS * 1000 && !this.#pauses.has("blobs")) {
      // while it waits for the disk its signs are not read
      this.cut("silent");
    } else if (nowMs - this.#pingedMs >= config.PING_SECONDS * 1000) {
      this.#pingedMs = nowMs;
      if (!this.#isClosing) this.#socket.ping();
    }
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.#isClosing) return;
    this.#onSign();
    try {
      if (!isBinary || !(data instanceof Buffer)) throw broken("not a binary message");
      this.#pay(data.length);
      const message = new Uint8Array(data.buffer, data.byteOffset, data.length);
      const content = this.#open(message);
      if (content !== undefined && this.#accepted) this.#take(content, this.#accepted);
    } catch (error) {
      this.#violated(error);
    }
  }

  /** undefined when no key opened message 1 and the client was told the current one. */
  #open(message: Uint8Array): FromClient | undefined {
    if (this.#accepted !== undefined) {
      const { channel, state } = this.#accepted;
      const content = channel.open(message);
      state.isFresh = true;
      state.proofHash = content.proofHash;
      return content;
    }
    this.#firstMessages += 1;
    try {
      this.#accepted = accept(this.#services, message);
    } catch (error) {
      const isRefused = error instanceof TumarError && error.code === "CHANNEL_KEY_UNKNOWN";
      if (!isRefused || this.#firstMessages >= MAX_FIRST_MESSAGES) throw error;
      this.#socket.send(announcementOf(this.#services, refusalMessage));
      return undefined;
    }
    const { content } = this.#accepted;
    if (content.frames.length === 0) this.#sendMessages();
    for (const { requestId } of content.frames) this.#owedInMessage2.add(requestId);
    return content;
  }

  #take({ frames }: FromClient, { state }: Accepted): void {
    const { commits, config } = this.#services;
    dispatchAll(frames, { services: this.#services, peer: this, state }, this.#frameBucket);
    this.#pauseForDebt(this.#frameBucket.debtMs);
    if (commits.waiting > MAX_WAITING_OPERATIONS) this.#pauseForCommits();
    if (this.#holdsTooMuch) this.#pause("blobs");
    if (this.#outgoing.bytes > config.SEND_BUFFER) this.#flush();
  }

  #pay(bytes: number): void {
    if (!this.#byteBucket.take(bytes)) throw new TumarError("RATE_LIMITED", "too many bytes");
    this.#pauseForDebt(this.#byteBucket.debtMs);
  }

  #violated(error: unknown): void {
    const code = violationOf(this.#services, error);
    this.#noteCut("violation");
    if (this.#accepted?.channel.isOpen) this.refuse(0, code);
    this.close(errorRow(code).close || POLICY_VIOLATION);
  }

  // --- sending ----------------------------------------------------------------------------------

  #flush(): void {
    this.#isFlushDue = false;
    if (this.#isClosing || this.#accepted === undefined || this.#outgoing.isEmpty) return;
    this.#sendMessages();
    if (this.#socket.bufferedAmount > this.#services.config.SEND_BUFFER) {
      this.#pause("congested");
      this.#progressMs = this.#services.timer();
    } else if (this.#hasStalled) {
      this.#onDrain();
    }
  }

  /** Message 2 is sent even when it carries nothing. */
  #sendMessages(): void {
    if (this.#accepted === undefined) return;
    const { channel } = this.#accepted;
    this.#stream.cork();
    try {
      if (this.#outgoing.isEmpty && !channel.isOpen) this.#socket.send(channel.sealEncoded([]));
      for (const { frames, bucket } of this.#outgoing.groups((size) => channel.frameRoom(size))) {
        this.#socket.send(channel.sealEncoded(frames, bucket));
      }
    } catch (error) {
      this.#outgoing.clear();
      this.#violated(error);
    } finally {
      this.#stream.uncork();
    }
  }

  #onDrain(): void {
    if (this.#isClosing || this.isCongested) return;
    this.#hasStalled = false;
    this.#resume("congested");
    for (const delivery of this.deliveries.values()) delivery.wake();
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  /** What leaves is a sign of life, also while nothing is read. */
  #noteProgress(nowMs: number): void {
    const unsent = this.#socket.bufferedAmount;
    if (unsent < this.#unsent) this.#progressMs = nowMs;
    this.#unsent = unsent;
  }

  // --- reading ----------------------------------------------------------------------------------

  #pauseForDebt(debtMs: number): void {
    if (debtMs === 0 || this.#pauses.has("debt")) return;
    this.#pause("debt");
    setTimeout(() => this.#resume("debt"), debtMs).unref();
  }

  #pauseForCommits(): void {
    if (this.#pauses.has("commits")) return;
    this.#pause("commits");
    const resume = () => this.#resume("commits");
    this.#services.commits.drain().then(resume, resume);
  }

  /** Its own bytes only: it never waits for those of others. */
  get #holdsTooMuch(): boolean {
    const { isFull } = this.#services.blobs.pending;
    return this.#heldBytes > (isFull ? MAX_HELD_WHEN_FULL_BYTES : MAX_HELD_BYTES);
  }

  #pause(reason: Pause): void {
    this.#pauses.add(reason);
    this.#socket.pause();
  }

  #resume(reason: Pause): void {
    if (!this.#pauses.delete(reason) || this.#pauses.size > 0 || this.#isClosing) return;
    this.#onSign();
    this.#socket.resume();
  }

  #onSign(): void {
    this.#seenMs = this.#services.timer();
  }

  #noteCut(reason: CutReason): void {
    this.#services.metrics.cut(reason);
    this.#services.logger.write("debug", "connection-cut", { reason });
  }

  // --- the end ----------------------------------------------------------------------------------

  #onClose(): void {
    this.#isClosing = true;
    this.#outgoing.clear();
    this.#endDeliveries();
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  #endDeliveries(): void {
    for (const delivery of [...this.deliveries.values()]) delivery.end("closed");
  }
}

function broken(message: string): TumarError {
  return new TumarError("CHANNEL_BROKEN", message);
}
