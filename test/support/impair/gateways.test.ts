/** The profiles that speak HTTP, before a real HTTP server. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import { createServer as createTlsServer, request as tlsRequest } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { FakeClock } from "../../client/net/fake-clock.ts";
import { makeCertificate } from "../certificates.ts";
import { until } from "../stories.ts";
import { KEEP_UPGRADE_MS, MAX_BUFFERED_BYTES } from "./gateways.ts";
import { type Impairment, type ImpairOptions, impair } from "./impair.ts";
import { PROFILES } from "./profiles.ts";

const UPGRADE = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };

/** Echoes bodies at /echo, hands out as much as is asked for at /N, and upgrades to an echo. */
async function web(test: TestContext, options: Omit<ImpairOptions, "to">) {
  const heads: string[] = [];
  const server = createServer((incoming, response) => {
    heads.push(`${incoming.method} ${incoming.url}`);
    if (incoming.url === "/echo") incoming.pipe(response);
    else {
      response.write("a");
      response.end("b".repeat(Number(incoming.url?.slice(1)) - 1));
    }
  });
  server.on("upgrade", (_request, socket) => {
    socket.on("error", () => {});
    socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n");
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const network = await impair({ to: `127.0.0.1:${port}`, ...options });
  test.after(async () => {
    await network.close();
    server.closeAllConnections();
    server.close();
  });
  return { network, heads };
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly type: string | undefined;
}

async function ask(network: Impairment, path: string, body?: Buffer): Promise<Answer> {
  const method = body === undefined ? "GET" : "POST";
  const { port } = network;
  const sent = request({ host: "127.0.0.1", port, path, method, agent: false });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return await answerOf(response);
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  let body = "";
  for await (const part of response) body += part;
  return { status: response.statusCode, body, type: response.headers["content-type"] };
}

/** 101, what was answered instead, or "ended". */
async function upgrade(network: Impairment): Promise<number | undefined | "ended"> {
  const { port } = network;
  const sent = request({ host: "127.0.0.1", port, path: "/", headers: UPGRADE, agent: false });
  sent.end();
  return await new Promise((resolve) => {
    sent.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    sent.on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", () => resolve("ended"));
  });
}

/** Without the time their round trips take. */
const quick = (name: "ws-killed" | "captive" | "proxy-buffer") => ({ ...PROFILES[name], rttMs: 0 });

describe("ws-killed", () => {
  it("answers upgrades with 403 or keeps them for 20 s, and lets the rest pass", async (test) => {
    const clock = new FakeClock();
    const { network, heads } = await web(test, { profile: quick("ws-killed"), clock });
    const fates: unknown[] = [];
    for (let i = 0; i < 12; i++) {
      const open = network.stats().connections;
      const fate = upgrade(network);
      void fate.then((status) => fates.push(status));
      await until("an end, or nothing", async () => {
        return fates.length === i || (network.stats().connections > open && clock.waiting > 0);
      });
      await until("a verdict", () => fates.length > i || clock.waiting > 0);
      if (clock.waiting > 0) {
        await clock.advance(KEEP_UPGRADE_MS - 1);
        assert.equal(fates.length, i);
        await clock.advance(1);
      }
      await fate;
    }
    assert.deepEqual(new Set(fates), new Set([403, "ended"]));
    const whole = Buffer.alloc(100_000, "x");
    assert.deepEqual(await ask(network, "/echo", whole), {
      status: 200,
      body: whole.toString(),
      type: undefined,
    });
    assert.deepEqual(heads, ["POST /echo"]);
    assert.ok(network.stats().each.some(({ route }) => route === "ws-killed"));
    assert.equal(network.stats().each.at(-1)?.route, "target");
  });

  for (const [upgrades, expected] of [
    ["refuse", 403],
    ["keep", "ended"],
  ] as const) {
    it(`does only the one thing when told to: ${upgrades}`, async (test) => {
      const profile = { ...quick("ws-killed"), upgrades };
      const { network } = await web(test, { profile, timeScale: 100 });
      for (let i = 0; i < 3; i++) assert.equal(await upgrade(network), expected);
    });
  }

  it("is not there any more after a change to another profile", async (test) => {
    const { network } = await web(test, { profile: quick("ws-killed") });
    network.setProfile("none");
    assert.equal(await upgrade(network), 101);
  });
});

describe("captive", () => {
  it("answers everything with a page of its own", async (test) => {
    const { network, heads } = await web(test, { profile: "captive" });
    for (const answer of [await ask(network, "/7"), await ask(network, "/echo", Buffer.of(1))]) {
      assert.equal(answer.status, 200);
      assert.equal(answer.type, "text/html");
      assert.match(answer.body, /^<!doctype html>/);
    }
    assert.equal(await upgrade(network), 200);
    assert.deepEqual(heads, []);
    network.setProfile("none");
    assert.equal((await ask(network, "/7")).body, "abbbbbb");
  });

  it("shows a certificate of its own to those who speak TLS", async (test) => {
    const { network, heads } = await web(test, { profile: quick("captive") });
    const { port } = network;
    const at = { host: "127.0.0.1", port, path: "/7", agent: false };
    const [error] = await once(tlsRequest(at).end(), "error").catch((cause) => [cause]);
    assert.equal(error.code, "DEPTH_ZERO_SELF_SIGNED_CERT");
    const careless = tlsRequest({ ...at, rejectUnauthorized: false }).end();
    const [response] = (await once(careless, "response")) as [IncomingMessage];
    assert.match((await answerOf(response)).body, /^<!doctype html>/);
    assert.deepEqual(heads, []);
  });
});

describe("proxy-buffer", () => {
  it("passes a request on when it has all of it, and an answer likewise", async (test) => {
    const { network, heads } = await web(test, { profile: quick("proxy-buffer") });
    const { port } = network;
    const headers = { "content-length": 40_000 };
    const at = { host: "127.0.0.1", port, path: "/echo", method: "POST", headers };
    const sent = request({ ...at, agent: false });
    sent.write(Buffer.alloc(39_999, "x"));
    await until("the beginning", () => network.stats().upBytes > 39_999);
    assert.deepEqual(heads, []);
    sent.end("y");
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    assert.equal(response.headers["content-length"], "40000");
    assert.equal(response.headers["transfer-encoding"], undefined);
    assert.equal((await answerOf(response)).body, `${"x".repeat(39_999)}y`);
    assert.deepEqual(heads, ["POST /echo"]);
  });

  it("takes 64 KiB each way and no byte more", async (test) => {
    const { network, heads } = await web(test, { profile: quick("proxy-buffer") });
    const most = Buffer.alloc(MAX_BUFFERED_BYTES, "x");
    assert.equal((await ask(network, "/echo", most)).body.length, MAX_BUFFERED_BYTES);
    assert.equal((await ask(network, `/${MAX_BUFFERED_BYTES}`)).status, 200);
    assert.equal(heads.length, 2);
    const more = Buffer.alloc(MAX_BUFFERED_BYTES + 1, "x");
    assert.equal((await ask(network, "/echo", more)).status, 413);
    assert.equal(heads.length, 2);
    assert.equal((await ask(network, `/${MAX_BUFFERED_BYTES + 1}`)).status, 502);
  });

  it("ends upgrades, and answers for a server that is not there", async (test) => {
    const { network } = await web(test, { profile: quick("proxy-buffer") });
    assert.equal(await upgrade(network), 502);
    const nobody = await impair({ to: "127.0.0.1:1", profile: quick("proxy-buffer") });
    test.after(() => nobody.close());
    assert.equal((await ask(nobody, "/7")).status, 502);
  });

  it("leaves what it cannot read alone", async (test) => {
    const { network } = await web(test, { profile: quick("proxy-buffer") });
    const socket = connect(network.port, "127.0.0.1");
    test.after(() => socket.destroy());
    socket.on("error", () => {});
    socket.write(Buffer.of(0x16, 3, 1));
    await until("the way on", () => network.stats().each[0]?.route === "target");
  });
});

describe("certificates for tests", () => {
  it("are taken by a client that trusts the authority, over a chain, for their name only", async (test) => {
    const root = makeCertificate({ name: "сынақ түбірі", isAuthority: true });
    const middle = makeCertificate({ name: "middle", isAuthority: true, issuer: root });
    const leaf = makeCertificate({ name: "localhost", issuer: middle, fillerBytes: 1000 });
    const { key, cert } = leaf;
    const server = createTlsServer({ key, cert }, (_request, response) => response.end("ok"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    test.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const at = { host: "127.0.0.1", port, agent: false, ca: root.cert };
    const trusted = tlsRequest({ ...at, servername: "localhost" }).end();
    const [response] = (await once(trusted, "response")) as [IncomingMessage];
    assert.equal((await answerOf(response)).body, "ok");
    const elsewhere = tlsRequest({ ...at, servername: "example.org" }).end();
    const [error] = await once(elsewhere, "error").catch((cause) => [cause]);
    assert.equal(error.code, "ERR_TLS_CERT_ALTNAME_INVALID");
  });
});
