/** Exchanges as HTTP sees them: bodies, types, statuses, connections. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { ERRORS } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import { CHANNEL_BUCKETS } from "../../shared/wire/limits.ts";
import { postHello, postUntil, textOf } from "../support/bare-exchange.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import { exchangeScene } from "../support/exchange-scene.ts";

describe("exchanges over HTTP", () => {
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
    const long = await client.post(new Uint8Array(50_689));
    assert.equal(long.status, 413);
    assert.equal(long.headers.connection, "close");
    assert.equal((await postHello(client)).status, 200);
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
      assert.equal((await postHello(client, { headers: { "content-type": type } })).status, 200);
    }
    const answer = await postHello(client);
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    assert.equal(answer.headers["content-type"], "application/octet-stream");
    assert.equal(answer.headers["content-length"], "512");
    assert.equal(answer.headers["set-cookie"], undefined);
    const asked = await client.post(new Uint8Array(0), { method: "OPTIONS" });
    assert.equal(asked.status, 204);
    assert.equal(asked.headers["access-control-allow-methods"], "POST");
  });

  it("a connection is kept for the next exchange, also after a fault; a thrifty one is not", async (t) => {
    const { relay, client } = await exchangeScene(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const isReused = async (path: string, body: Uint8Array) => {
      const url = `http://127.0.0.1:${relay.port}/v1/${path}`;
      const sent = request(url, { method: "POST", agent }).end(body);
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      await once(response.resume(), "end");
      return sent.reusedSocket;
    };
    const message = () => client.prepare([SOME_FRAMES.hello]).message;
    assert.deepEqual(
      [
        await isReused("exchange", message()),
        await isReused("exchange", new Uint8Array(7)),
        await isReused("exchange", message()),
        await isReused("thrifty", message()),
        await isReused("thrifty", message()),
        await isReused("thrifty", new Uint8Array(7)),
        await isReused("exchange", message()),
      ],
      [false, true, true, true, false, false, false],
    );
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
      await postUntil(client, 200);
    }
    assert.ok(relay.log.every((line) => !line.includes("unexpected")));
  });
});
