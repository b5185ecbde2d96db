/** Connections through the laboratory, with real sockets: what each profile does to them as a whole. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { FakeClock } from "../../client/net/fake-clock.ts";
import { until } from "../stories.ts";
import { type Impairment, type ImpairOptions, impair, targetOf } from "./impair.ts";
import { PROFILES } from "./profiles.ts";

const HOUR_MS = 3_600_000;

interface Ends {
  readonly network: Impairment;
  /** A new connection through the network: the client's side and the server's. */
  open(): Promise<readonly [client: Heard, server: Heard]>;
}

/** A socket and what came out of it. */
class Heard {
  readonly socket: Socket;
  bytes = Buffer.alloc(0);
  ended = false;
  error = "";
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    socket.on("end", () => {
      this.ended = true;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? "";
    });
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  async has(count: number): Promise<void> {
    await until(`${count} bytes`, () => this.bytes.length >= count);
  }

  /** A reset that comes with the last bytes is an end to libuv. */
  async brokeOff(): Promise<void> {
    await until("the end", () => this.isClosed || this.ended);
  }

  async over(): Promise<void> {
    await until("the end", () => this.isClosed);
  }
}

async function ends(test: TestContext, options: Omit<ImpairOptions, "to">): Promise<Ends> {
  const accepted: Heard[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    accepted.push(new Heard(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const network = await impair({ to: { host: "127.0.0.1", port }, ...options });
  const clients: Heard[] = [];
  test.after(async () => {
    await network.close();
    for (const { socket } of [...accepted, ...clients]) socket.destroy();
    server.close();
  });
  const open = async () => {
    const count = accepted.length;
    const port = network.port;
    const client = new Heard(connect({ host: "127.0.0.1", port, allowHalfOpen: true }));
    clients.push(client);
    await until("a connection onwards", () => accepted.length > count);
    return [client, accepted[count] as Heard] as const;
  };
  return { network, open };
}

function bytes(count: number, from = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: count }, (_, i) => ((i + from) * 31) & 0xff));
}

describe("none", () => {
  it("passes bytes and ends on as they are, and counts and records them", async (test) => {
    const { network, open } = await ends(test, { profile: "none", record: true });
    const [client, server] = await open();
    client.socket.end(bytes(100_000));
    await server.has(100_000);
    await until("the client's end", () => server.ended);
    assert.deepEqual(server.bytes, bytes(100_000));
    server.socket.end(bytes(300_000));
    await client.over();
    assert.deepEqual(client.bytes, bytes(300_000));
    await until("left", () => network.stats().open === 0);
    const { each, ...totals } = network.stats();
    assert.deepEqual(totals, {
      connections: 1,
      open: 0,
      stalls: 0,
      resets: 0,
      losses: 0,
      sentUpBytes: 100_000,
      upBytes: 100_000,
      downBytes: 300_000,
    });
    assert.deepEqual(each[0]?.up, bytes(100_000));
    assert.deepEqual(each[0]?.down, bytes(300_000));
    assert.equal(each[0]?.route, "target");
  });

  it("passes a reset on, from either side", async (test) => {
    const { network, open } = await ends(test, { profile: "none" });
    const [client, server] = await open();
    client.socket.resetAndDestroy();
    await server.over();
    assert.equal(server.error, "ECONNRESET");
    const [second, other] = await open();
    other.socket.resetAndDestroy();
    await second.over();
    assert.equal(second.error, "ECONNRESET");
    assert.equal(network.stats().resets, 0);
  });

  it("resets a client when nobody listens behind it", async (test) => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    const network = await impair({ to: `127.0.0.1:${port}`, profile: "none" });
    test.after(() => network.close());
    const client = new Heard(connect(network.port, "127.0.0.1"));
    await client.over();
    assert.equal(client.error, "ECONNRESET");
  });

  it("reads no faster than the other side does", async (test) => {
    const { network, open } = await ends(test, { profile: "throttle" });
    const [client, server] = await open();
    const size = 24 * 1024 * 1024;
    server.socket.write(Buffer.alloc(size));
    await client.has(1);
    assert.ok(server.socket.writableLength > size / 2, "most of it still waits at the sender");
    assert.equal(network.stats().open, 1);
  });
});

