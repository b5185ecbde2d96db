/** What stands in a relay's place behind a door: answers as it is told, and keeps what it was asked. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { atEnd, type Cleanup } from "./cleanup.ts";

export interface Asked {
  readonly method: string;
  readonly url: string;
  /** Names and values in their order. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export interface StandIn {
  /** With a key hash of zeros. */
  readonly address: string;
  readonly asked: readonly Asked[];
  readonly connections: () => number;
  /** Sockets that are open, in the order they came. */
  readonly sockets: ReadonlySet<WebSocket>;
  /** The next WebSocket that opens. */
  nextSocket(): Promise<WebSocket>;
  /** How it answers; 404 until it is set. */
  answer: (asked: Asked, response: ServerResponse) => void;
}

const KEY = "#k=AAAAAAAAAAAAAAAAAAAAAA";

export async function relayStandIn(test: Cleanup): Promise<StandIn> {
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    response.on("error", () => undefined);
    void bodyOf(request).then((body) => {
      const one = askedOf(request, body);
      asked.push(one);
      standIn.answer(one, response);
    });
  });
  const webSockets = new WebSocketServer({ server, perMessageDeflate: true });
  webSockets.on("connection", (socket, request) => {
    asked.push(askedOf(request, Buffer.alloc(0)));
    socket.on("error", () => undefined);
  });
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(test, () => {
    for (const socket of webSockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
  });
  const standIn: StandIn = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}${KEY}`,
    asked,
    connections: () => connections,
    sockets: webSockets.clients,
    nextSocket: async () => ((await once(webSockets, "connection")) as [WebSocket])[0],
    answer: (_asked, response) => response.writeHead(404).end("Not found\n"),
  };
  return standIn;
}

function askedOf({ method = "", url = "", rawHeaders }: IncomingMessage, body: Buffer): Asked {
  const pairs = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[at + 1]}`] : [],
  );
  return { method, url, headers: pairs, body };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  request.on("error", () => undefined);
  request.on("data", (part: Buffer) => parts.push(part));
  await once(request, "close").catch(() => undefined);
  return Buffer.concat(parts);
}
