/**
 * The port between client/net and the platform: sockets that carry binary messages, small GETs, and
 * POSTs of one body for one answer.
 * Adapters: browser-transport.ts, node/node-transport.ts. An adapter knows nothing of channels,
 * frames or relays; it promises that a socket that was not handed out, or was closed, is gone.
 */

import type { TumarError } from "../../shared/crypto/errors.ts";

export interface SocketListener {
  /** One binary message; the listener may keep the bytes. */
  onMessage(message: Uint8Array): void;
  /** A sign of life that carries no message: a ping. Browsers do not show them. */
  onAlive(): void;
  /** Once, last, and never after `close()`. The error says why, for a person to read. */
  onClosed(error: TumarError): void;
}

export interface Socket {
  /** Bytes accepted by `send` that have not left yet. */
  readonly bufferedAmount: number;
  /** Bytes that came, also of a message that is not whole yet; undefined where nobody tells. */
  readonly receivedBytes?: number | undefined;
  /** Without effect once the socket is closed. */
  send(message: Uint8Array): void;
  /** Call once. What happened before the call is told in the call, in order. */
  listen(listener: SocketListener): void;
  /** Ends the socket at once and silently; idempotent. */
  close(): void;
}

export interface ConnectOptions {
  /** Aborting gives the attempt up: the promise rejects with the signal's reason. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** A larger message closes the socket. */
  readonly maxMessageBytes: number;
}

export interface GetOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** A longer answer is refused. */
  readonly maxBytes: number;
  /** Told of each part of the answer's body as it comes, where the platform shows it. */
  readonly onBytes?: (count: number) => void;
}

export interface PostOptions extends GetOptions {
  /** A connection of its own, closed after the answer. */
  readonly isFresh: boolean;
}

/**
 * No redirect is followed. An answer that is not the relay's is named for what it is; its status is in
 * the error's `details.status`, and how long to wait, if told, in `details.retryAfterMs`.
 */
export interface Transport {
  /** @throws TumarError RELAY_UNREACHABLE, RELAY_TLS, NOT_A_RELAY, CAPTIVE_PORTAL; the signal's reason */
  connect(url: string, options: ConnectOptions): Promise<Socket>;
  /** The body of a 200 answer. @throws as `connect`; EXCHANGE_CUT when the answer breaks off */
  get(url: string, options: GetOptions): Promise<Uint8Array>;
  /**
   * The body of a 200 answer to this one, which is sent whole and without a content type.
   * @throws as `get`
   */
  post(url: string, body: Uint8Array, options: PostOptions): Promise<Uint8Array>;
  /**
   * The same network with nothing in common with this transport: no connection, TLS ticket or login at
   * a proxy is shared, so that two channels do not show that they belong together. Absent where the
   * platform decides that itself (browsers).
   */
  apart?(): Transport;
}

/**
 * Holds back what a socket tells until somebody listens, so that no message of the first moment is
 * lost between `connect` and `listen`.
 */
export class SocketEvents {
  #listener: SocketListener | undefined;
  #early: ((listener: SocketListener) => void)[] = [];
  #isEnded = false;

  listen(listener: SocketListener): void {
    if (this.#listener !== undefined) throw new TypeError("the socket has a listener");
    this.#listener = listener;
    for (const tell of this.#early.splice(0)) {
      if (!this.#isEnded) tell(listener);
    }
  }

  message(message: Uint8Array): void {
    this.#tell((listener) => listener.onMessage(message));
  }

  alive(): void {
    this.#tell((listener) => listener.onAlive());
  }

  closed(error: TumarError): void {
    this.#tell((listener) => {
      this.#isEnded = true;
      listener.onClosed(error);
    });
  }

  /** Nothing is told any more. */
  end(): void {
    this.#isEnded = true;
    this.#early = [];
  }

  #tell(tell: (listener: SocketListener) => void): void {
    if (this.#isEnded) return;
    if (this.#listener === undefined) this.#early.push(tell);
    else tell(this.#listener);
  }
}
