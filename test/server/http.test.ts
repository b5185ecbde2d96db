/** Plain HTTP: an ordinary page, the channel key, health; metrics on their own port only. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { MESSAGE_KINDS } from "../../shared/wire/channel.ts";
import { verifyAnnouncement } from "../../shared/wire/channel-key.ts";
import { BareClient } from "../support/bare-client.ts";
import { BareExchanger } from "../support/bare-exchange.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import { relayInProcess } from "../support/relay.ts";

describe("http", () => {
  it("has an ordinary page that fetches nothing and sets nothing", async (t) => {
    const { port } = await relayInProcess(t);
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    const page = await answer.text();
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
    assert.doesNotMatch(page, /src=|href=|script|tumar|relay/i);
    assert.equal(answer.headers.get("set-cookie"), null);
    assert.equal(answer.headers.get("x-powered-by"), null);
  });

  it("gives the announcement of the channel key, for any page to read", async (t) => {
    const { port, address } = await relayInProcess(t);
    const answer = await fetch(`http://127.0.0.1:${port}/v1/channel-key`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    assert.equal(bytes[0], MESSAGE_KINDS.announcement);
    verifyAnnouncement(bytes.subarray(1), parseRelayAddress(address).hash);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  });

  it("tells that it lives and that it is ready", async (t) => {
    const { port } = await relayInProcess(t);
    for (const path of ["healthz", "readyz"]) {
      assert.equal((await fetch(`http://127.0.0.1:${port}/${path}`)).status, 200);
    }
  });

  it("answers all else in one way, whatever is asked, and logs none of it", async (t) => {
    const { port, log } = await relayInProcess(t);
    const texts = new Set<string>();
    for (const path of ["metrics", "secret-path", "v1/ws", "%", "v1/exchange"]) {
      const answer = await fetch(`http://127.0.0.1:${port}/${path}`);
      assert.ok(answer.status === 404 || answer.status === 400, path);
      texts.add(await answer.text());
    }
    assert.ok(texts.size <= 2);
    const body = "x".repeat(5000);
    const posted = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
    assert.ok(posted.status >= 400);
    assert.ok(log.every((line) => !line.includes("secret-path")));
  });

  it("serves metrics on their own port, without anybody's name in them", async (t) => {
    const off = await relayInProcess(t);
    assert.equal(off.metricsPort, 0);
    const relay = await relayInProcess(t, { METRICS_PORT: await freePort() });
    const client = await BareClient.connect(relay.address);
    await client.request(SOME_FRAMES.hello);
    await client.request(SOME_FRAMES["record.get"]).catch(() => undefined);
    const exchanger = await BareExchanger.open(relay.address);
    await exchanger.exchange([SOME_FRAMES.hello]);
    await exchanger.post(new Uint8Array(7), { path: "thrifty" });
    const text = await (await fetch(`http://127.0.0.1:${relay.metricsPort}/metrics`)).text();
    assert.match(text, /tumar_frames_total\{frame="hello"\} 2/);
    assert.match(text, /tumar_errors_total\{code="REFUSED"\} 1/);
    assert.match(text, /tumar_connections 1/);
    assert.match(text, /tumar_exchanges_total\{path="exchange",result="answered"\} 1/);
    assert.match(text, /tumar_exchanges_total\{path="thrifty",result="faulty"\} 1/);
    assert.match(text, /tumar_exchange_seconds_count 1/);
    assert.doesNotMatch(text, /127\.0\.0\.1/);
  });
});

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}
