/**
 * A client of the relay protocol and nothing more, for tests of the relay: a WebSocket and the
 * client's side of the channel, one promise for each request.
 */

import { once } from "node:events";
import WebSocket from "ws";
import { errorCodeOf, TumarError } from "../../shared/crypto/errors.ts";
import { type SigningKeyPair, signingKeyPair, systemRandom } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { type Announcement, verifyAnnouncement } from "../../shared/wire/channel-key.ts";
import { ClientChannel } from "../../shared/wire/client-channel.ts";
import { encodeFrame } from "../../shared/wire/frame-codec.ts";
import type { ClientFrame, Deliver, RelayFrame } from "../../shared/wire/frames.ts";
import { packFrames } from "../../shared/wire/padding.ts";
import { makeProof } from "../../shared/wire/proof.ts";

type BodyOf<F> = F extends ClientFrame ? Omit<F, "requestId"> : never;
/** A client frame without its request id. */
export type Request = BodyOf<ClientFrame>;
type AnswerOf = Exclude<RelayFrame, { readonly type: "error" }>;

interface Waiting {
  readonly resolve: (frame: AnswerOf) => void;
  readonly reject: (error: unknown) => void;
}

interface PushListener {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface BareOptions {
  /** The epoch of message 1; that of the announcement when not given. */
  readonly epoch?: Uint8Array;
  /** Address the connection comes from. */
  readonly localAddress?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class BareClient {
  readonly socket: WebSocket;
  readonly announcement: Announcement;
  readonly channel: ClientChannel;
  /** `deliver`, `taken-over` and errors that answer no waiting request, as they come. */
  readonly pushed: RelayFrame[] = [];
  readonly closed: Promise<number>;
  onPush: (frame: RelayFrame) => void = () => undefined;
  readonly #waiting = new Map<number, Waiting>();
  #early: ClientFrame[] = [];
  #nextId = 1;
  #phase: "start" | "waiting" | "open" = "start";
  #onPushed: PushListener[] = [];
  isClosed = false;

  private constructor(socket: WebSocket, announcement: Announcement, options: BareOptions) {
    this.socket = socket;
    this.announcement = announcement;
    this.channel = ClientChannel.start(
      announcement,
      systemRandom,
      options.epoch ?? announcement.epoch,
    );
    this.closed = new Promise((resolve) => {
      socket.once("close", (code) => {
        this.isClosed = true;
        resolve(code);
        this.#failAll();
      });
    });
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer) => this.#onMessage(data));
  }

  static async connect(address: string, options: BareOptions = {}): Promise<BareClient> {
    const { hash } = parseRelayAddress(address);
    const { localAddress, headers } = options;
    const socket = new WebSocket(`${address.replace(/^http/, "ws").replace(/#.*/, "")}/v1/ws`, {
      perMessageDeflate: false,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(headers === undefined ? {} : { headers }),
    });
    const closed = once(socket, "close").then(() => Promise.reject(linkClosed()));
    const [data] = await Promise.race([once(socket, "message") as Promise<[Buffer]>, closed]);
    closed.catch(() => undefined);
    const announcement = verifyAnnouncement(Uint8Array.from(data.subarray(1)), hash);
    return new BareClient(socket, announcement, options);
  }

  /** The answer. @throws TumarError of an `error` frame; LINK_CLOSED when the socket closes. */
  request(frame: Request): Promise<AnswerOf> {
    return this.requestAll([frame])[0] as Promise<AnswerOf>;
  }

  /** All in as few messages as fit. */
  requestAll(requests: readonly Request[]): Promise<AnswerOf>[] {
    const frames = requests.map((frame) => ({
      ...frame,
      requestId: this.#nextId++,
    })) as ClientFrame[];
    const answers = frames.map(
      ({ requestId }) =>
        new Promise<AnswerOf>((resolve, reject) => {
          this.#waiting.set(requestId, { resolve, reject });
        }),
    );
    this.#send(frames);
    return answers;
  }

  /** A proof for the next message, and the frames it is for. */
  prove(key: SigningKeyPair): Promise<AnswerOf> {
    const { type, publicKey, signature } = makeProof(
      1,
      key,
      this.announcement.identity,
      this.channel.proofHash,
    );
    return this.request({ type, publicKey, signature });
  }

  /** The next `deliver` frames, `count` of them, in order. */
  async delivered(count: number): Promise<Deliver[]> {
    const isDeliver = (frame: RelayFrame): frame is Deliver => frame.type === "deliver";
    while (this.pushed.filter(isDeliver).length < count) await this.nextPush();
    const taken = this.pushed.filter(isDeliver).slice(0, count);
    for (const frame of taken) this.pushed.splice(this.pushed.indexOf(frame), 1);
    return taken;
  }

  nextPush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onPushed.push({ resolve, reject });
      if (this.isClosed) this.#failAll();
    });
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  #send(frames: readonly ClientFrame[]): void {
    if (this.#phase === "waiting") {
      this.#early.push(...frames);
      return;
    }
    if (this.isClosed) {
      queueMicrotask(() => this.#failAll());
      return;
    }
    if (this.#phase === "open") {
      for (const message of this.channel.sealAll(frames)) this.socket.send(message);
      return;
    }
    const [first = []] = packFrames(frames.map(encodeFrame), this.channel.messageRoom);
    this.#phase = "waiting";
    this.#early = frames.slice(first.length);
    this.socket.send(this.channel.seal(frames.slice(0, first.length)));
  }

  #onMessage(data: Buffer): void {
    const opened = this.channel.open(data);
    if (opened.kind !== "frames") {
      this.socket.close();
      return;
    }
    for (const frame of opened.frames) this.#onFrame(frame);
    if (this.#phase === "open") return;
    this.#phase = "open";
    const early = this.#early;
    this.#early = [];
    if (early.length > 0) this.#send(early);
  }

  #onFrame(frame: RelayFrame): void {
    const waiting = this.#waiting.get(frame.requestId);
    if (waiting === undefined) {
      this.pushed.push(frame);
      this.onPush(frame);
      const listeners = this.#onPushed;
      this.#onPushed = [];
      for (const { resolve } of listeners) resolve();
      return;
    }
    this.#waiting.delete(frame.requestId);
    if (frame.type === "error") waiting.reject(errorOf(frame.number, frame.data));
    else waiting.resolve(frame);
  }

  #failAll(): void {
    const waiting = [...this.#waiting.values(), ...this.#onPushed];
    this.#waiting.clear();
    this.#onPushed = [];
    for (const { reject } of waiting) reject(linkClosed());
  }
}

/** What an `error` frame carried beside its code. */
export class AnswerError extends TumarError {
  readonly data: Uint8Array;

  constructor(code: ConstructorParameters<typeof TumarError>[0], data: Uint8Array) {
    super(code, "the relay refused");
    this.data = data;
  }
}

export function newKey(): SigningKeyPair {
  return signingKeyPair(systemRandom(32));
}

function errorOf(number: number, data: Uint8Array): AnswerError {
  return new AnswerError(errorCodeOf(number) ?? "INTERNAL", data);
}

function linkClosed(): TumarError {
  return new TumarError("LINK_CLOSED", "the connection closed");
}