describe("curtain16", () => {
  it("freezes after exactly 16 KiB down, whatever went up, and tells nobody", async (test) => {
    const { network, open } = await ends(test, { profile: "curtain16" });
    const [client, server] = await open();
    client.socket.write(bytes(200_000));
    await server.has(200_000);
    server.socket.write(bytes(16_384));
    await client.has(16_384);
    assert.equal(network.stats().stalls, 0);
    server.socket.end(Buffer.of(1));
    await until("a stall", () => network.stats().stalls === 1);
    client.socket.end(bytes(10));
    await until("the client's leaving", () => network.stats().open === 0);
    network.setProfile("none");
    const [again, behind] = await open();
    again.socket.end(bytes(5));
    await until("the end of another connection", () => behind.ended);
    assert.deepEqual(client.bytes, bytes(16_384));
    assert.deepEqual([client.ended, client.error], [false, ""]);
    assert.equal(server.bytes.length, 200_000);
    assert.deepEqual([server.ended, server.error], [false, ""]);
    assert.equal(network.stats().downBytes, 16_384);
  });

  it("lets a connection of exactly 16 KiB end", async (test) => {
    const { network, open } = await ends(test, { profile: "curtain16" });
    const [client, server] = await open();
    server.socket.end(bytes(16_384));
    await client.has(16_384);
    await until("the end", () => client.ended);
    assert.equal(network.stats().stalls, 0);
  });

  it("takes a round trip of 80 ms, and one more for the connection itself", async (test) => {
    const { network, open } = await ends(test, { profile: "curtain16" });
    const fromMs = performance.now();
    const [client, server] = await open();
    server.socket.on("data", (chunk: Buffer) => server.socket.write(chunk));
    client.socket.write(bytes(10));
    await client.has(10);
    const firstMs = performance.now() - fromMs;
    assert.ok(firstMs >= 155 && firstMs < 1000, `${firstMs} ms`);
    assert.equal(network.stats().connections, 1);
  });
});

describe("reset-random", () => {
  it("resets each connection once, after 2 to 200 KB, on both sides", async (test) => {
    const { network, open } = await ends(test, { profile: "reset-random", seed: "үзіліс" });
    const all = [await open(), await open(), await open(), await open()];
    for (const [client, server] of all) {
      client.socket.write(bytes(1000));
      server.socket.write(bytes(250_000));
    }
    await Promise.all(all.flat().map((side) => side.brokeOff()));
    const { each, resets } = network.stats();
    assert.equal(resets, 4);
    const counts = each.map(({ upBytes, downBytes }) => upBytes + downBytes);
    assert.ok(
      counts.every((count) => count >= 2000 && count <= 200_000),
      counts.join(),
    );
    assert.ok(new Set(counts).size === 4);
    assert.ok(each.every(({ sentUpBytes, upBytes }) => sentUpBytes >= upBytes));
    // Again with the same seed.
    const same = await ends(test, { profile: "reset-random", seed: "үзіліс" });
    const [client, server] = await same.open();
    server.socket.write(bytes(250_000));
    await client.brokeOff();
    const [first] = same.network.stats().each;
    assert.equal((first?.upBytes ?? 0) + (first?.downBytes ?? 0), counts[0]);
  });
});

