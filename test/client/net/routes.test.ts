/** One relay by several ways: its own address and doors, one of which is enough. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RelayPool } from "../../../client/net/relay-pool.ts";
import type { Socket, Transport } from "../../../client/net/transport.ts";
import { unreachable } from "../../../client/net/transport-faults.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { RelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { FakeClock, settled } from "./fake-clock.ts";
import { FakeExchangeRelay } from "./fake-exchange-relay.ts";
import { FakeRelay } from "./fake-relay.ts";
import { deposit } from "./support.ts";

const HOSTS = ["relay.example", "one.example", "two.example"] as const;
type Host = (typeof HOSTS)[number];

/**
 * What stands at a host: the relay, also one that is slow to reach; nothing; somebody else; what never
 * answers; or what shows the relay's key, which everybody can have, and lets nothing further through.
 */
type Behind = "relay" | "slow" | "refused" | "impostor" | "silence" | "facade";

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function deaf(socket: Socket): Socket {
  return {
    bufferedAmount: 0,
    send: () => {},
    listen: (listener) => socket.listen(listener),
    close: () => socket.close(),
  };
}

function setUp(behind: Record<Host, Behind>, kind: "websocket" | "exchange" = "websocket") {
  const clock = new FakeClock();
  const [relay, impostor] = [new FakeRelay(), new FakeRelay()];
  const exchanges = new FakeExchangeRelay(clock);
  const asked: string[] = [];
  const to = async (url: string, signal: AbortSignal): Promise<Behind> => {
    const { hostname, pathname } = new URL(url);
    asked.push(`${hostname.split(".")[0]}${pathname}`);
    const what = behind[hostname as Host];
    if (what === "slow") await new Promise<void>((resolve) => clock.after(700, resolve));
    if (what === "silence") await never(signal);
    if (what === "refused") throw unreachable("no connection");
    return what;
  };
  const transport: Transport = {
    connect: async (url, options) => {
      const what = await to(url, options.signal);
      const { transport: there } = what === "impostor" ? impostor : relay;
      const socket = await there.connect("wss://relay.example/v1/ws", options);
      return what === "facade" ? deaf(socket) : socket;
    },
    get: async (url, options) => {
      await to(url, options.signal);
      return await exchanges.transport.get("https://relay.example/v1/channel-key", options);
    },
    post: async (url, body, options) => {
      if ((await to(url, options.signal)) === "facade") await never(options.signal);
      return await exchanges.transport.post(
        `https://relay.example${new URL(url).pathname}`,
        body,
        options,
      );
    },
  };
  const { hash } = kind === "websocket" ? relay.address : exchanges.address;
  const addressOf = (host: Host): RelayAddress => ({ scheme: "https", host, hash });
  const pool = new RelayPool(
    {
      transport,
      clock,
      transportKind: kind,
      doorsOf: (asked) => {
        assert.deepEqual(asked, hash);
        return [addressOf("one.example"), addressOf("two.example")];
      },
    },
    { announcementOf: () => undefined, keepAnnouncement: () => {} },
  );
  const link = pool.relay(addressOf("relay.example"));
  return { clock, relay, impostor, exchanges, asked, behind, pool, link };
}

