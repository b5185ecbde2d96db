/** Servers for the tests of transports: what may stand at a relay's address, good and bad. */

import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import type { Socket as ClientSocket } from "../../../client/net/transport.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { atEnd } from "../../support/cleanup.ts";

export const OPTIONS = { timeoutMs: 5000, maxMessageBytes: 1000 } as const;
export const GET_OPTIONS = { timeoutMs: 5000, maxBytes: 100 } as const;

/** `127.0.0.1:port` of an HTTP server; closed with its connections when the test ends. */
export async function httpServer(
  test: TestContext,
  listener: RequestListener,
): Promise<{ readonly host: string; readonly server: Server }> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(test, () => {
    server.close();
    server.closeAllConnections();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** A WebSocket server that greets with `hello` as bytes and hands each socket to the test. */
export async function webSocketServer(
  test: TestContext,
  onSocket: (socket: WebSocket, remoteAddress: string) => void,
): Promise<{ readonly host: string; readonly count: () => number }> {
  const { host, server } = await httpServer(test, (_request, response) => response.end("page"));
  const sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on("connection", (socket, request) => {
    socket.on("error", () => {});
    onSocket(socket, request.socket.remoteAddress ?? "");
  });
  atEnd(test, () => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
  });
  return { host, count: () => sockets.clients.size };
}

/** "page" and a greeting of one byte over TLS, with a certificate for `name` that nobody trusts. */
export async function secureServer(
  test: TestContext,
): Promise<{ readonly name: string; readonly place: string }> {
  const name = "relay.test";
  const { cert, key } = makeCertificate({ name });
  const server = createSecureServer({ cert, key }, (request, response) => {
    request.resume().on("end", () => response.end("page"));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.send(Uint8Array.of(7)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
  });
  return { name, place: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A TCP server that does what it is told with each connection. */
export async function tcpServer(
  test: TestContext,
  onSocket: (socket: Socket) => void,
): Promise<{ readonly host: string; readonly open: Set<Socket> }> {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
    socket.resume();
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(test, () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, open };
}

/** What a client socket tells, in order: messages as arrays, "alive", and codes of errors. */
export function told(socket: ClientSocket): { readonly all: unknown[]; next(): Promise<unknown> } {
  const all: unknown[] = [];
  let wake: () => void = () => {};
  let taken = 0;
  const tell = (what: unknown) => {
    all.push(what);
    wake();
  };
  socket.listen({
    onMessage: (message) => tell([...message]),
    onAlive: () => tell("alive"),
    onClosed: (error) => tell(error.code),
  });
  return {
    all,
    async next() {
      while (all.length <= taken) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return all[taken++];
    },
  };
}