describe("nightly-off", () => {
  it("kills what is open in silence, lets nothing new through, and is fine in the morning", async (test) => {
    const clock = new FakeClock();
    const { network, open } = await ends(test, { profile: "none", clock });
    const [evening, server] = await open();
    evening.socket.write(bytes(10));
    await server.has(10);
    network.setProfile("nightly-off");
    await clock.advance(HOUR_MS);
    const [night, nothing] = await open();
    night.socket.write(bytes(10));
    await until("the first stall", () => network.stats().stalls === 1);
    await clock.advance(7 * HOUR_MS);
    evening.socket.write(bytes(10));
    await until("the second stall", () => network.stats().stalls === 2);
    const [morning, behind] = await open();
    morning.socket.write(bytes(10));
    await behind.has(10);
    assert.equal(nothing.bytes.length, 0);
    assert.equal(server.bytes.length, 10);
    assert.deepEqual([evening.error, evening.ended], ["", false]);
    await clock.advance(16 * HOUR_MS);
    morning.socket.write(bytes(10));
    await until("the next night", () => network.stats().stalls === 3);
  });

  it("passes in a second with a time scale", async (test) => {
    const { network, open } = await ends(test, { profile: "nightly-off", timeScale: 8 * 3600 });
    const fromMs = performance.now();
    await until("the morning", async () => {
      const [client, server] = await open();
      client.socket.write(bytes(1));
      await until("either", () => server.bytes.length > 0 || isStalled(network));
      return server.bytes.length > 0;
    });
    const nightMs = performance.now() - fromMs;
    assert.ok(nightMs > 500 && nightMs < 10_000, `${nightMs} ms`);
  });
});

function isStalled(network: Impairment): boolean {
  return network.stats().each.at(-1)?.isFrozen === true;
}

describe("the laboratory", () => {
  it("changes the network under open connections", async (test) => {
    const { network, open } = await ends(test, { profile: "none" });
    const [client, server] = await open();
    server.socket.write(bytes(40_000));
    await client.has(40_000);
    network.setProfile({ ...PROFILES.throttle, rttMs: 0 });
    server.socket.write(bytes(20_000, 40_000));
    await client.has(40_001);
    assert.ok(client.bytes.length < 60_000);
    network.setProfile("none");
    await client.has(60_000);
    assert.deepEqual(client.bytes, bytes(60_000));
    network.setProfile("curtain16");
    server.socket.write(bytes(1));
    await until("a stall", () => network.stats().stalls === 1);
  });

  it("resets open connections when something else answers from now on", async (test) => {
    const { network, open } = await ends(test, { profile: "none" });
    const [client, server] = await open();
    network.setProfile("captive");
    await client.over();
    await server.over();
    assert.equal(client.error, "ECONNRESET");
    assert.equal(server.error, "ECONNRESET");
    assert.equal(network.stats().resets, 1);
  });

  it("keeps host and key of an address, and takes relay addresses and places", async (test) => {
    const { network } = await ends(test, { profile: "none" });
    const { port } = network;
    const key = "#k=AAAAAAAAAAAAAAAAAAAAAA";
    assert.equal(network.address(`http://127.0.0.1:9${key}`), `http://127.0.0.1:${port}${key}`);
    assert.equal(network.address(`https://localhost${key}`), `https://localhost:${port}${key}`);
    assert.deepEqual(targetOf(`http://127.0.0.1:9${key}`), { host: "127.0.0.1", port: 9 });
    assert.deepEqual(targetOf(`https://localhost${key}`), { host: "localhost", port: 443 });
    assert.deepEqual(targetOf("localhost:9"), { host: "localhost", port: 9 });
    assert.throws(() => targetOf("no address"), RangeError);
  });

  it("is gone when it is closed, with all its connections", async (test) => {
    const { network, open } = await ends(test, { profile: "curtain16" });
    const [client, server] = await open();
    server.socket.write(bytes(20_000));
    await until("a stall", () => network.stats().stalls === 1);
    const [waiting] = await open();
    const { port } = network;
    await network.close();
    await network.close();
    for (const side of [client, server, waiting]) await side.over();
    await turn();
    const late = new Heard(connect(port, "127.0.0.1"));
    await late.over();
    assert.equal(late.error, "ECONNREFUSED");
  });
});
