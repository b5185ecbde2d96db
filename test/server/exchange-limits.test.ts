/** Exchanges of the hostile and the slow: numbers that bound them, and what they are told. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { ERRORS } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import { CHANNEL_BUCKETS } from "../../shared/wire/limits.ts";
import type { BareExchanger, HttpAnswer, PostOptions } from "../support/bare-exchange.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import { depositOver, exchangeScene, heldScene, poll, typesOf } from "../support/exchange-scene.ts";
import type { TestRelay } from "../support/relay.ts";

const HELD = { waitSeconds: 25 } as const;
const textOf = ({ body }: HttpAnswer) => new TextDecoder().decode(body);

function hello(client: BareExchanger, options: PostOptions = {}): Promise<HttpAnswer> {
  return client.post(client.prepare([SOME_FRAMES.hello]).message, options);
}

/** Asks until the relay answers so. */
async function until(client: BareExchanger, status: number): Promise<HttpAnswer> {
  for (;;) {
    const answer = await hello(client);
    if (answer.status === status) return answer;
  }
}

/** A connection that has sent the head of a request and nothing of its body. */
function begun(t: TestContext, { port }: TestRelay): Socket {
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.write("POST /v1/exchange HTTP/1.1\r\nhost: relay\r\ncontent-length: 16896\r\n\r\n");
  return socket;
}

