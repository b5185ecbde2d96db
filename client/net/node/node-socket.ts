/** WebSockets for Node on `ws`: no compression (it would tell lengths of plaintext), no redirects. */

import type { Agent, IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import type { TumarError } from "../../../shared/crypto/errors.ts";
import { connectAttempt } from "../connect-attempt.ts";
import {
  type ConnectOptions,
  type Socket,
  SocketEvents,
  type SocketListener,
} from "../transport.ts";
import { closedByRelay, faultOfAnswer, notARelay, unexpectedStatus } from "../transport-faults.ts";
import { connectFault, runningFault } from "./node-faults.ts";
import { headOf } from "./node-http.ts";

export async function connectSocket(
  url: string,
  agent: Agent,
  options: ConnectOptions,
): Promise<Socket> {
  options.signal.throwIfAborted();
  const socket = new WebSocket(url, {
    agent,
    handshakeTimeout: options.timeoutMs,
    maxPayload: options.maxMessageBytes,
    perMessageDeflate: false,
    followRedirects: false,
  });
  const drop = () => socket.terminate();
  return await connectAttempt(options, drop, ({ opened, failed }) => {
    socket.on("unexpected-response", (request, response) => {
      faultOfRefusal(response).then((fault) => {
        failed(fault);
        request.destroy();
      }, failed);
    });
    socket.on("error", (error) => failed(connectFault(error)));
    let wire: { readonly bytesRead: number } | undefined;
    socket.once("upgrade", (response) => {
      wire = response.socket;
    });
    socket.once("open", () => opened(new NodeSocket(socket, wire)));
  });
}

/** An HTTP answer to the upgrade: its first bytes tell a page from a relay's refusal. */
async function faultOfRefusal(response: IncomingMessage): Promise<TumarError> {
  const head = headOf(response);
  const known = faultOfAnswer(head, Buffer.alloc(0));
  if (known?.code === "CAPTIVE_PORTAL") return known;
  for await (const part of response as AsyncIterable<Buffer>) {
    return faultOfAnswer(head, part) ?? unexpectedStatus(head.status);
  }
  return known ?? unexpectedStatus(head.status);
}

class NodeSocket implements Socket {
  readonly #socket: WebSocket;
  readonly #wire: { readonly bytesRead: number } | undefined;
  readonly #events = new SocketEvents();
  #fault: TumarError | undefined;

  constructor(socket: WebSocket, wire: { readonly bytesRead: number } | undefined) {
    this.#socket = socket;
    this.#wire = wire;
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

  get receivedBytes(): number | undefined {
    return this.#wire?.bytesRead;
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
