/**
 * What some networks put in the way and what speaks HTTP itself: the login page of a hotel, a filter
 * that knows WebSockets, a proxy that passes on nothing before it has all of it. Each is a server on
 * loopback, opened when first needed, to which the laboratory leads a connection instead.
 *
 * Only the login page reads TLS: the others see a beginning they cannot read and let it pass.
 */

import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server as TcpServer } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../../../client/net/clock.ts";
import { makeCertificate } from "../certificates.ts";
import type { Chance } from "./chance.ts";
import type { Place } from "./connection.ts";
import type { GatewayKind, UpgradeFate } from "./profiles.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface GatewayParts {
  readonly target: Target;
  readonly clock: Clock;
  readonly chance: Chance;
}

export const KEEP_UPGRADE_MS = 20_000;
export const MAX_BUFFERED_BYTES = 65_536;
const LOGIN_PAGE =
  "<!doctype html><title>Wi-Fi</title><h1>Welcome to the hotel</h1><form></form>\n";

const TLS_HANDSHAKE = 0x16;
/** A connection without this many bytes of a head is not HTTP. */
const MAX_HEAD_BYTES = 16_384;

/** For one hop only (RFC 9110, 7.6.1). */
const HOP_BY_HOP = ["connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"];

type Route = "target" | "captive" | "captive-tls" | "ws-killed" | "proxy-buffer";

/** Where a connection that begins so is led; undefined until more of it is there. */
export function routeOf(gateway: GatewayKind, beginning: Buffer): Route | undefined {
  if (beginning.length === 0) return undefined;
  const isTls = beginning[0] === TLS_HANDSHAKE;
  if (gateway === "captive") return isTls ? "captive-tls" : "captive";
  if (isTls) return "target";
  if (gateway === "proxy-buffer") return "proxy-buffer";
  const isWhole = beginning.includes("\r\n\r\n") || beginning.length > MAX_HEAD_BYTES;
  if (!isWhole) return undefined;
  return /\r\nupgrade: *websocket/i.test(beginning.toString("latin1")) ? "ws-killed" : "target";
}

export class Gateways {
  readonly #parts: GatewayParts;
  readonly #opened = new Map<Route, Promise<TcpServer>>();
  readonly #sockets = new Set<Duplex>();
  readonly #cancels = new Set<() => void>();
  upgrades: UpgradeFate = "either";

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  async place(route: Route): Promise<Place> {
    if (route === "target") return { ...this.#parts.target, route };
    const opening = this.#opened.get(route) ?? this.#open(route);
    this.#opened.set(route, opening);
    const { port } = (await opening).address() as AddressInfo;
    return { host: "127.0.0.1", port, route };
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    const servers = await Promise.all(this.#opened.values());
    for (const socket of this.#sockets) socket.destroy();
    for (const server of servers) if (server.listening) server.close();
  }

  async #open(route: Exclude<Route, "target">): Promise<TcpServer> {
    const server = this.#server(route);
    server.on("connection", (socket: Duplex) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
  }

  #server(route: Exclude<Route, "target">): Server {
    switch (route) {
      case "captive":
        return withUpgrades(createServer(showLogin), answerLogin);
      case "captive-tls": {
        const { key, cert } = makeCertificate({ name: "login.hotel.example" });
        return withUpgrades(createTlsServer({ key, cert }, showLogin), answerLogin);
      }
      case "ws-killed":
        return withUpgrades(createServer(), (socket) => this.#killUpgrade(socket));
      case "proxy-buffer":
        return withUpgrades(createServer(this.#buffer), (socket) => {
          socket.end("HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        });
    }
  }

  #killUpgrade(socket: Duplex): void {
    const { chance, clock } = this.#parts;
    const isRefused =
      this.upgrades === "refuse" || (this.upgrades === "either" && chance.happens(0.5));
    if (isRefused) {
      socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    const cancel = clock.after(KEEP_UPGRADE_MS, () => socket.destroy());
    this.#cancels.add(cancel);
    socket.resume();
    socket.once("end", () => socket.destroy());
    socket.once("close", () => {
      cancel();
      this.#cancels.delete(cancel);
    });
  }

  /** All of the request, then all of the answer. */
  readonly #buffer = (incoming: IncomingMessage, response: ServerResponse): void => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    this.#passOn(incoming, response, gone.signal).catch(() => refuse(response, 502));
  };

  async #passOn(
    incoming: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const body = await wholeBody(incoming);
    if (body === undefined) {
      refuse(response, 413);
      return;
    }
    const onward = request({
      ...this.#parts.target,
      method: incoming.method,
      path: incoming.url,
      headers: { ...ownHeaders(incoming.headers), "content-length": body.length },
      agent: false,
      signal,
    });
    onward.end(body);
    const [answer] = (await once(onward, "response")) as [IncomingMessage];
    const answerBody = await wholeBody(answer);
    if (answerBody === undefined) {
      refuse(response, 502);
      return;
    }
    const headers = { ...ownHeaders(answer.headers), "content-length": answerBody.length };
    response.writeHead(answer.statusCode ?? 502, headers).end(answerBody);
  }
}

function showLogin(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/html", connection: "close" }).end(LOGIN_PAGE);
}

function answerLogin(socket: Duplex): void {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
  socket.end(`${head}content-length: ${LOGIN_PAGE.length}\r\n\r\n${LOGIN_PAGE}`);
}

function withUpgrades(server: Server, onUpgrade: (socket: Duplex) => void): Server {
  server.on("upgrade", (_request, socket) => {
    socket.on("error", () => {});
    onUpgrade(socket);
  });
  return server;
}

function refuse(response: ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status, { connection: "close" }).end();
}

/** Undefined when it is longer than the proxy takes; what else comes is dropped. */
async function wholeBody(message: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of message as AsyncIterable<Buffer>) {
    length += part.length;
    if (length <= MAX_BUFFERED_BYTES) parts.push(part);
  }
  return length > MAX_BUFFERED_BYTES ? undefined : Buffer.concat(parts, length);
}

function ownHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}
