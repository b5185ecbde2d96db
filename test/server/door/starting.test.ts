/** How a door begins: which relay it leads to, what it says of it, and what it refuses. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { startDoor } from "../../../server/door/door.ts";
import type { TumarError } from "../../../shared/crypto/errors.ts";
import { parseRelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { doorInProcess } from "../../support/doors.ts";
import { socksProxy } from "../../support/proxies.ts";
import { relayInProcess } from "../../support/relay.ts";
import { relayStandIn } from "../../support/relay-stand-in.ts";
import { until } from "../../support/stories.ts";

const OTHER_KEY = "#k=AAAAAAAAAAAAAAAAAAAAAA";
const ONION = "http://duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion";
const log = { write: () => undefined };
const statusOf = async (url: string) => (await fetch(url)).status;

describe("a door", () => {
  it("has its own origin and the relay's key as its address", async (t) => {
    const relay = await relayInProcess(t);
    const door = await doorInProcess(t, relay.address);
    assert.equal(door.address, `${door.origin}${new URL(relay.address).hash}`);
    assert.deepEqual(parseRelayAddress(door.address).hash, parseRelayAddress(relay.address).hash);
    assert.equal(door.isRelayThere, true);
    const named = await doorInProcess(t, relay.address, { ADDRESS: "https://door.example" });
    assert.match(named.address, /^https:\/\/door\.example#k=[\w-]{22}$/);
    assert.deepEqual(
      named.log.map((line) => JSON.parse(line).event),
      ["started"],
    );
  });

  it("another relay than the one named ends it with RELAY_MISMATCH", async (t) => {
    const relay = await relayInProcess(t);
    const address = `http://127.0.0.1:${relay.port}${OTHER_KEY}`;
    const config = { PORT: 0, DOOR: address };
    await assert.rejects(startDoor({ config, log }), { code: "RELAY_MISMATCH" });
  });

  it("a relay that is not there, or no relay: starts, says so, and is ready once it is", async (t) => {
    const place = await relayStandIn(t);
    const relay = await relayInProcess(t);
    const key = new URL(relay.address).hash;
    const door = await doorInProcess(t, place.address.replace(/#.*/, key));
    assert.equal(door.isRelayThere, false);
    assert.match(door.log[0] ?? "", /"relay-unreached"/);
    assert.equal(await statusOf(`${door.origin}/readyz`), 503);
    assert.equal(await statusOf(`${door.origin}/healthz`), 200);
    const announced = await fetch(`http://127.0.0.1:${relay.port}/v1/channel-key`);
    const bytes = Buffer.from(await announced.arrayBuffer());
    place.answer = (_asked, response) =>
      response.writeHead(200, { "content-type": "application/octet-stream" }).end(bytes);
    assert.equal(await statusOf(`${door.origin}/v1/channel-key`), 200);
    await until("the door is ready", async () => {
      return (await statusOf(`${door.origin}/readyz`)) === 200;
    });
  });

  it("does not repeat the password of its proxy", async () => {
    const config = { PORT: 0, DOOR_PROXY: "http://door:secret@proxy.example" };
    await assert.rejects(startDoor({ config, log }), ({ code, message }: TumarError) => {
      return code === "BAD_CONFIG" && !/secret/.test(message);
    });
  });

  it("closes what one address opens and does not use, beyond four times its places", async (t) => {
    const one = { CONNECTIONS_PER_ADDRESS: 1, EXCHANGES_PER_ADDRESS: 1 };
    const door = await doorInProcess(t, (await relayStandIn(t)).address, one);
    const silent = Array.from({ length: 9 }, () => connect(door.port, "127.0.0.1"));
    for (const socket of silent) socket.on("error", () => undefined).resume();
    t.after(() => silent.forEach((socket) => void socket.destroy()));
    await Promise.race(silent.map((socket) => once(socket, "close")));
    assert.equal(silent.filter(({ closed }) => closed).length, 1);
  });

  it("refuses what is no relay's address, and an onion without a proxy", async () => {
    for (const [address, code] of [
      ["https://relay.example", "BAD_CONFIG"],
      ["https://relay.example#k=AAAA", "BAD_RELAY_ADDRESS"],
      [`https://relay.example/path${OTHER_KEY}`, "BAD_CONFIG"],
      [`http://relay.example${OTHER_KEY}`, "BAD_RELAY_ADDRESS"],
      [ONION + OTHER_KEY, "PROXY_REQUIRED"],
    ] as const) {
      await assert.rejects(startDoor({ config: { PORT: 0, DOOR: address }, log }), { code });
    }
  });

  it("reaches an onion through its SOCKS proxy, which is asked for the name", async (t) => {
    const relay = await relayInProcess(t);
    const { hostname } = new URL(ONION);
    const proxy = await socksProxy(t, { [hostname]: `127.0.0.1:${relay.port}` });
    const door = await doorInProcess(t, ONION + new URL(relay.address).hash, {
      DOOR_PROXY: `socks5://${proxy.host}`,
    });
    assert.equal(door.isRelayThere, true);
    assert.deepEqual(proxy.asked(), [`${hostname}:80`]);
  });
});