describe("over WebSockets", () => {
  it("a door is tried 300 ms after the relay, the next one 700 ms later, and the first that works stays", async () => {
    const { link, clock, asked, relay, pool } = setUp({
      "relay.example": "silence",
      "one.example": "silence",
      "two.example": "relay",
    });
    const answered = link.sender.request(deposit());
    await clock.advance(299);
    assert.deepEqual(asked, ["relay/v1/ws"]);
    await clock.advance(1);
    assert.deepEqual(asked, ["relay/v1/ws", "one/v1/ws"]);
    await clock.advance(699);
    assert.equal(asked.length, 2);
    await clock.advance(1);
    assert.equal((await answered).type, "receipt");
    assert.equal(link.state().trying, "Through the door two.example");
    assert.equal(relay.openSockets, 1);

    asked.length = 0;
    relay.last.cut();
    assert.equal(
      (await Promise.all([link.sender.request(deposit()), clock.advance(2_000)]))[0].type,
      "receipt",
    );
    assert.deepEqual(asked, ["two/v1/ws"], "the last good one first");
    pool.close();
    assert.equal(clock.waiting, 0);
  });

  it("the next one is tried at once when one fails", async () => {
    const { link, asked, pool } = setUp({
      "relay.example": "refused",
      "one.example": "refused",
      "two.example": "relay",
    });
    assert.equal((await link.sender.request(deposit())).type, "receipt");
    assert.deepEqual(asked, ["relay/v1/ws", "one/v1/ws", "two/v1/ws"]);
    pool.close();
  });

  it("a door to another relay is passed over, and its socket closed", async () => {
    const { link, impostor, clock, pool } = setUp({
      "relay.example": "silence",
      "one.example": "impostor",
      "two.example": "relay",
    });
    const answered = link.sender.request(deposit());
    await clock.advance(300);
    assert.equal((await answered).type, "receipt");
    assert.equal(impostor.openSockets, 0);
    assert.equal(impostor.last.frames.length, 0);
    pool.close();
  });

  it("when all fail, the relay's own fault is told", async () => {
    const { link, behind, pool } = setUp({
      "relay.example": "impostor",
      "one.example": "refused",
      "two.example": "refused",
    });
    await assert.rejects(
      link.sender.request(deposit()),
      (error) => error instanceof TumarError && error.code === "RELAY_MISMATCH",
    );
    assert.match(link.state().trying, /^Something else answers in the relay's place/);
    behind["one.example"] = "relay";
    link.kick();
    assert.equal((await link.sender.request(deposit())).type, "receipt");
    pool.close();
  });

  it("what shows the key and lets nothing through is not preferred again, however quick it is", async () => {
    const { link, clock, asked, pool, relay, behind } = setUp({
      "relay.example": "facade",
      "one.example": "slow",
      "two.example": "facade",
    });
    const lost = link.sender.request(deposit()).catch((error) => error.code);
    await clock.advance(35_000);
    assert.match(await lost, /^RELAY_/);
    const [answer] = await Promise.all([link.sender.request(deposit()), clock.advance(25_000)]);
    assert.equal(answer.type, "receipt");
    assert.equal(link.state().trying, "Through the door one.example");

    asked.length = 0;
    relay.last.cut();
    await Promise.all([link.sender.request(deposit()), clock.advance(5_000)]);
    assert.equal(asked[0], "one/v1/ws", "what led to the relay before comes first");
    behind["one.example"] = "refused";
    behind["relay.example"] = "relay";
    relay.last.cut();
    const [last] = await Promise.all([
      link.sender.request(deposit(), { timeoutMs: 60_000 }),
      clock.advance(60_000),
    ]);
    assert.equal(last.type, "receipt", "what was passed over has its turn again");
    pool.close();
    await clock.advance(0);
    assert.equal(relay.openSockets, 0);
  });

  it("closing ends all attempts", async () => {
    const { link, clock, pool } = setUp({
      "relay.example": "silence",
      "one.example": "silence",
      "two.example": "silence",
    });
    const answered = link.sender.request(deposit()).catch((error) => error.code);
    await clock.advance(1_500);
    pool.close();
    assert.equal(await answered, "LINK_CLOSED");
    await settled();
    assert.equal(clock.waiting, 0);
  });
});

describe("over exchanges", () => {
  it("the way is found by asking for the channel key; nothing of the user's goes two ways", async () => {
    const { link, clock, asked, pool, exchanges } = setUp(
      { "relay.example": "silence", "one.example": "relay", "two.example": "relay" },
      "exchange",
    );
    const answered = link.sender.request(deposit());
    await clock.advance(300);
    assert.equal((await answered).type, "receipt");
    await link.sender.request(deposit());
    assert.deepEqual(asked, [
      "relay/v1/channel-key",
      "one/v1/channel-key",
      "one/v1/exchange",
      "one/v1/exchange",
    ]);
    assert.equal(exchanges.posts.length, 2);
    assert.equal(link.state().trying, "Through the door one.example");
    pool.close();
  });

  it("another way is found when the one in use fails", async () => {
    const { link, clock, behind, pool } = setUp(
      { "relay.example": "refused", "one.example": "relay", "two.example": "relay" },
      "exchange",
    );
    await link.sender.request(deposit());
    behind["one.example"] = "refused";
    await link.sender.request(deposit()).catch(() => undefined);
    const [answer] = await Promise.all([link.sender.request(deposit()), clock.advance(5_000)]);
    assert.equal(answer.type, "receipt");
    assert.equal(link.state().trying, "Through the door two.example");
    pool.close();
  });

  it("what shows the key and swallows every exchange is not preferred again", async () => {
    const { link, clock, pool } = setUp(
      { "relay.example": "facade", "one.example": "slow", "two.example": "silence" },
      "exchange",
    );
    const lost = link.sender.request(deposit()).catch((error) => error.code);
    await clock.advance(60_000);
    assert.match(await lost, /^RELAY_/);
    const [answer] = await Promise.all([link.sender.request(deposit()), clock.advance(25_000)]);
    assert.equal(answer.type, "receipt");
    assert.equal(link.state().trying, "Through the door one.example");
    pool.close();
  });
});
