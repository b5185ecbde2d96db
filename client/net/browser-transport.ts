/**
 * The browser's sockets: `WebSocket` and `fetch`. A browser hides why a connection failed and does
 * not show pings, so every failed connection is RELAY_UNREACHABLE here.
 */

import { concat } from "../../shared/crypto/bytes.ts";
import type { TumarError } from "../../shared/crypto/errors.ts";
import { connectAttempt } from "./connect-attempt.ts";
import {
  type ConnectOptions,
  type GetOptions,
  type Socket,
  SocketEvents,
  type SocketListener,
  type Transport,
} from "./transport.ts";
import {
  type AnswerHead,
  answerCut,
  closedByRelay,
  faultOfAnswer,
  notARelay,
  unreachable,
} from "./transport-faults.ts";

/** What is taken from the platform; passed in by tests. */
export interface BrowserPlatform {
  readonly WebSocket: typeof WebSocket;
  readonly fetch: typeof fetch;
}

export function browserTransport(platform: BrowserPlatform = globalThis): Transport {
  return {
    connect: (url, options) => connect(platform, url, options),
    get: async (url, options) => await answerTo(platform, url, { method: "GET" }, options),
    post: async (url, body, options) =>
      await answerTo(
        platform,
        url,
        { method: "POST", body: body as Uint8Array<ArrayBuffer> },
        options,
      ),
  };
}

async function connect(
  platform: BrowserPlatform,
  url: string,
  options: ConnectOptions,
): Promise<Socket> {
  options.signal.throwIfAborted();
  const socket = new BrowserSocket(openSocket(platform, url), options.maxMessageBytes);
  const drop = () => socket.close();
  return await connectAttempt(options, drop, ({ opened, failed }) => {
    socket.onFailed = failed;
    socket.onOpened = () => opened(socket);
  });
}

/** A page's policy, an extension or the browser itself may forbid it. */
function openSocket({ WebSocket: Socket }: BrowserPlatform, url: string): WebSocket {
  try {
    return new Socket(url);
  } catch (cause) {
    throw unreachable("this browser opens no WebSocket", cause);
  }
}

class BrowserSocket implements Socket {
  readonly #socket: WebSocket;
  readonly #events = new SocketEvents();
  onOpened: () => void = () => {};
  onFailed: (error: TumarError) => void = () => {};

  constructor(socket: WebSocket, maxMessageBytes: number) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.onOpened();
    socket.onmessage = ({ data }) => this.#onData(data, maxMessageBytes);
    /** Says nothing; `close` follows. */
    socket.onerror = () => {};
    socket.onclose = ({ code }) => this.#onClosed(closedByRelay(code));
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState !== 1) return;
    this.#socket.send(message as Uint8Array<ArrayBuffer>);
  }

  listen(listener: SocketListener): void {
    this.#events.listen(listener);
  }

  close(): void {
    this.#events.end();
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
  }

  #onData(data: unknown, maxMessageBytes: number): void {
    if (!(data instanceof ArrayBuffer)) {
      this.#end(notARelay("text where a relay sends bytes"));
    } else if (data.byteLength > maxMessageBytes) {
      this.#end(closedByRelay(1009));
    } else {
      this.#events.message(new Uint8Array(data));
    }
  }

  #onClosed(error: TumarError): void {
    this.onFailed(error);
    this.#events.closed(error);
  }

  #end(error: TumarError): void {
    this.#events.closed(error);
    this.close();
  }
}

/** A page cannot ask for a connection of its own: the relay closes it. */
async function answerTo(
  platform: BrowserPlatform,
  url: string,
  request: RequestInit,
  options: GetOptions,
): Promise<Uint8Array> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  const response = await platform
    .fetch(url, {
      ...request,
      signal,
      redirect: "error",
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
    })
    .catch((cause: unknown) => {
      options.signal.throwIfAborted();
      throw unreachable("no answer", cause);
    });
  const bytes = await bodyOf(response, options).catch((cause: unknown) => {
    options.signal.throwIfAborted();
    throw answerCut("the answer broke off", cause);
  });
  const fault = faultOfAnswer(headOf(response), bytes);
  if (fault !== undefined) throw fault;
  if (bytes.length > options.maxBytes) throw notARelay("a longer answer than a relay gives");
  return bytes;
}

/** Stops reading what is longer than it may be; the caller finds it too long. */
async function bodyOf(response: Response, options: GetOptions): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const reader = response.body?.getReader();
  for (let length = 0; reader !== undefined && length <= options.maxBytes; ) {
    const { done, value } = await reader.read();
    if (done) return concat(...parts);
    options.onBytes?.(value.length);
    parts.push(value);
    length += value.length;
  }
  await reader?.cancel();
  return concat(...parts);
}

function headOf({ status, headers }: Response): AnswerHead {
  return {
    status,
    contentType: headers.get("content-type"),
    retryAfter: headers.get("retry-after"),
  };
}
