/** The browser's adapter on a WebSocket and fetch of the same shape, against real servers. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { WebSocket as NodeWebSocket } from "ws";
import { browserTransport } from "../../../client/net/browser-transport.ts";
import {
  GET_OPTIONS,
  httpServer,
  OPTIONS,
  tcpServer,
  told,
  webSocketServer,
} from "./transport-server.ts";

const platform = { WebSocket: NodeWebSocket as unknown as typeof WebSocket, fetch };
const transport = browserTransport(platform);
const { signal } = new AbortController();
const connect = (url: string, options = {}) =>
  transport.connect(url, { ...OPTIONS, signal, ...options });
const get = (url: string, options = {}) =>
  transport.get(url, { ...GET_OPTIONS, signal, ...options });

describe("connect", () => {
  it("carries messages both ways, from the first moment on", async (test) => {
    const { host } = await webSocketServer(test, (socket) => {
      socket.send(Uint8Array.of(1));
      socket.on("message", (data) => socket.send(data));
    });
    const socket = await connect(`ws://${host}/`);
    socket.send(Uint8Array.of(3, 4));
    const events = told(socket);
    assert.deepEqual(await events.next(), [1]);
    assert.deepEqual(await events.next(), [3, 4]);
    assert.equal(socket.bufferedAmount, 0);
    socket.close();
    socket.send(Uint8Array.of(5));
    socket.close();
    assert.equal(events.all.length, 2);
  });

  it("tells why the other side ended it", async (test) => {
    const ends: [(socket: NodeWebSocket) => void, string][] = [
      [(socket) => socket.close(1001), "CLOSING"],
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
    }
  });

  it("whatever is no WebSocket is unreachable; a timeout and a signal leave no socket", async (test) => {
    const page = await httpServer(test, (_request, response) => response.end("<html>"));
    await assert.rejects(connect(`ws://${page.host}/`), { code: "RELAY_UNREACHABLE" });
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
  it("gives the body of a 200 answer and refuses all else", async (test) => {
    for (const [status, body, expected] of [
      [200, "abc", "abc"],
      [302, "x", "RELAY_UNREACHABLE"],
      [404, "x", "NOT_A_RELAY"],
      [503, "x", "RELAY_UNREACHABLE"],
      [200, "x".repeat(101), "NOT_A_RELAY"],
    ] as const) {
      const { host } = await httpServer(test, (_request, response) => {
        response.writeHead(status, { location: "/other" }).end(body);
      });
      const outcome = await get(`http://${host}/`).then(
        (bytes) => new TextDecoder().decode(bytes),
        (error) => error.code,
      );
      assert.equal(outcome, expected);
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
