/** WebSockets through a door: both ways, in order, bounded, and what ends one side ends the other. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it, type TestContext } from "node:test";
import { WebSocket } from "ws";
import type { SettingValues } from "../../../server/config-table.ts";
import { Passage } from "../../../server/door/passage.ts";
import { doorInProcess, type TestDoor } from "../../support/doors.ts";
import { relayStandIn, type StandIn } from "../../support/relay-stand-in.ts";

const CHUNK = 50_688;

interface Scene {
  readonly relay: StandIn;
  readonly door: TestDoor;
  /** A client's socket, and the relay's end of it. */
  join(): Promise<{ readonly client: WebSocket; readonly far: WebSocket }>;
}

async function scene(t: TestContext, config: Partial<SettingValues> = {}): Promise<Scene> {
  const relay = await relayStandIn(t);
  const door = await doorInProcess(t, relay.address, config);
  const join = async () => {
    const next = relay.nextSocket();
    const client = connect(t, door);
    const [far] = await Promise.all([next, once(client, "open")]);
    return { client, far };
  };
  return { relay, door, join };
}

function connect(t: TestContext, { origin }: TestDoor, headers = {}, path = "/v1/ws"): WebSocket {
  const socket = new WebSocket(origin.replace("http", "ws") + path, { headers });
  socket.on("error", () => undefined);
  t.after(() => socket.terminate());
  return socket;
}

const closeCode = async (socket: WebSocket) => (await once(socket, "close"))[0] as number;

async function statusOf(socket: WebSocket): Promise<number> {
  const [request, response] = await once(socket, "unexpected-response");
  request.destroy();
  return response.statusCode;
}

describe("a WebSocket through a door", () => {
  it("carries messages both ways in order, the relay's first word too, and no header", async (t) => {
    const { relay, door } = await scene(t);
    const next = relay.nextSocket().then((far) => {
      far.send(Uint8Array.of(0));
      far.on("message", (data: Buffer) => far.send(Uint8Array.of(...data, 9)));
    });
    const client = connect(t, door, { cookie: "who=bek", "x-forwarded-for": "192.0.2.7" });
    const got: number[][] = [];
    const all = new Promise<void>((resolve) => {
      client.on("message", (data: Buffer) => {
        got.push([...data]);
        if (got.length === 4) resolve();
      });
    });
    client.on("open", () => {
      for (const byte of [1, 2, 3]) client.send(Uint8Array.of(byte));
    });
    await Promise.all([next, all]);
    assert.deepEqual(got, [[0], [1, 9], [2, 9], [3, 9]]);
    assert.equal(client.extensions, "");
    const names = relay.asked
      .at(-1)
      ?.headers.map((header) => header.split(":")[0])
      .sort();
    assert.deepEqual(names, [
      "connection",
      "host",
      "sec-websocket-key",
      "sec-websocket-version",
      "upgrade",
    ]);
  });

  it("ends with the client, and for the client as the relay ended it", async (t) => {
    const { join } = await scene(t);
    for (const [end, code] of [
      [(client: WebSocket) => client.close(1000), 1000],
      [(client: WebSocket) => client.terminate(), 1000],
      [(client: WebSocket) => client.send("text"), 1000],
      [(client: WebSocket) => client.send(new Uint8Array(CHUNK + 1)), 1000],
    ] as const) {
      const { client, far } = await join();
      end(client);
      assert.equal(await closeCode(far), code);
    }
    for (const [end, code] of [
      [(far: WebSocket) => far.close(1001), 1001],
      [(far: WebSocket) => far.close(1008), 1008],
      [(far: WebSocket) => far.close(4000), 1014],
      [(far: WebSocket) => far.terminate(), 1014],
      [(far: WebSocket) => far.send("text"), 1008],
      [(far: WebSocket) => far.send(new Uint8Array(CHUNK + 1)), 1014],
    ] as const) {
      const { client, far } = await join();
      end(far);
      assert.equal(await closeCode(client), code);
    }
  });

  it("tells the client which of the two broke a rule", async (t) => {
    const { join } = await scene(t);
    for (const [message, code] of [
      ["text", 1008],
      [new Uint8Array(CHUNK + 1), 1009],
    ] as const) {
      const { client } = await join();
      client.send(message);
      assert.equal(await closeCode(client), code);
    }
  });

  it("holds little when one side does not read, and loses nothing", async (t) => {
    const { join } = await scene(t, { SEND_BUFFER: 32_768 });
    for (const direction of ["up", "down"] as const) {
      const { client, far } = await join();
      const [from, to] = direction === "up" ? [client, far] : [far, client];
      to.pause();
      const count = 500;
      for (let at = 0; at < count; at++) from.send(Buffer.alloc(CHUNK, at % 251));
      // 25 MB: more than the systems between them buffer, so that the door had to stop reading.
      await new Promise((resolve) => setImmediate(resolve));
      const got: number[] = [];
      const all = new Promise<void>((resolve) => {
        to.on("message", (data: Buffer) => {
          got.push(data[0] ?? -1);
          if (got.length === count) resolve();
        });
      });
      to.resume();
      await all;
      assert.deepEqual(
        got,
        Array.from({ length: count }, (_, at) => at % 251),
      );
    }
  });

  it("is refused where there is none: another path, too many, no relay, a relay that refuses", async (t) => {
    const { relay, door, join } = await scene(t, { CONNECTIONS_PER_ADDRESS: 1 });
    assert.equal(await statusOf(connect(t, door, {}, "/v1/other")), 404);
    const { client } = await join();
    assert.equal(await statusOf(connect(t, door)), 429);
    client.terminate();
    assert.ok(relay.asked.length > 0);

    const none = await doorInProcess(t, "http://127.0.0.1:1#k=AAAAAAAAAAAAAAAAAAAAAA");
    assert.equal(await statusOf(connect(t, none)), 503);
    assert.equal(await statusOf(connect(t, none)), 503);
  });

  it("is closed with 1001 when the door closes", async (t) => {
    const { door, join } = await scene(t);
    const { client, far } = await join();
    const ends = Promise.all([closeCode(client), closeCode(far)]);
    await door.close();
    assert.deepEqual(await ends, [1001, 1000]);
  });
});

