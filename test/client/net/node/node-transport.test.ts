/** Sockets of Node against real servers: good ones, and all that may stand at a relay's address instead. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { nodeTransport } from "../../../../client/net/node/node-transport.ts";
import {
  GET_OPTIONS,
  httpServer,
  OPTIONS,
  secureServer,
  tcpServer,
  told,
  webSocketServer,
} from "../transport-server.ts";

const transport = nodeTransport();
const { signal } = new AbortController();
const connect = (url: string, options = {}) =>
  transport.connect(url, { ...OPTIONS, signal, ...options });
const get = (url: string, options = {}) =>
  transport.get(url, { ...GET_OPTIONS, signal, ...options });

describe("connect", () => {
  it("carries messages both ways, from the first moment on, and tells of pings", async (test) => {
    const { host } = await webSocketServer(test, (socket) => {
      socket.send(Uint8Array.of(1));
      socket.send(Uint8Array.of(2));
      socket.on("message", (data) => {
        socket.send(data);
        socket.ping();
      });
    });
    const socket = await connect(`ws://${host}/`);
    socket.send(Uint8Array.of(3, 4));
    const events = told(socket);
    assert.deepEqual(await events.next(), [1]);
    assert.deepEqual(await events.next(), [2]);
    assert.deepEqual(await events.next(), [3, 4]);
    assert.equal(await events.next(), "alive");
    socket.close();
  });

  it("goes out from the local address it is given, without compression", async (test) => {
    const seen: string[] = [];
    const { host } = await webSocketServer(test, (socket, address) => {
      seen.push(address, socket.extensions);
    });
    const bound = nodeTransport({ localAddress: "127.0.0.77" });
    const socket = await bound.connect(`ws://${host}/`, { ...OPTIONS, signal });
    assert.deepEqual(seen, ["127.0.0.77", ""]);
    socket.close();
  });

  it("close() ends the socket at once, and nothing is told afterwards", async (test) => {
    let closed: Promise<unknown> | undefined;
    const { host, count } = await webSocketServer(test, (socket) => {
      closed = once(socket, "close");
    });
    const socket = await connect(`ws://${host}/`);
    const events = told(socket);
    socket.close();
    socket.close();
    socket.send(Uint8Array.of(1));
    await closed;
    assert.equal(count(), 0);
    assert.deepEqual(events.all, []);
  });

  it("tells why the other side ended it", async (test) => {
    const ends: [(socket: import("ws").WebSocket) => void, string][] = [
      [(socket) => socket.close(1001), "CLOSING"],
      [(socket) => socket.close(1008), "RELAY_FAULT"],
      [(socket) => socket.close(4000), "RELAY_UNREACHABLE"],
      [(socket) => socket.terminate(), "RELAY_UNREACHABLE"],
      [(socket) => socket.send("<html>"), "NOT_A_RELAY"],
      [(socket) => socket.send(new Uint8Array(1001)), "RELAY_FAULT"],
    ];
    for (const [end, code] of ends) {
      const { host } = await webSocketServer(test, (socket) =>
        socket.once("message", () => end(socket)),
      );
      const socket = await connect(`ws://${host}/`);
      const events = told(socket);
      socket.send(Uint8Array.of(1));
      assert.equal(await events.next(), code);
      assert.equal(events.all.length, 1);
    }
  });

  it("a page or a redirect of a network, and a busy relay, are named and leave no socket", async (test) => {
    for (const [status, code] of [
      [200, "CAPTIVE_PORTAL"],
      [302, "CAPTIVE_PORTAL"],
      [403, "CAPTIVE_PORTAL"],
      [511, "CAPTIVE_PORTAL"],
      [429, "RELAY_UNREACHABLE"],
      [503, "RELAY_UNREACHABLE"],
    ] as const) {
      const gone: Promise<unknown>[] = [];
      const { host, server } = await httpServer(test, (_request, response) => {
        response.writeHead(status, { location: "/login" }).end("<html>Log in</html>");
      });
      server.on("connection", (socket) => gone.push(once(socket, "close")));
      await assert.rejects(connect(`ws://${host}/`), { code });
      await Promise.all(gone);
      assert.equal(gone.length, 1);
    }
  });

  it("an answer that is neither a page nor a relay is NOT_A_RELAY, and a page is known by its type too", async (test) => {
    const plain = await httpServer(test, (_request, response) => {
      response.writeHead(404).end("Not found");
    });
    await assert.rejects(connect(`ws://${plain.host}/`), {
      code: "NOT_A_RELAY",
      details: { status: 404 },
    });
    const typed = await httpServer(test, (_request, response) => {
      response.writeHead(404, { "content-type": "text/html; charset=utf-8" }).end("Not found");
    });
    await assert.rejects(connect(`ws://${typed.host}/`), { code: "CAPTIVE_PORTAL" });
  });

  it("bytes that are no HTTP, a connection cut, a closed port and a bad name each have a code", async (test) => {
    const babble = await tcpServer(test, (socket) => socket.end("220 mail ready\r\n"));
    await assert.rejects(connect(`ws://${babble.host}/`), { code: "NOT_A_RELAY" });
    const cut = await tcpServer(test, (socket) => socket.resetAndDestroy());
    await assert.rejects(connect(`ws://${cut.host}/`), { code: "RELAY_UNREACHABLE" });
    await assert.rejects(connect("ws://127.0.0.1:1/"), { code: "RELAY_UNREACHABLE" });
    await assert.rejects(connect("ws://relay.invalid/"), { code: "RELAY_UNREACHABLE" });
  });

  it("a server without TLS, or with a certificate nobody trusts, is RELAY_TLS", async (test) => {
    const plain = await tcpServer(test, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await assert.rejects(connect(`wss://${plain.host}/`), { code: "RELAY_TLS" });
    await assert.rejects(get(`https://${plain.host}/`), { code: "RELAY_TLS" });
    const { place } = await secureServer(test);
    await assert.rejects(connect(`wss://${place}/`), { code: "RELAY_TLS" });
    await assert.rejects(get(`https://${place}/`), { code: "RELAY_TLS" });
  });

  it("silence ends with the timeout, a signal at once, and neither leaves a socket", async (test) => {
    const silent = await tcpServer(test, () => {});
    await assert.rejects(connect(`ws://${silent.host}/`, { timeoutMs: 50 }), {
      code: "RELAY_UNREACHABLE",
    });
    const abort = new AbortController();
    const attempt = connect(`ws://${silent.host}/`, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await assert.rejects(attempt, /enough/);
    await assert.rejects(connect(`ws://${silent.host}/`, { signal: abort.signal }), /enough/);
    while (silent.open.size > 0) {
      await Promise.all([...silent.open].map((socket) => once(socket, "close")));
    }
  });
});

describe("get", () => {
  it("gives the body of a 200 answer", async (test) => {
    const { host } = await httpServer(test, (_request, response) => response.end("abc"));
    assert.deepEqual([...(await get(`http://${host}/`))], [97, 98, 99]);
  });

  it("refuses other answers, longer ones, and follows no redirect", async (test) => {
    for (const [status, length, code] of [
      [302, 1, "CAPTIVE_PORTAL"],
      [404, 1, "NOT_A_RELAY"],
      [503, 1, "RELAY_UNREACHABLE"],
      [200, 101, "NOT_A_RELAY"],
    ] as const) {
      const { host } = await httpServer(test, (_request, response) => {
        response.writeHead(status, { location: "/other" }).end("x".repeat(length));
      });
      await assert.rejects(get(`http://${host}/`), { code });
    }
  });

  it("an answer cut short, silence and a signal each end it", async (test) => {
    const { host } = await httpServer(test, (_request, response) => {
      response.writeHead(200, { "content-length": 50 });
      response.write("x");
      setImmediate(() => response.destroy());
    });
    await assert.rejects(get(`http://${host}/`), { code: "EXCHANGE_CUT" });
    const silent = await tcpServer(test, () => {});
    await assert.rejects(get(`http://${silent.host}/`, { timeoutMs: 50 }), {
      code: "RELAY_UNREACHABLE",
    });
    const abort = new AbortController();
    const attempt = get(`http://${silent.host}/`, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await assert.rejects(attempt, /enough/);
  });
});
