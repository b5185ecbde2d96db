/** A channel from the attempt to connect to its end: what goes in which message, and each way it can go wrong. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { encodeAnnouncement } from "../../../shared/wire/channel-key.ts";
import { settled } from "./fake-clock.ts";
import { FakeRelay, HOUR, newChannelKey } from "./fake-relay.ts";
import { create, deposit, newKey, setUp } from "./support.ts";

describe("first frames", () => {
  it("ride in message 1 when an announcement is known: one round trip", async () => {
    const relay = new FakeRelay();
    relay.greeting = () => undefined;
    const announcement = encodeAnnouncement(relay.announcement());
    const { link, clock } = setUp({ relay, announcement });
    const mailbox = newKey();
    const answered = link.owner.request(create(mailbox), { proveWith: mailbox });
    await settled();
    assert.equal(relay.last.raw.length, 0, "waits for the announcement a moment");
    await clock.advance(50);
    assert.equal((await answered).type, "ok");
    assert.deepEqual(
      relay.last.flights.map((flight) => flight.map(({ type }) => type)),
      [["hello", "prove", "mailbox.create"]],
    );
    assert.equal(relay.last.raw.length, 1);
    link.close();
    assert.equal(clock.waiting, 0);
  });

  it("wait for the relay's first message when none is known, which is then kept", async () => {
    const { relay, link, kept, clock } = setUp();
    const receipt = await link.sender.request(deposit());
    assert.equal(receipt.type, "receipt");
    assert.equal(relay.last.flights.length, 1);
    assert.deepEqual(kept, [encodeAnnouncement(relay.announcement())]);
    assert.equal(link.facts()?.hello.hour, HOUR);
    assert.deepEqual(link.facts()?.identity, relay.identity.publicKey);
    link.close();
    assert.equal(clock.waiting, 0);
  });

  it("go again, proof first and in order, when the epoch was not current", async () => {
    const relay = new FakeRelay();
    relay.greeting = () => undefined;
    const announcement = encodeAnnouncement({ ...relay.announcement(), epoch: systemRandom(16) });
    const { link, clock } = setUp({ relay, announcement });
    const [first, second] = [newKey(), newKey()];
    const answers = Promise.all([
      link.owner.request(create(first), { proveWith: first }),
      link.owner.request(create(second), { proveWith: second }),
      link.owner.request(
        { type: "mailbox.delete", mailbox: first.publicKey },
        { proveWith: first },
      ),
    ]);
    await settled();
    await clock.advance(50);
    assert.deepEqual(
      (await answers).map(({ type }) => type),
      ["ok", "ok", "ok"],
    );
    const types = relay.last.flights.map((flight) => flight.map(({ type }) => type));
    const asked = ["prove", "mailbox.create", "prove", "mailbox.create", "mailbox.delete"];
    assert.deepEqual(types, [["hello", ...asked], asked]);
    link.close();
  });

  it("go again to the newer key when the relay has dropped the one known", async () => {
    const relay = new FakeRelay();
    const announcement = encodeAnnouncement(relay.announcement());
    relay.keys = [newChannelKey(HOUR + 24)];
    relay.greeting = () => undefined;
    const { link, kept, clock } = setUp({ relay, announcement });
    const mailbox = newKey();
    const answered = link.owner.request(create(mailbox), { proveWith: mailbox });
    await settled();
    await clock.advance(50);
    assert.equal((await answered).type, "ok");
    assert.equal(relay.connections.length, 1);
    assert.equal(relay.last.raw.length, 2);
    assert.deepEqual(kept, [encodeAnnouncement(relay.announcement())]);
    link.close();
  });
});
