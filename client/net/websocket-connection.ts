/**
 * One channel of one kind over one socket, from the attempt to connect until it ends; never reused.
 *
 *     connecting ──socket──> greeting ──message 1──> waiting ──message 2──> open ──> closed
 *                                          ^──refused, newer key, once──┘
 *
 * The first frames ride in message 1. Frames of one turn share channel messages; nothing is sealed
 * while much is unsent. Whatever breaks a rule ends the connection, named by code.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningPublicKey } from "../../shared/crypto/sodium.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import type { Announcement } from "../../shared/wire/channel-key.ts";
import { ClientChannel } from "../../shared/wire/client-channel.ts";
import type { ClientFrame, HelloAnswer } from "../../shared/wire/frames.ts";
import { MAX_CHANNEL_MESSAGE_BYTES, PROTOCOL_VERSION } from "../../shared/wire/limits.ts";
import type { Connection, ConnectionEvents } from "./connection.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { FrameExchange } from "./frame-exchange.ts";
import { HelloRequest } from "./hello-request.ts";
import type { Outgoing } from "./outgoing.ts";
import { MOST_WINDOW_BYTES } from "./transfer-window.ts";
import type { Socket } from "./transport.ts";
import { brokenBy, fellSilent, notARelay, ofConnection, unreachable } from "./transport-faults.ts";
import { Watchdog } from "./watchdog.ts";

const PATH = "/v1/ws";

export class WebSocketConnection implements Connection {
  readonly #context: ConnectionContext;
  readonly #events: ConnectionEvents;
  readonly #giveUp = new AbortController();
  readonly #exchange: FrameExchange;
  #cancelHandshake: () => void = () => {};
  #cancelGrace: () => void = () => {};
  #cancelDrain: () => void = () => {};
  #isFlushDue = false;
  #watchdog: Watchdog | undefined;
  #socket: Socket | undefined;
  #channel: ClientChannel | undefined;
  #used: Announcement | undefined;
  #receivedBytes = 0;
  #wasRefused = false;
  #isClosed = false;

  /** Begins to connect. `events` are never told before the constructor has returned. */
  constructor(context: ConnectionContext, events: ConnectionEvents) {
    this.#context = context;
    this.#events = events;
    this.#exchange = new FrameExchange({
      relayIdentity: () => this.#identity(),
      onEpoch: (epoch) => context.announcements.tellEpoch(epoch),
    });
    this.#limitHandshake(context.timings.handshakeMs);
    this.#submitHello();
    this.#connect().catch((error: unknown) => this.fail(ofConnection(error)));
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#channel?.isOpen === true;
  }

  get isQuiet(): boolean {
    return this.#exchange.isQuiet;
  }

  get isDoubtful(): boolean {
    return this.#watchdog?.isDoubtful ?? false;
  }

  get receivedBytes(): number {
    return Math.max(this.#receivedBytes, this.#socket?.receivedBytes ?? 0);
  }

  submit(outgoing: Outgoing): void {
    this.#exchange.submit(outgoing);
    this.#flushSoon();
  }

  probe(): void {
    const { kickMs } = this.#context.timings;
    if (this.isOpen) this.#watchdog?.check(kickMs);
    else this.#limitHandshake(kickMs);
  }

  fail(error: TumarError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#giveUp.abort(error);
    this.#cancelHandshake();
    this.#cancelGrace();
    this.#cancelDrain();
    this.#watchdog?.stop();
    this.#socket?.close();
    const unsent = this.#exchange.end(brokenBy(error));
    this.#events.onClosed(error, unsent);
  }

  // --- handshake --------------------------------------------------------------------------------

  #limitHandshake(ms: number): void {
    this.#cancelHandshake();
    this.#cancelHandshake = this.#context.clock.after(ms, () => {
      this.fail(unreachable("the relay does not answer"));
    });
  }

  async #connect(): Promise<void> {
    const { transport, origin, timings } = this.#context;
    const socket = await transport.connect(websocketUrl(origin), {
      signal: this.#giveUp.signal,
      timeoutMs: timings.handshakeMs,
      maxMessageBytes: MAX_CHANNEL_MESSAGE_BYTES,
    });
    if (this.#isClosed) socket.close();
    else this.#onSocket(socket);
  }

  #onSocket(socket: Socket): void {
    const { clock, timings, announcements } = this.#context;
    this.#socket = socket;
    this.#watchdog = new Watchdog(clock, timings, {
      onQuiet: () => this.#submitHello(),
      onDoubt: () => this.#events.onDoubt(),
      onDead: (silentMs) => this.fail(fellSilent(silentMs)),
      isWaiting: () => this.#exchange.isWaiting,
      receivedBytes: () => this.receivedBytes,
    });
    const known = announcements.newest;
    if (known !== undefined) {
      this.#cancelGrace = clock.after(timings.graceMs, () =>
        this.#guarded(() => this.#start(known)),
      );
    }
    socket.listen({
      onMessage: (message) => this.#guarded(() => this.#onMessage(message)),
      onAlive: () => this.#watchdog?.heard(),
      onClosed: (error) => this.fail(error),
    });
  }

  /** Message 1 to this key, with `hello` and as much as fits of what waits. */
  #start(announcement: Announcement): void {
    this.#cancelGrace();
    const channel = ClientChannel.start(announcement, this.#context.random);
    this.#used = announcement;
    this.#channel = channel;
    this.#send(channel, this.#exchange.takeFirst(channel));
  }

  #onMessage(message: Uint8Array): void {
    this.#receivedBytes += message.length;
    this.#watchdog?.heard();
    const channel = this.#channel;
    if (channel === undefined) {
      this.#onGreeting(message);
      return;
    }
    const wasOpen = channel.isOpen;
    const received = channel.open(message);
    switch (received.kind) {
      case "announcement":
        this.#context.announcements.offer(received.announcement);
        return;
      case "refused":
        this.#onRefusedKey(received.announcement);
        return;
      default:
        if (!wasOpen) this.#onOpened();
        for (const frame of received.frames) if (!this.#isClosed) this.#exchange.receive(frame);
        if (this.#exchange.isWaiting) this.#watchdog?.asked();
        this.#flushSoon();
    }
  }

  #onGreeting(message: Uint8Array): void {
    if (message[0] !== MESSAGE_KINDS.announcement) {
      throw notARelay("the first message is no announcement");
    }
    this.#start(this.#context.announcements.offer(message.subarray(1)));
  }

  /** Nobody read message 1: its frames go again, in a new message 1 to the newer key. */
  #onRefusedKey(bytes: Uint8Array): void {
    const used = this.#used;
    if (used === undefined || this.#wasRefused) {
      throw new TumarError("CHANNEL_REFUSED", "the relay refuses every channel key it shows");
    }
    this.#wasRefused = true;
    const newer = this.#context.announcements.offerAfterRefusal(bytes, used);
    this.#exchange.takeBackFirst();
    this.#start(newer);
  }

  #onOpened(): void {
    this.#cancelHandshake();
    this.#context.onAnswered?.();
    this.#events.onOpen();
  }

  #identity(): SigningPublicKey {
    if (this.#used === undefined) throw new TypeError("no channel key is in use");
    return this.#used.identity;
  }

  // --- frames -----------------------------------------------------------------------------------

  #submitHello(): void {
    this.submit(
      new HelloRequest({
        onHello: (hello) => this.#onHello(hello),
        onRefused: (error) => {
          if (!error.retryable) this.fail(error);
        },
      }),
    );
  }

  #onHello(hello: HelloAnswer): void {
    if (hello.version !== PROTOCOL_VERSION) {
      throw new TumarError("VERSION_UNSUPPORTED", "the relay speaks another version");
    }
    this.#exchange.maxUnanswered = hello.framesPerSecond;
    this.#context.announcements.tellEpoch(hello.epoch);
    this.#events.onHello(hello);
  }

  /** At the end of this turn, so that its frames travel together. */
  #flushSoon(): void {
    if (this.#isFlushDue || !this.isOpen || !this.#exchange.hasNext) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.#guarded(() => this.#flush()));
  }

  /** Sends until nothing waits, too much is unanswered, or the socket is full: then again later. */
  #flush(): void {
    const { clock, timings, maxBufferedBytes } = this.#context;
    const channel = this.#channel;
    if (channel === undefined) return;
    while (this.#exchange.hasNext) {
      // How much of blobs may be unsent is decided by who sends them.
      const bulkBytes = this.#exchange.isBulkNext ? MOST_WINDOW_BYTES : 0;
      if ((this.#socket?.bufferedAmount ?? 0) >= maxBufferedBytes + bulkBytes) {
        this.#cancelDrain = clock.after(timings.drainMs, () => this.#guarded(() => this.#flush()));
        return;
      }
      this.#send(channel, this.#exchange.takeNext(channel));
    }
    this.#isFlushDue = false;
  }

  /** One channel message. */
  #send(channel: ClientChannel, frames: readonly ClientFrame[]): void {
    if (frames.length === 0) return;
    this.#socket?.send(channel.seal(frames));
    this.#watchdog?.asked();
  }

  /** What breaks here ends the connection and nothing else. */
  #guarded(task: () => void): void {
    if (this.#isClosed) return;
    try {
      task();
    } catch (error) {
      this.fail(ofConnection(error));
    }
  }
}

function websocketUrl(origin: string): string {
  return `${origin.replace(/^http/, "ws")}${PATH}`;
}