describe("limits of exchanges", () => {
  it("bodies that are no message 1 are told so by status, with the code and no page", async (t) => {
    const { client } = await exchangeScene(t);
    const garbage = (length: number, kind: number) => {
      const bytes = systemRandom(length);
      bytes[0] = kind;
      return bytes;
    };
    for (const body of [
      new Uint8Array(0),
      garbage(1, MESSAGE_KINDS.channel),
      garbage(511, MESSAGE_KINDS.channel),
      garbage(513, MESSAGE_KINDS.channel),
      garbage(16_895, MESSAGE_KINDS.channel),
      garbage(512, MESSAGE_KINDS.announcement),
      garbage(512, MESSAGE_KINDS.refused),
      new TextEncoder().encode("<html>".padEnd(512)),
    ]) {
      const answer = await client.post(body);
      assert.equal(answer.status, ERRORS.CHANNEL_BROKEN.status);
      assert.equal(textOf(answer), "CHANNEL_BROKEN\n");
      assert.equal(answer.headers["content-type"], "text/plain");
    }
    const long = await client.post(new Uint8Array(16_897));
    assert.equal(long.status, 413);
    assert.equal(long.headers.connection, "close");
    assert.equal((await hello(client)).status, 200);
  });

  it("bytes that no key opens are answered with the current key, in the clear", async (t) => {
    const { client } = await exchangeScene(t);
    for (const length of CHANNEL_BUCKETS) {
      const body = systemRandom(length);
      body[0] = MESSAGE_KINDS.channel;
      const prepared = client.prepare([]);
      const answer = await client.post(body, { path: "thrifty" });
      assert.equal(answer.status, 200);
      const opened = prepared.channel.openAnswer(answer.body, 4608);
      assert.equal(opened.kind, "refused");
    }
  });

  it("takes any content type and none, and says to pages that they may ask", async (t) => {
    const { client } = await exchangeScene(t);
    for (const type of ["application/json", "text/plain;charset=UTF-8", "no/type///", ""]) {
      assert.equal((await hello(client, { headers: { "content-type": type } })).status, 200);
    }
    const answer = await hello(client);
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    assert.equal(answer.headers["content-type"], "application/octet-stream");
    assert.equal(answer.headers["content-length"], "512");
    assert.equal(answer.headers["set-cookie"], undefined);
    const asked = await client.post(new Uint8Array(0), { method: "OPTIONS" });
    assert.equal(asked.status, 204);
    assert.equal(asked.headers["access-control-allow-methods"], "POST");
  });

  it("a body may come in chunks of whatever size", async (t) => {
    const { relay, client } = await exchangeScene(t);
    const socket = connect(relay.port, "127.0.0.1");
    const head = "POST /v1/thrifty HTTP/1.1\r\nhost: relay\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write(head);
    for (const byte of client.prepare([SOME_FRAMES.hello]).message) {
      socket.write(Uint8Array.from([0x31, 13, 10, byte, 13, 10]));
    }
    socket.write("0\r\n\r\n");
    const [first] = (await once(socket, "data")) as [Buffer];
    assert.match(first.toString("latin1"), /^HTTP\/1\.1 200 /);
    await once(socket, "close");
  });

  it("a body that is cut leaves nothing behind", async (t) => {
    const { relay, client } = await exchangeScene(t, { EXCHANGES_PER_ADDRESS: 1 });
    const { message } = client.prepare([SOME_FRAMES.hello]);
    for (const path of ["exchange", "thrifty"]) {
      const socket = connect(relay.port, "127.0.0.1");
      socket.on("error", () => undefined).resume();
      const head = `POST /v1/${path} HTTP/1.1\r\nhost: relay\r\ncontent-length: ${message.length}\r\n\r\n`;
      socket.write(head);
      socket.end(message.subarray(0, 300));
      await once(socket, "close");
      await until(client, 200);
    }
    assert.ok(relay.log.every((line) => !line.includes("unexpected")));
  });

  it("one address has so many exchanges open and no more, however slowly it sends", async (t) => {
    const places = 12;
    const { relay, client } = await exchangeScene(t, {
      EXCHANGES_PER_ADDRESS: places,
      EXCHANGES_PER_SECOND: 10_000,
    });
    const slow = Array.from({ length: places }, () => begun(t, relay));
    await until(client, 429);
    const answers = await Promise.all(Array.from({ length: 250 }, () => hello(client)));
    for (const answer of answers) {
      assert.equal(answer.status, 429);
      assert.equal(answer.headers["retry-after"], "5");
      assert.equal(answer.headers["access-control-expose-headers"], "retry-after");
      assert.equal(textOf(answer), "RATE_LIMITED\n");
    }
    assert.equal((await hello(client, { localAddress: "127.0.0.2" })).status, 200);
    for (const socket of slow) socket.destroy();
    await until(client, 200);
  });

  it("the relay as a whole has so many exchanges open", async (t) => {
    const { relay, client } = await exchangeScene(t, { EXCHANGES: 3 });
    const slow = [1, 2, 3].map(() => begun(t, relay));
    const refused = await until(client, 503);
    assert.equal(textOf(refused), "CLOSING\n");
    assert.equal(refused.headers["retry-after"], "5");
    for (const socket of slow) socket.destroy();
    await until(client, 200);
  });

  it("one address has so many TCP connections, also silent ones", async (t) => {
    const { relay, client } = await exchangeScene(t, {
      EXCHANGES_PER_ADDRESS: 1,
      CONNECTIONS_PER_ADDRESS: 1,
    });
    const silent = Array.from({ length: 20 }, () =>
      connect({ port: relay.port, host: "127.0.0.1", localAddress: "127.0.0.3" }),
    );
    t.after(() => {
      for (const socket of silent) socket.destroy();
    });
    for (const socket of silent) socket.on("error", () => undefined).resume();
    let closed = 0;
    await new Promise<void>((resolve) => {
      for (const socket of silent) socket.on("close", () => ++closed === 12 && resolve());
    });
    assert.equal((await hello(client)).status, 200);
    assert.equal(closed, 12);
  });

  it("one address makes so many exchanges a second, and frames in them", async (t) => {
    let nowMs = 0;
    const limits = { EXCHANGES_PER_SECOND: 2, EXCHANGE_FRAMES_PER_SECOND: 5 };
    const { client } = await exchangeScene(t, limits, { timer: () => nowMs });
    const { hello: ask } = SOME_FRAMES;
    const many = await client.exchange(Array.from({ length: 20 }, () => ask));
    const codes = many.filter((frame) => frame.type === "error").map(({ number }) => number);
    // two seconds' worth and one of debt, less what the scene has taken
    assert.deepEqual(
      codes,
      Array.from({ length: 8 }, () => ERRORS.RATE_LIMITED.number),
    );
    const limited = await until(client, 429);
    assert.equal(limited.headers["retry-after"], "1");
    nowMs += 1000;
    assert.equal((await hello(client)).status, 200);
  });

  it("a client that went away ends its wait and leaves its place", async (t) => {
    const { client, mailbox, hold } = await heldScene(t, { EXCHANGES_PER_ADDRESS: 1 });
    const gone = new AbortController();
    const { held } = await hold(() => poll(client, mailbox, HELD, { signal: gone.signal }));
    assert.equal((await hello(client)).status, 429);
    gone.abort();
    await assert.rejects(held, { name: "AbortError" });
    await until(client, 200);
    assert.deepEqual(typesOf(await poll(client, mailbox)), ["empty"]);
  });

  it("a relay that stops answers what waits at once, and then takes nothing", async (t) => {
    const { relay, client, mailbox, hold } = await heldScene(t);
    const { held } = await hold(() => poll(client, mailbox, HELD));
    const closed = relay.close();
    assert.deepEqual(typesOf(await held), ["empty"]);
    const after = await hello(client).catch(() => undefined);
    assert.ok(after === undefined || after.status === 503);
    await closed;
  });

  it("says in its log nothing of who exchanges, and counts without names", async (t) => {
    const { relay, client, mailbox } = await exchangeScene(t);
    await depositOver(client, mailbox, [1024]);
    await client.post(new Uint8Array(5));
    for (const line of relay.log) {
      assert.doesNotMatch(line, /unexpected/);
      assert.doesNotMatch(line, /127\.0\.0\.1|v1|exchange|thrifty/);
    }
  });
});
