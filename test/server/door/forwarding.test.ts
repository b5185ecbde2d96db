/** What a door passes on over HTTP, what it keeps to itself, and its numbers. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { describe, it } from "node:test";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import { MAX_EXCHANGE_ANSWER_BYTES } from "../../../shared/wire/limits.ts";
import { doorInProcess } from "../../support/doors.ts";
import { type Asked, relayStandIn } from "../../support/relay-stand-in.ts";

const { signal } = new AbortController();
const OPTIONS = { signal, timeoutMs: 5000, maxBytes: 20_000, isFresh: true } as const;
const TELLING = {
  "x-forwarded-for": "192.0.2.7",
  forwarded: "for=192.0.2.7",
  "x-real-ip": "192.0.2.7",
  via: "1.1 other",
  cookie: "who=bek",
  origin: "https://page.example",
  referer: "https://page.example/secret",
  "user-agent": "Bek's phone",
  "accept-language": "kk",
  "content-type": "text/plain",
} as const;

const bytesOf = (text: string) => new TextEncoder().encode(text);
/** Says what it was asked, in bytes. */
const saying = ({ method, url, body }: Asked) => `${method} ${url} ${body.toString("hex")}`;

describe("a door", () => {
  it("passes on the paths of a relay with their bodies, and no header of the client", async (t) => {
    const relay = await relayStandIn(t);
    const door = await doorInProcess(t, relay.address);
    relay.answer = (asked, response) => {
      response.setHeader("content-type", "application/octet-stream");
      response.setHeader("set-cookie", "relay=1");
      response.setHeader("server", "relay");
      response.end(saying(asked));
    };
    const before = relay.asked.length;
    const texts: string[] = [];
    const lefts: string[][] = [];
    for (const [method, path, body] of [
      ["GET", "/v1/channel-key", undefined],
      ["POST", "/v1/exchange", Uint8Array.of(1, 2)],
      ["POST", "/v1/thrifty", Uint8Array.of(3)],
    ] as const) {
      const headers = { ...TELLING };
      const answer = await fetch(`${door.origin}${path}`, { method, headers, body: body ?? null });
      texts.push(await answer.text());
      lefts.push([...answer.headers.keys()].filter((name) => /cookie|server|via|forw/.test(name)));
    }
    assert.deepEqual(texts, [
      "GET /v1/channel-key ",
      "POST /v1/exchange 0102",
      "POST /v1/thrifty 03",
    ]);
    assert.deepEqual(lefts, [[], [], []]);
    const { host } = new URL(relay.address);
    for (const { headers, body } of relay.asked.slice(before)) {
      const length = body.length === 0 ? [] : [`content-length: ${body.length}`];
      assert.deepEqual([...headers].sort(), ["connection: keep-alive", ...length, `host: ${host}`]);
    }
    // The clients' requests share the door's connection.
    assert.equal(relay.connections(), 1);
  });

  it("answers all else itself, as a relay does", async (t) => {
    const relay = await relayStandIn(t);
    const door = await doorInProcess(t, relay.address);
    const before = relay.asked.length;
    const root = await fetch(`${door.origin}/`);
    assert.match(root.headers.get("content-type") ?? "", /^text\/html/);
    assert.doesNotMatch(await root.text(), /relay|tumar|door/i);
    for (const path of ["/metrics", "/v1/other", "/v1/exchange?x", "/v1/channel-key/", "//x"]) {
      const method = path.includes("exchange") ? "GET" : "POST";
      const answer = await fetch(door.origin + path, { method });
      assert.equal(answer.status, 404, path);
      assert.equal(await answer.text(), "Not found\n");
    }
    assert.equal((await fetch(`${door.origin}/healthz`)).status, 200);
    assert.equal(relay.asked.length, before);
  });

  it("closes the connection of a thrifty exchange, and keeps that of another", async (t) => {
    const relay = await relayStandIn(t);
    const door = await doorInProcess(t, relay.address);
    relay.answer = (_asked, response) =>
      response.writeHead(200, { "content-type": "application/octet-stream" }).end("answer");
    const connections: (string | undefined)[] = [];
    for (const path of ["exchange", "thrifty"]) {
      const asked = request(`${door.origin}/v1/${path}`, { method: "POST", agent: undefined });
      asked.setHeader("connection", "keep-alive");
      asked.end(Uint8Array.of(1));
      const [response] = await once(asked, "response");
      connections.push(response.headers.connection);
      response.resume();
      await once(response, "end");
    }
    assert.deepEqual(connections, ["keep-alive", "close"]);
  });

  it("tells a relay's refusal by its code, and names what is no relay", async (t) => {
    const relay = await relayStandIn(t);
    const door = await doorInProcess(t, relay.address);
    const bytes = { "content-type": "application/octet-stream" };
    for (const [status, headers, body, told, retry] of [
      [429, { "retry-after": "7" }, "RATE_LIMITED\n", "429 RATE_LIMITED\n", "7"],
      [503, { "retry-after": "5" }, "CLOSING\n", "503 CLOSING\n", "5"],
      [400, {}, "CHANNEL_BROKEN\n", "400 CHANNEL_BROKEN\n", null],
      [404, {}, "Not found\n", "503 RELAY_UNREACHABLE\n", null],
      [200, { "content-type": "text/html" }, "<html>", "503 RELAY_UNREACHABLE\n", null],
      [302, { location: "http://login.example/" }, "", "503 RELAY_UNREACHABLE\n", null],
      [502, {}, "<html>bad gateway", "503 RELAY_UNREACHABLE\n", null],
      [200, bytes, "x".repeat(MAX_EXCHANGE_ANSWER_BYTES + 1), "503 RELAY_UNREACHABLE\n", null],
    ] as const) {
      relay.answer = (_asked, response) => response.writeHead(status, headers).end(body);
      const answer = await fetch(`${door.origin}/v1/exchange`, {
        method: "POST",
        body: Uint8Array.of(1),
      });
      assert.equal(`${answer.status} ${await answer.text()}`, told);
      assert.equal(answer.headers.get("retry-after"), retry);
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    }
  });

  it("takes bodies of a channel message, and no larger", async (t) => {
    const relay = await relayStandIn(t);
    const door = await doorInProcess(t, relay.address);
    relay.answer = ({ body }, response) =>
      response
        .writeHead(200, { "content-type": "application/octet-stream" })
        .end(String(body.length));
    const transport = nodeTransport();
    const url = `${door.origin}/v1/exchange`;
    const answer = await transport.post(url, new Uint8Array(16_896), OPTIONS);
    assert.equal(new TextDecoder().decode(answer), "16896");
    const before = relay.asked.length;
    const tooLarge = await fetch(url, { method: "POST", body: new Uint8Array(50_689) });
    assert.equal(tooLarge.status, 413);
    assert.equal(relay.asked.length, before);
  });

  it("lets an address, and all together, ask so much at once, and tells when to come back", async (t) => {
    const relay = await relayStandIn(t);
    for (const [limits, status] of [
      [{ EXCHANGES_PER_ADDRESS: 1 }, 429],
      [{ EXCHANGES: 1 }, 503],
    ] as const) {
      const few = await doorInProcess(t, relay.address, limits);
      const isHeld = new Promise<() => void>((resolve) => {
        relay.answer = (_asked, response) => {
          resolve(() =>
            response.writeHead(200, { "content-type": "application/octet-stream" }).end("done"),
          );
        };
      });
      const url = `${few.origin}/v1/exchange`;
      const first = nodeTransport().post(url, bytesOf("one"), OPTIONS);
      const finish = await isHeld;
      const details = { status, retryAfterMs: 5000 };
      await assert.rejects(nodeTransport().post(url, bytesOf("two"), OPTIONS), { details });
      finish();
      assert.deepEqual(await first, bytesOf("done"));
    }
  });

  it("lets an address ask so fast", async (t) => {
    const relay = await relayStandIn(t);
    relay.answer = (_asked, response) =>
      response.writeHead(200, { "content-type": "application/octet-stream" }).end("done");
    const slow = await doorInProcess(t, relay.address, { EXCHANGES_PER_SECOND: 1 });
    const asked = Array.from({ length: 10 }, () => fetch(`${slow.origin}/v1/channel-key`));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    assert.deepEqual(new Set(statuses), new Set([200, 429]));
  });

  it("gives up an exchange whose client went away, and all when it closes", async (t) => {
    const relay = await relayStandIn(t);
    const door = await doorInProcess(t, relay.address);
    const url = `${door.origin}/v1/exchange`;
    const held = () =>
      new Promise<() => Promise<unknown>>((resolve) => {
        relay.answer = (_asked, response) => {
          const closed = once(response, "close");
          resolve(() => closed);
        };
      });
    const abandoned = held();
    const gone = new AbortController();
    const left = nodeTransport().post(url, bytesOf("one"), { ...OPTIONS, signal: gone.signal });
    const isClosed = await abandoned;
    gone.abort(new Error("left"));
    await assert.rejects(left, /left/);
    await isClosed();

    const atTheEnd = held();
    const waiting = fetch(url, { method: "POST", body: Uint8Array.of(1) });
    await atTheEnd;
    const closing = door.close();
    const answer = await waiting;
    assert.equal(`${answer.status} ${await answer.text()}`, "503 CLOSING\n");
    await closing;
    assert.deepEqual(
      door.log.map((line) => (JSON.parse(line) as { event: string }).event),
      ["relay-unreached", "started", "stopping", "stopped"],
    );
  });
});
