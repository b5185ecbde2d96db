/** Exchanges of the hostile and the slow: numbers that bound them, and what they are told. */

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { ERRORS } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { BareUpload } from "../support/bare-blobs.ts";
import { BareClient } from "../support/bare-client.ts";
import { postHello, postUntil, textOf } from "../support/bare-exchange.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import { depositOver, exchangeScene, heldScene, poll, typesOf } from "../support/exchange-scene.ts";
import type { TestRelay } from "../support/relay.ts";

const HELD = { waitSeconds: 25 } as const;

/** A connection that has sent the head of a request and nothing of its body. */
function begun(t: TestContext, { port }: TestRelay, bytes = 16_896): Socket {
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.write(`POST /v1/exchange HTTP/1.1\r\nhost: relay\r\ncontent-length: ${bytes}\r\n\r\n`);
  return socket;
}

describe("limits of exchanges", () => {
  it("one address has so many exchanges open and no more, however slowly it sends", async (t) => {
    const places = 12;
    const { relay, client } = await exchangeScene(t, {
      EXCHANGES_PER_ADDRESS: places,
      EXCHANGES_PER_SECOND: 10_000,
    });
    const slow = Array.from({ length: places }, () => begun(t, relay));
    await postUntil(client, 429);
    const answers = await Promise.all(Array.from({ length: 250 }, () => postHello(client)));
    for (const answer of answers) {
      assert.equal(answer.status, 429);
      assert.equal(answer.headers["retry-after"], "5");
      assert.equal(answer.headers["access-control-expose-headers"], "retry-after");
      assert.equal(textOf(answer), "RATE_LIMITED\n");
    }
    assert.equal((await postHello(client, { localAddress: "127.0.0.2" })).status, 200);
    for (const socket of slow) socket.destroy();
    await postUntil(client, 200);
  });

  it("bodies that are announced and never come hold up nobody else's", async (t) => {
    const places = 340;
    const { relay, client, mailbox } = await exchangeScene(t, {
      EXCHANGES_PER_ADDRESS: places,
      EXCHANGES_PER_SECOND: 10_000,
    });
    const slow = Array.from({ length: places }, () => begun(t, relay, 50_688));
    await postUntil(client, 429);
    const socket = await BareClient.connect(relay.address);
    const blob = new BareUpload((request) => socket.request(request), mailbox.depositId);
    await blob.create();
    await blob.upload(systemRandom(300_000));
    assert.equal((await socket.request(SOME_FRAMES.hello)).type, "hello.answer");
    const elsewhere = { localAddress: "127.0.0.2" };
    const other = new BareUpload(async (request) => {
      const [answer] = await client.exchange([request], elsewhere);
      return answer ?? assert.fail();
    }, mailbox.depositId);
    await other.create();
    await other.upload(systemRandom(120_000));
    assert.ok((await other.head()).isComplete && (await blob.head()).isComplete);
    for (const one of slow) one.destroy();
    await postUntil(client, 200);
    await socket.close();
  });

  it("the relay as a whole has so many exchanges open", async (t) => {
    const { relay, client } = await exchangeScene(t, { EXCHANGES: 3 });
    const slow = [1, 2, 3].map(() => begun(t, relay));
    const refused = await postUntil(client, 503);
    assert.equal(textOf(refused), "CLOSING\n");
    assert.equal(refused.headers["retry-after"], "5");
    for (const socket of slow) socket.destroy();
    await postUntil(client, 200);
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
    assert.equal((await postHello(client)).status, 200);
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
    const limited = await postUntil(client, 429);
    assert.equal(limited.headers["retry-after"], "1");
    nowMs += 1000;
    assert.equal((await postHello(client)).status, 200);
  });

  it("a client that went away ends its wait and leaves its place", async (t) => {
    const { client, mailbox, hold } = await heldScene(t, { EXCHANGES_PER_ADDRESS: 1 });
    const gone = new AbortController();
    const { held } = await hold(() => poll(client, mailbox, HELD, { signal: gone.signal }));
    assert.equal((await postHello(client)).status, 429);
    gone.abort();
    await assert.rejects(held, { name: "AbortError" });
    await postUntil(client, 200);
    assert.deepEqual(typesOf(await poll(client, mailbox)), ["empty"]);
  });

  it("a relay that stops answers what waits at once, and then takes nothing", async (t) => {
    const { relay, client, mailbox, hold } = await heldScene(t);
    const { held } = await hold(() => poll(client, mailbox, HELD));
    const closed = relay.close();
    assert.deepEqual(typesOf(await held), ["empty"]);
    const after = await postHello(client).catch(() => undefined);
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
