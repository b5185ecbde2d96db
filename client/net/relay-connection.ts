/**
 * One channel of one kind over one socket, from the attempt to connect until it ends; never reused.
 *
 *     connecting ──socket──> greeting ──message 1──> waiting ──message 2──> open ──> closed
 *                                          ^──refused, newer key, once──┘
 *
 * The first frames ride in message 1. What the relay refuses there for want of a current epoch is
 * sent once more, in order, when the channel is open. Frames of one turn share channel messages;
 * nothing is sealed while much is unsent. Whatever breaks a rule ends the connection, named by code.
 */

import { toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { SigningKeyPair, SigningPublicKey } from "../../shared/crypto/sodium.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import type { Announcement } from "../../shared/wire/channel-key.ts";
import { ClientChannel } from "../../shared/wire/client-channel.ts";
import { CLIENT_FRAMES } from "../../shared/wire/frame-table.ts";
import type { ErrorFrame, HelloAnswer, RelayFrame } from "../../shared/wire/frames.ts";
import {
  DEFAULT_FRAMES_PER_SECOND,
  MAX_CHANNEL_MESSAGE_BYTES,
  PROTOCOL_VERSION,
} from "../../shared/wire/limits.ts";
import type { ConnectionContext } from "./connection-context.ts";
import { HelloRequest } from "./hello-request.ts";
import type { Outgoing } from "./outgoing.ts";
import { ProveRequest } from "./prove-request.ts";
import { refusalOf } from "./refusals.ts";
import { type Item, newItem, SendQueue } from "./send-queue.ts";
import type { Socket } from "./transport.ts";
import { notARelay, unreachable } from "./transport-faults.ts";
import { Watchdog } from "./watchdog.ts";

export interface ConnectionEvents {
  /** The channel is open: the relay has the key its address names. */
  onOpen(): void;
  onHello(hello: HelloAnswer): void;
  /** Once. `unsent` never left; everything sent and unanswered was told. */
  onClosed(error: TumarError, unsent: readonly Outgoing[]): void;
}

export class RelayConnection {
  readonly #context: ConnectionContext;
  readonly #events: ConnectionEvents;
  readonly #giveUp = new AbortController();
  readonly #queue = new SendQueue();
  readonly #sent = new Map<number, Item>();
  readonly #proofs = new Map<string, ProveRequest>();
  #cancelHandshake: () => void = () => {};
  #cancelGrace: () => void = () => {};
  #cancelFlush: (() => void) | undefined;
  #watchdog: Watchdog | undefined;
  #socket: Socket | undefined;
  #channel: ClientChannel | undefined;
  #used: Announcement | undefined;
  #message1: Item[] = [];
  #wasRefused = false;
  #isClosed = false;
  #lastRequestId = 0;
  #unanswered = 0;
  #framesPerSecond = DEFAULT_FRAMES_PER_SECOND;

  /** Begins to connect. `events` are never told before the constructor has returned. */
  constructor(context: ConnectionContext, events: ConnectionEvents) {
    this.#context = context;
    this.#events = events;
    this.#limitHandshake(context.timings.handshakeMs);
    this.#submitHello();
    this.#connect().catch((error: unknown) => this.fail(asTumarError(error)));
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#channel?.isOpen === true;
  }

  /** True when nothing waits to be sent or answered; subscriptions do not count. */
  get isQuiet(): boolean {
    return this.#queue.isEmpty && this.#unanswered === 0;
  }

  /** Queues a frame and, before the first of its key, the proof. Call before it is closed only. */
  submit(outgoing: Outgoing): void {
    const proof = this.#proofOf(outgoing.proveWith);
    this.#queue.push(newItem(outgoing, proof));
    this.#flushSoon();
  }

  /** Asks for a sign of life, and ends the connection when none comes soon. */
  probe(): void {
    const { kickMs } = this.#context.timings;
    if (this.isOpen) this.#watchdog?.check(kickMs);
    else this.#limitHandshake(kickMs);
  }

  /** Ends it, silently towards the relay. Idempotent. */
  fail(error: TumarError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#giveUp.abort(error);
    this.#cancelHandshake();
    this.#cancelGrace();
    this.#cancelFlush?.();
    this.#watchdog?.stop();
    this.#socket?.close();
    const unsent = this.#queue.takeAll().map(({ outgoing }) => outgoing);
    const broken = brokenBy(error);
    for (const { outgoing } of this.#sent.values()) outgoing.onBroken(broken);
    this.#sent.clear();
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
    const { transport, url, timings } = this.#context;
    const socket = await transport.connect(url, {
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
      onDead: () => this.fail(unreachable("the relay fell silent")),
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
    const items = this.#queue.take(this.#framesPerSecond, channel.frameRoom());
    for (const item of items) item.wasInMessage1 = true;
    this.#message1 = items;
    this.#seal(channel, items);
  }

  #onMessage(message: Uint8Array): void {
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
        for (const frame of received.frames) this.#onFrame(frame);
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
    for (const item of this.#message1) this.#queue.repeat(item);
    this.#sent.clear();
    this.#unanswered = 0;
    this.#start(newer);
  }

  #onOpened(): void {
    this.#cancelHandshake();
    this.#message1 = [];
    this.#events.onOpen();
  }

  // --- frames from the relay --------------------------------------------------------------------

  #onFrame(frame: RelayFrame): void {
    if (this.#isClosed) return;
    if (frame.requestId === 0 && frame.type === "error") throw refusalOf(frame);
    if (frame.requestId > this.#lastRequestId) {
      throw new TumarError("RELAY_FAULT", "an answer to nothing that was asked");
    }
    const item = this.#sent.get(frame.requestId);
    if (item === undefined) return;
    if (frame.type === "error") this.#onError(frame, item);
    else this.#onAnswer(frame, item);
  }

  #onAnswer(frame: RelayFrame, item: Item): void {
    const { outgoing } = item;
    const allowed: readonly string[] = CLIENT_FRAMES[outgoing.type].answers;
    if (!allowed.includes(frame.type)) {
      throw new TumarError("RELAY_FAULT", `${frame.type} in answer to ${outgoing.type}`);
    }
    this.#countAnswer(item);
    const goesOn = outgoing.type === "subscribe" && frame.type !== "taken-over";
    if (!goesOn) this.#sent.delete(frame.requestId);
    outgoing.onAnswer(frame);
  }

  #onError(frame: ErrorFrame, item: Item): void {
    this.#sent.delete(frame.requestId);
    this.#countAnswer(item);
    const error = refusalOf(frame);
    if (error.code === "RETRY") this.#context.announcements.tellEpoch(frame.data);
    if (mayRepeat(item, error)) {
      item.wasRepeated = true;
      this.#queue.repeat(item);
      return;
    }
    if (item.outgoing instanceof ProveRequest) this.#forgetProof(item.outgoing);
    const cause = error.code === "PROOF_REQUIRED" ? item.proof?.error : undefined;
    item.outgoing.onRefused(cause ?? error);
  }

  /** A subscription counts until its first answer. */
  #countAnswer(item: Item): void {
    if (item.isUnanswered) this.#unanswered--;
    item.isUnanswered = false;
  }

  #onHello(hello: HelloAnswer): void {
    if (hello.version !== PROTOCOL_VERSION) {
      throw new TumarError("VERSION_UNSUPPORTED", "the relay speaks another version");
    }
    this.#framesPerSecond = hello.framesPerSecond;
    this.#context.announcements.tellEpoch(hello.epoch);
    this.#events.onHello(hello);
  }

  // --- frames to the relay ----------------------------------------------------------------------

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

  #proofOf(key: SigningKeyPair | undefined): ProveRequest | undefined {
    if (key === undefined) return undefined;
    const name = toHex(key.publicKey);
    const known = this.#proofs.get(name);
    if (known !== undefined) return known;
    const proof = new ProveRequest(key, () => this.#identity());
    this.#proofs.set(name, proof);
    this.submit(proof);
    return proof;
  }

  /** The next frame of that key tries again. */
  #forgetProof(proof: ProveRequest): void {
    for (const [name, known] of this.#proofs) if (known === proof) this.#proofs.delete(name);
  }

  #identity(): SigningPublicKey {
    if (this.#used === undefined) throw new TypeError("no channel key is in use");
    return this.#used.identity;
  }

  /** At the end of this turn, so that its frames travel together. */
  #flushSoon(): void {
    if (this.#cancelFlush !== undefined || !this.isOpen || this.#queue.isEmpty) return;
    let isCancelled = false;
    this.#cancelFlush = () => {
      isCancelled = true;
    };
    queueMicrotask(() => {
      if (!isCancelled) this.#guarded(() => this.#flush());
    });
  }

  /** Sends until the queue is empty, too much is unanswered, or the socket is full. */
  #flush(): void {
    this.#cancelFlush = undefined;
    const { clock, timings, maxBufferedBytes } = this.#context;
    const channel = this.#channel;
    if (channel?.isOpen !== true || this.#isClosed) return;
    while (!this.#queue.isEmpty && this.#unanswered < this.#framesPerSecond) {
      if ((this.#socket?.bufferedAmount ?? 0) >= maxBufferedBytes) {
        this.#cancelFlush = clock.after(timings.drainMs, () => this.#guarded(() => this.#flush()));
        return;
      }
      const room = this.#framesPerSecond - this.#unanswered;
      this.#seal(channel, this.#queue.take(room, channel.frameRoom()));
    }
  }

  /** One channel message. Call with what fits it. */
  #seal(channel: ClientChannel, items: readonly Item[]): void {
    if (items.length === 0) return;
    const { proofHash } = channel;
    const frames = items.map((item) => {
      const requestId = ++this.#lastRequestId;
      this.#sent.set(requestId, item);
      item.isUnanswered = true;
      return item.outgoing.frame(requestId, proofHash);
    });
    this.#unanswered += items.length;
    this.#socket?.send(channel.seal(frames));
  }

  /** What breaks here ends the connection and nothing else. */
  #guarded(task: () => void): void {
    if (this.#isClosed) return;
    try {
      task();
    } catch (error) {
      this.fail(asTumarError(error));
    }
  }
}

/** Refused only because message 1 might have been a replay. */
function mayRepeat({ wasInMessage1, wasRepeated }: Item, error: TumarError): boolean {
  const isForWantOfEpoch = error.code === "RETRY" || error.code === "PROOF_REQUIRED";
  return wasInMessage1 && !wasRepeated && isForWantOfEpoch;
}

/** What a sent, unanswered request is told: it may be repeated, unless the relay is not to be trusted. */
function brokenBy(error: TumarError): TumarError {
  if (!error.retryable || error.code === "RELAY_UNREACHABLE") return error;
  return new TumarError("RELAY_UNREACHABLE", "the connection broke before the answer came", {
    cause: error,
  });
}

function asTumarError(error: unknown): TumarError {
  if (!(error instanceof TumarError)) {
    return new TumarError("INTERNAL", "the connection failed", { cause: error });
  }
  if (error.code !== "MALFORMED" && error.code !== "BAD_FRAME" && error.code !== "UNKNOWN_FRAME") {
    return error;
  }
  return new TumarError("RELAY_FAULT", "a channel message that cannot be read", { cause: error });
}