describe("a passage", () => {
  const LIMITS = { bufferBytes: 32_768, slowMs: 30, pingMs: 20, silenceMs: 50 } as const;

  /** Two sockets in the door's place, their far ends, and the passage between. */
  async function passage(t: TestContext) {
    const [one, two] = [await relayStandIn(t), await relayStandIn(t)];
    const ends = await Promise.all(
      [one, two].map(async (place) => {
        const next = place.nextSocket();
        const near = new WebSocket(new URL(place.address).origin.replace("http", "ws"));
        t.after(() => near.terminate());
        const [far] = await Promise.all([next, once(near, "open")]);
        return { near, far };
      }),
    );
    const [client, relay] = ends;
    assert.ok(client !== undefined && relay !== undefined);
    return { client, relay, passage: new Passage(client.near, relay.near, LIMITS, 0) };
  }

  it("asks both for a sign of life, and is cut when one gives none", async (t) => {
    const { client, relay, passage: joined } = await passage(t);
    const pinged = Promise.all([once(client.far, "ping"), once(relay.far, "ping")]);
    const ponged = Promise.all([once(client.near, "pong"), once(relay.near, "pong")]);
    joined.tick(20);
    await Promise.all([pinged, ponged]);
    joined.tick(60);
    joined.tick(109);
    assert.equal(client.near.readyState, WebSocket.OPEN);
    const gone = Promise.all([once(client.far, "close"), once(relay.far, "close")]);
    joined.tick(110);
    await gone;
  });

  it("is cut when what it holds does not leave", async (t) => {
    const { client, relay, passage: joined } = await passage(t);
    relay.far.pause();
    const isFull = new Promise<void>((resolve) => {
      const pause = client.near.pause.bind(client.near);
      client.near.pause = () => {
        pause();
        resolve();
      };
    });
    for (let at = 0; at < 1500; at++) client.far.send(Buffer.alloc(CHUNK));
    await isFull;
    const gone = once(client.far, "close");
    // Until nothing moves any more: the systems between have buffers of their own.
    const timer = setInterval(() => {
      now += 10;
      joined.tick(now);
    }, 5);
    let now = 0;
    await gone;
    clearInterval(timer);
    assert.ok(now >= LIMITS.slowMs);
    relay.far.resume();
    await once(relay.far, "close");
  });
});
