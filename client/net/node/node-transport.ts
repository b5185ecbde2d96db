/**
 * Sockets for Node on `ws`, and GETs on node:http. No compression (it would tell lengths of
 * plaintext), no redirects, TLS checked as Node does by default.
 */

import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { WebSocket } from "ws";
import { TumarError } from "../../../shared/crypto/errors.ts";
import {
  type ConnectOptions,
  type GetOptions,
  type Socket,
  SocketEvents,
  type SocketListener,
  type Transport,
} from "../transport.ts";
import { closedByRelay, notARelay, unexpectedStatus, unreachable } from "../transport-faults.ts";

export interface NodeTransportOptions {
  /** The local address connections go out from. */
  readonly localAddress?: string;
}

export function nodeTransport(settings: NodeTransportOptions = {}): Transport {
  return {
    connect: async (url, options) => await connect(settings, url, options),
    get: async (url, options) => await get(settings, url, options),
  };
}

function connect(
  settings: NodeTransportOptions,
  url: string,
  options: ConnectOptions,
): Promise<Socket> {
  const { signal } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      ...settings,
      handshakeTimeout: options.timeoutMs,
      maxPayload: options.maxMessageBytes,
      perMessageDeflate: false,
      followRedirects: false,
    });
    const timer = setTimeout(() => fail(unreachable("no connection in time")), options.timeoutMs);
    const onAbort = () => fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (reason: unknown) => {
      settle();
      socket.terminate();
      reject(reason);
    };
    socket.on("unexpected-response", (request, response) => {
      fail(unexpectedStatus(response.statusCode ?? 0));
      request.destroy();
    });
    socket.on("error", (error) => fail(connectFault(error)));
    socket.once("open", () => {
      settle();
      resolve(new NodeSocket(socket));
    });
  });
}

class NodeSocket implements Socket {
  readonly #socket: WebSocket;
  readonly #events = new SocketEvents();
  #fault: TumarError | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.removeAllListeners("error");
    socket.on("error", (error) => {
      this.#fault = runningFault(error);
    });
    socket.on("message", (data, isBinary) => this.#onData(data, isBinary));
    socket.on("ping", () => this.#events.alive());
    socket.on("close", (code) => this.#events.closed(this.#fault ?? closedByRelay(code)));
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message, { binary: true });
  }

  listen(listener: SocketListener): void {
    this.#events.listen(listener);
  }

  /** Sends a close frame if that goes out at once, and waits for no answer. */
  close(): void {
    this.#events.end();
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(1000);
    this.#socket.terminate();
  }

  #onData(data: WebSocket.RawData, isBinary: boolean): void {
    if (isBinary && data instanceof Buffer) {
      this.#events.message(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    } else {
      this.#fault = notARelay("text where a relay sends bytes");
      this.#socket.terminate();
    }
  }
}

const TLS_FAULT = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|EPROTO$)/;

/** Before the WebSocket is open. */
function connectFault(error: Error): TumarError {
  const code = codeOf(error);
  if (TLS_FAULT.test(code)) {
    return new TumarError("RELAY_TLS", `TLS failed (${code})`, { cause: error });
  }
  if (code.startsWith("HPE_") || code === "" || code.startsWith("WS_ERR_")) {
    return notARelay("an answer that is no WebSocket", error);
  }
  return unreachable(`no connection (${code})`, error);
}

/** On an open WebSocket. */
function runningFault(error: Error): TumarError {
  const code = codeOf(error);
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return closedByRelay(1009);
  if (code.startsWith("WS_ERR_")) return notARelay("bytes that are no WebSocket", error);
  return unreachable(`the connection broke off (${code})`, error);
}

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code ?? "";
}

function get(
  settings: NodeTransportOptions,
  url: string,
  options: GetOptions,
): Promise<Uint8Array> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  return new Promise((resolve, reject) => {
    const start = url.startsWith("https:") ? httpsRequest : httpRequest;
    const request: ClientRequest = start(url, { ...settings, agent: false, signal });
    const fail = (error: unknown) => {
      request.destroy();
      if (options.signal.aborted) reject(options.signal.reason);
      else reject(error instanceof TumarError ? error : connectFault(error as Error));
    };
    request.on("error", fail);
    request.on("response", (response) => {
      readBody(response, options.maxBytes).then(resolve, fail);
    });
    request.end();
  });
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (response.statusCode !== 200) throw unexpectedStatus(response.statusCode ?? 0);
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxBytes) throw notARelay("a longer answer than a relay gives");
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts, length));
}
