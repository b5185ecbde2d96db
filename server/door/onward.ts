/**
 * The door's way to its relay: small requests over kept connections, and WebSockets. Nothing of who
 * asks goes along: no header, no address, and the clients' requests share connections.
 */

import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { SocksProxyAgent } from "socks-proxy-agent";
import { WebSocket } from "ws";
import { MAX_CHANNEL_MESSAGE_BYTES } from "../../shared/wire/limits.ts";
import { WEBSOCKET_PATH } from "../upgrade.ts";
import type { Target } from "./target.ts";

/** What the relay answered; a body of another kind than a relay sends is left out. */
export interface OnwardAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly isBytes: boolean;
  readonly retryAfter: number | undefined;
}

export interface Asked {
  readonly path: string;
  /** Undefined: GET. */
  readonly body?: Uint8Array;
  /** A longer answer is no relay's. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Below what the relay keeps its side open. */
const IDLE_MS = 30_000;

export class Onward {
  readonly #target: Target;
  readonly #agent: HttpAgent;
  readonly #handshakeMs: number;

  /** `proxy`: `socks5h://…`, or empty. */
  constructor(target: Target, proxy: string, handshakeMs: number) {
    this.#target = target;
    this.#handshakeMs = handshakeMs;
    const Agent = target.isSecure ? HttpsAgent : HttpAgent;
    this.#agent =
      proxy === ""
        ? new Agent({ keepAlive: true, timeout: IDLE_MS })
        : new SocksProxyAgent(proxy.replace(/^socks5:/, "socks5h:"), { keepAlive: true });
  }

  /** @throws Error whatever kept the answer from coming whole */
  async ask({ path, body, maxBytes, timeoutMs, signal }: Asked): Promise<OnwardAnswer> {
    const late = AbortSignal.timeout(timeoutMs);
    const response = await this.#send(path, body, {
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    });
    const { statusCode: status = 0, headers } = response;
    const retryAfter = /^\d{1,6}$/.exec(headers["retry-after"] ?? "");
    return {
      status,
      body: await bodyOf(response, maxBytes),
      isBytes: headers["content-type"] === "application/octet-stream",
      retryAfter: retryAfter === null ? undefined : Number(retryAfter[0]),
    };
  }

  /** Not open yet. Larger messages and a slow handshake end it. */
  socket(): WebSocket {
    return new WebSocket(this.#target.origin.replace(/^http/, "ws") + WEBSOCKET_PATH, {
      agent: this.#agent,
      handshakeTimeout: this.#handshakeMs,
      maxPayload: MAX_CHANNEL_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    path: string,
    body: Uint8Array | undefined,
    options: RequestOptions,
  ): Promise<IncomingMessage> {
    const start = this.#target.isSecure ? httpsRequest : httpRequest;
    const headers = body === undefined ? {} : { "content-length": body.length };
    return new Promise((resolve, reject) => {
      const request = start(this.#target.origin + path, {
        ...options,
        agent: this.#agent,
        method: body === undefined ? "GET" : "POST",
        headers,
      });
      request.on("error", reject);
      request.on("response", resolve);
      request.end(body);
    });
  }
}

async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxBytes) throw new RangeError("a longer answer than a relay gives");
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}
