/** Posting one body for one answer from Node: what goes over the wire, and each way it can go wrong. */

import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { nodeTransport } from "../../../../client/net/node/node-transport.ts";
import { httpServer, tcpServer } from "../transport-server.ts";

const { signal } = new AbortController();
const OPTIONS = { signal, timeoutMs: 5000, maxBytes: 100, isFresh: false } as const;
const BODY = Uint8Array.of(1, 2, 3);

/** Answers each request with its own body; keeps what it saw. */
async function echo(test: TestContext) {
  const requests: IncomingMessage[] = [];
  const { host, server } = await httpServer(test, (request, response) => {
    requests.push(request);
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => response.end(Buffer.concat(parts)));
  });
  let connections = 0;
  const closed: Promise<unknown>[] = [];
  server.on("connection", (socket) => {
    connections += 1;
    closed.push(once(socket, "close"));
  });
  return { url: `http://${host}/v1/exchange`, requests, closed, connections: () => connections };
}

describe("post", () => {
  it("sends the body whole, with no header that HTTP does not need", async (test) => {
    const { url, requests } = await echo(test);
    const transport = nodeTransport();
    assert.deepEqual([...(await transport.post(url, BODY, OPTIONS))], [1, 2, 3]);
    const [seen] = requests;
    assert.equal(seen?.method, "POST");
    assert.deepEqual(Object.keys(seen?.headers ?? {}).sort(), [
      "connection",
      "content-length",
      "host",
    ]);
    assert.equal(seen?.headers["content-length"], "3");
  });

  it("uses one connection again and again, and a fresh one closes after its answer", async (test) => {
    const { url, requests, closed, connections } = await echo(test);
    const transport = nodeTransport();
    await transport.post(url, BODY, OPTIONS);
    await transport.get(url, OPTIONS);
    await transport.post(url, BODY, OPTIONS);
    assert.equal(connections(), 1);
    await transport.post(url, BODY, { ...OPTIONS, isFresh: true });
    await transport.post(url, BODY, { ...OPTIONS, isFresh: true });
    assert.equal(connections(), 3);
    await Promise.all(closed.slice(1));
    assert.deepEqual(
      requests.map(({ headers }) => headers.connection),
      ["keep-alive", "keep-alive", "keep-alive", "close", "close"],
    );
  });

  it("a transport apart shares no connection with the one it comes from", async (test) => {
    const { url, connections } = await echo(test);
    const transport = nodeTransport();
    await transport.post(url, BODY, OPTIONS);
    const other = transport.apart?.();
    assert.ok(other !== undefined);
    await other.post(url, BODY, OPTIONS);
    await transport.post(url, BODY, OPTIONS);
    assert.equal(connections(), 2);
  });

  it("names each answer that is not a relay's", async (test) => {
    const answers: [status: number, headers: Record<string, string>, body: string, code: string][] =
      [
        [200, { "content-type": "text/html" }, "Log in", "CAPTIVE_PORTAL"],
        [200, {}, "\r\n <html>", "CAPTIVE_PORTAL"],
        [302, { location: "http://login.example/" }, "", "CAPTIVE_PORTAL"],
        [307, { location: "/elsewhere" }, "", "CAPTIVE_PORTAL"],
        [403, {}, "<html>blocked", "CAPTIVE_PORTAL"],
        [511, {}, "", "CAPTIVE_PORTAL"],
        [404, {}, "Not found", "NOT_A_RELAY"],
        [413, {}, "", "NOT_A_RELAY"],
        [502, { "content-type": "text/html" }, "<html>bad gateway", "RELAY_UNREACHABLE"],
        [200, {}, "x".repeat(101), "NOT_A_RELAY"],
      ];
    const transport = nodeTransport();
    for (const [status, headers, body, code] of answers) {
      const { host } = await httpServer(test, (request, response) => {
        request.resume().on("end", () => response.writeHead(status, headers).end(body));
      });
      await assert.rejects(transport.post(`http://${host}/`, BODY, OPTIONS), { code }, `${status}`);
    }
  });

  it("tells how long a busy relay wants to be left alone", async (test) => {
    const transport = nodeTransport();
    for (const [status, after, details] of [
      [429, "7", { status: 429, retryAfterMs: 7000 }],
      [503, "999999", { status: 503, retryAfterMs: 60_000 }],
      [503, "Fri, 31 Dec 1999 23:59:59 GMT", { status: 503 }],
    ] as const) {
      const { host } = await httpServer(test, (_request, response) => {
        response.writeHead(status, { "retry-after": after }).end();
      });
      const posted = transport.post(`http://${host}/`, BODY, OPTIONS);
      await assert.rejects(posted, { code: "RELAY_UNREACHABLE", details });
    }
  });

  it("an answer that breaks off or is shorter than announced is EXCHANGE_CUT", async (test) => {
    const cuts = [
      "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort",
      "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
    ];
    const transport = nodeTransport();
    for (const cut of cuts) {
      for (const end of ["end", "resetAndDestroy"] as const) {
        const { host } = await tcpServer(test, (socket) => {
          socket.once("data", () => socket.write(cut, () => socket[end]()));
        });
        const posted = transport.post(`http://${host}/`, BODY, OPTIONS);
        const code = /^(?:EXCHANGE_CUT|RELAY_UNREACHABLE)$/;
        await assert.rejects(posted, (error: { readonly code: string }) => {
          // A reset may overtake the head of the answer.
          return end === "end" ? error.code === "EXCHANGE_CUT" : code.test(error.code);
        });
      }
    }
  });

  it("no answer, no relay, silence and a signal each have their own end, and leave no socket", async (test) => {
    const transport = nodeTransport();
    const post = (host: string, options = {}) =>
      transport.post(`http://${host}/`, BODY, { ...OPTIONS, ...options });
    const mute = await tcpServer(test, (socket) => socket.once("data", () => socket.end()));
    await assert.rejects(post(mute.host), { code: "RELAY_UNREACHABLE" });
    const babble = await tcpServer(test, (socket) => socket.end("220 mail ready\r\n"));
    await assert.rejects(post(babble.host), { code: "NOT_A_RELAY" });
    await assert.rejects(post("127.0.0.1:1"), { code: "RELAY_UNREACHABLE" });
    const plain = await tcpServer(test, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await assert.rejects(transport.post(`https://${plain.host}/`, BODY, OPTIONS), {
      code: "RELAY_TLS",
    });
    const silent = await tcpServer(test, () => {});
    await assert.rejects(post(silent.host, { timeoutMs: 50 }), { code: "RELAY_UNREACHABLE" });
    const abort = new AbortController();
    const attempt = post(silent.host, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await assert.rejects(attempt, /enough/);
    await assert.rejects(post(silent.host, { signal: abort.signal }), /enough/);
    while (silent.open.size > 0) {
      await Promise.all([...silent.open].map((socket) => once(socket, "close")));
    }
  });
});
