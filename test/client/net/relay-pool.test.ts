/** The pool: one link for each address, announcements kept by address, one clock for all. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RelayPool, type TransportMemory } from "../../../client/net/relay-pool.ts";
import type { Transport } from "../../../client/net/transport.ts";
import { unexpectedStatus, unreachable } from "../../../client/net/transport-faults.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import { formatRelayAddress, type RelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { encodeAnnouncement } from "../../../shared/wire/channel-key.ts";
import { FakeClock, settled } from "./fake-clock.ts";
import { FakeRelay, HOUR } from "./fake-relay.ts";
import { create, deposit, newKey } from "./support.ts";

const RELAY_URL = "wss://relay.example/v1/ws";

/** Two relays at two hosts, which the fake transport tells apart by their URL. */
function twoRelays() {
  const relays = { "one.example": new FakeRelay(), "two.example": new FakeRelay() };
  const addressOf = (host: keyof typeof relays): RelayAddress => {
    return { scheme: "https", host, hash: relays[host].address.hash };
  };
  const transport: Transport = {
    connect: (url, options) => {
      const relay = relays[new URL(url).hostname as keyof typeof relays];
      return relay.transport.connect(RELAY_URL, options);
    },
    get: () => Promise.reject(unreachable("not asked")),
    post: () => Promise.reject(unreachable("not asked")),
  };
  return { relays, addressOf, transport };
}

describe("pool", () => {
  it("has one link for each address, and asks nothing of a relay nobody needs", async () => {
    const { relays, addressOf, transport } = twoRelays();
    const kept = new Map<string, Uint8Array>();
    const pool = new RelayPool(
      { transport, clock: new FakeClock() },
      {
        announcementOf: (address) => kept.get(address),
        keepAnnouncement: (address, announcement) => kept.set(address, announcement),
      },
    );
    const one = pool.relay(addressOf("one.example"));
    assert.equal(pool.relay({ ...addressOf("one.example") }), one);
    assert.notEqual(pool.relay(addressOf("two.example")), one);
    await one.sender.request(deposit());
    assert.equal(relays["two.example"].attempts, 0);
    const name = formatRelayAddress(addressOf("one.example"));
    assert.equal(one.address, name);
    assert.deepEqual(
      [...kept],
      [[`sender ${name}`, encodeAnnouncement(relays["one.example"].announcement())]],
    );
    pool.close();
    assert.equal(relays["one.example"].openSockets, 0);
  });

  it("opens nothing any more once it is closed, whoever still asks", async () => {
    const { relays, addressOf, transport } = twoRelays();
    const clock = new FakeClock();
    const pool = new RelayPool(
      { transport, clock },
      { announcementOf: () => undefined, keepAnnouncement: () => undefined },
    );
    await pool.relay(addressOf("one.example")).sender.request(deposit());
    pool.close();
    for (const host of ["one.example", "two.example"] as const) {
      const late = pool.relay(addressOf(host));
      await assert.rejects(late.sender.request(deposit()), { code: "LINK_CLOSED" });
    }
    assert.equal(relays["two.example"].attempts, 0);
    assert.equal(clock.waiting, 0);
  });

  it("takes the hour from all its relays, beginning at the newest known", async () => {
    const { relays, addressOf, transport } = twoRelays();
    relays["two.example"].hour = HOUR + 40;
    const store = { announcementOf: () => undefined, keepAnnouncement: () => {} };
    const pool = new RelayPool({ transport, clock: new FakeClock() }, store, HOUR - 3);
    assert.equal(pool.clock.hour(), HOUR - 3);
    await pool.relay(addressOf("one.example")).sender.request(deposit());
    await pool.relay(addressOf("two.example")).sender.request(deposit());
    assert.equal(pool.clock.hour(), HOUR);
    assert.equal(pool.clock.isAgreed(), false);
    pool.close();
  });

  it("passes a change of network on to every link", async () => {
    const { relays, addressOf, transport } = twoRelays();
    for (const relay of Object.values(relays)) relay.refusal = unreachable("no connection");
    const store = { announcementOf: () => undefined, keepAnnouncement: () => {} };
    const pool = new RelayPool({ transport, clock: new FakeClock() }, store);
    const answers = (["one.example", "two.example"] as const).map((host) =>
      pool.relay(addressOf(host)).sender.request(deposit()),
    );
    await settled();
    for (const relay of Object.values(relays)) relay.refusal = undefined;
    pool.networkChanged();
    assert.equal((await Promise.all(answers)).length, 2);
    pool.close();
  });
});

describe("pools of one device", () => {
  it("share what they find out about a network, and no connection", async () => {
    const { relays, addressOf, transport } = twoRelays();
    const relay = relays["one.example"];
    const store = { announcementOf: () => undefined, keepAnnouncement: () => {} };
    const environment = { transport, clock: new FakeClock(), choices: new Map() };
    const [home, peer] = [new RelayPool(environment, store), new RelayPool(environment, store)];
    relay.refusal = unexpectedStatus(403);
    const address = addressOf("one.example");
    const asked = [home, peer].map((pool) => pool.relay(address));
    const [first, second] = asked.map((link) => link.sender.request(deposit()).catch(() => {}));
    await settled();
    assert.equal(asked[1]?.state().transport, "exchange");
    relay.attempts = 0;
    peer
      .relay(address)
      .owner.request(create(newKey()), { proveWith: newKey() })
      .catch(() => {});
    await settled();
    assert.equal(relay.attempts, 0, "no WebSocket is tried any more");
    home.close();
    peer.close();
    await Promise.all([first, second]);
  });

  it("learn nothing of a relay from what stands elsewhere and names its key: contacts name addresses", async () => {
    const { relays, addressOf, transport } = twoRelays();
    const store = { announcementOf: () => undefined, keepAnnouncement: () => {} };
    const kept: string[] = [];
    const memory: TransportMemory = {
      recall: (relay) => {
        kept.push(toHex(relay));
        return undefined;
      },
      keep: () => {},
    };
    const environment = { transport, clock: new FakeClock(), choices: new Map(), memory };
    const [home, peer] = [new RelayPool(environment, store), new RelayPool(environment, store)];
    const own = home.relay(addressOf("one.example"));
    relays["two.example"].refusal = unexpectedStatus(403);
    const named = peer.relay({ ...addressOf("one.example"), host: "two.example" });
    const refused = named.sender.request(deposit()).catch(() => {});
    await settled();
    assert.equal(named.state().transport, "exchange");
    assert.equal(own.state().transport, "websocket");
    assert.equal((await own.sender.request(deposit())).type, "receipt");
    assert.equal(new Set(kept).size, 2);
    home.close();
    peer.close();
    await refused;
  });
});
