/** The client facade: what callers are promised beyond the happy path. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Client } from "../../../client/core/client.ts";
import { listMyGrants, putMyGrant } from "../../../client/core/state/grants.ts";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import { MemoryBlobStorage } from "../../../client/vault/memory-blob-storage.ts";
import { MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { toBase32, utf8 } from "../../../shared/crypto/bytes.ts";
import { signingKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import { formatCard } from "../../../shared/e2ee/card.ts";
import { parseRelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { parseCardSecret } from "../../../shared/e2ee/root.ts";
import { atEnd } from "../../support/cleanup.ts";
import { acquaint, PASSPHRASE, person } from "../../support/people.ts";
import { relayInProcess } from "../../support/relay.ts";
import { meddle } from "../../support/slip.ts";
import { hurriedClock } from "../../support/stories.ts";

/** Nothing listens on the discard port. */
const DEAD_RELAY = "http://127.0.0.1:9#k=AAAAAAAAAAAAAAAAAAAAAA";

describe("a new identity", () => {
  it("leaves no vault behind when the relay cannot be reached or is another one", async (t) => {
    const relay = await relayInProcess(t);
    const wrongKey = relay.address.replace(/#k=.*/, "#k=AAAAAAAAAAAAAAAAAAAAAA");
    for (const [address, code] of [
      [DEAD_RELAY, "RELAY_UNREACHABLE"],
      [wrongKey, "RELAY_MISMATCH"],
      ["https://example.org", "BAD_RELAY_ADDRESS"],
    ] as const) {
      const storage = new MemoryStorage();
      const environment = {
        storage,
        blobs: new MemoryBlobStorage(),
        passphrase: PASSPHRASE,
        transport: nodeTransport(),
        clock: hurriedClock,
      };
      const options = { relay: address, wordList: "english" } as const;
      await assert.rejects(Client.create(environment, options), { code });
      assert.equal(await storage.exists(), false);
    }
  });

  it("is not made over an old one", async (t) => {
    const relay = await relayInProcess(t);
    const { environment } = await person(t, relay.address);
    const options = { relay: relay.address, wordList: "english" } as const;
    await assert.rejects(Client.create(environment, options), { code: "VAULT_EXISTS" });
  });
});

describe("contacts", () => {
  it("are found by name or by the beginning of their identity", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    const contact = await aigul.client.addContact(await bek.client.card(), " Бек ");
    assert.equal(contact.name, "Бек");
    const prefix = toBase32(contact.identity).slice(0, 6);
    assert.deepEqual(await aigul.client.contact(prefix), contact);
    assert.deepEqual(await aigul.client.contacts(), [contact]);
    await assert.rejects(aigul.client.contact("Алма"), { code: "CONTACT_UNKNOWN" });
    await assert.rejects(aigul.client.contact(prefix.slice(0, 1)), { code: "CONTACT_UNKNOWN" });
    await aigul.client.confirmSafetyNumber("Бек");
    assert.equal((await aigul.client.contact("Бек")).isVerified, true);
  });

  it("refuse a taken name, a bad name, a bad card and one's own card, and change nothing", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    const dana = await person(t, relay.address);
    const card = await bek.client.card();
    await aigul.client.addContact(card, "Bek");
    const before = await aigul.client.contacts();
    for (const [given, name, code] of [
      [await dana.client.card(), "Bek", "CONTACT_NAME_TAKEN"],
      [card, "Somebody", "CONTACT_NAME_TAKEN"],
      [await dana.client.card(), "", "NAME_INVALID"],
      [await dana.client.card(), "a\u0007b", "NAME_INVALID"],
      [await aigul.client.card(), "Me", "OWN_CARD"],
      [`${card.slice(0, -1)}${card.endsWith("A") ? "B" : "A"}`, "X", "BAD_CARD"],
    ] as const) {
      await assert.rejects(aigul.client.addContact(given, name), { code });
    }
    assert.deepEqual(await aigul.client.contacts(), before);
  });
});

describe("a text", () => {
  it("of exactly the room arrives; one byte more is TEXT_TOO_LONG with the room", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    const tooLong = await aigul.client.send("Bek", "a".repeat(20_000)).catch((error) => error);
    assert.equal(tooLong.code, "TEXT_TOO_LONG");
    const { room } = tooLong.details;
    assert.equal(tooLong.details.over, 20_000 - room);
    await assert.rejects(aigul.client.send("Bek", "a".repeat(room + 1)), { code: "TEXT_TOO_LONG" });
    await aigul.client.send("Bek", "ы".repeat(room / 2));
    await aigul.client.sync();
    await bek.client.sync();
    const [message] = await bek.client.received();
    assert.equal(utf8(message?.text ?? "").length, Math.floor(room / 2) * 2);
  });

  it("that is empty or not Unicode is refused", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await aigul.client.addContact(await bek.client.card(), "Bek");
    await assert.rejects(aigul.client.send("Bek", ""), { code: "TEXT_EMPTY" });
    await assert.rejects(aigul.client.send("Bek", "\ud800"), { code: "MALFORMED" });
    assert.deepEqual(await aigul.client.sent(), []);
  });
});

describe("without an answer", () => {
  it("a message to a card nobody registered stays written and says why", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const card = formatCard({
      root: signingKeyPair(systemRandom(32)).publicKey,
      secret: parseCardSecret(systemRandom(16)),
      relays: [parseRelayAddress(relay.address)],
    });
    await aigul.client.addContact(card, "Nobody");
    const { id } = await aigul.client.send("Nobody", "hello");
    aigul.client.start();
    await assert.rejects(aigul.client.stored(id), { code: "NOT_REGISTERED" });
    const [item] = await aigul.client.outbox();
    assert.match(item?.waitingFor ?? "", /card/);
  });

  it("sync and stored name the relay that does not answer; the message waits", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await aigul.client.addContact(await bek.client.card(), "Bek");
    await relay.close();
    const { id } = await aigul.client.send("Bek", "hello");
    await assert.rejects(aigul.client.sync({ timeoutMs: 1500 }), { code: "RELAY_UNREACHABLE" });
    await assert.rejects(aigul.client.stored(id, { timeoutMs: 500 }), {
      code: "RELAY_UNREACHABLE",
    });
    assert.equal((await aigul.client.outbox()).length, 1);
    await aigul.client.close();
    await assert.rejects(aigul.client.send("Bek", "again"), { code: "VAULT_CLOSED" });
    assert.throws(() => aigul.client.start(), { code: "CLIENT_CLOSED" });
  });
});

describe("two processes of one vault", () => {
  it("follow and send side by side; a takeover by one's own raises no alarm", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    const alarms: string[] = [];
    bek.client.on((event) => alarms.push(event.type));
    bek.client.start();
    const second = await Client.open(bek.environment);
    atEnd(t, () => second.close());
    await second.send("Aigul", "from the second process");
    await second.sync();
    await aigul.client.sync();
    await aigul.client.send("Bek", "answer");
    await aigul.client.sync();
    await second.sync();
    for await (const message of bek.client.messages()) {
      assert.equal(message.text, "answer");
      break;
    }
    assert.ok(!alarms.includes("taken-over"), alarms.join());
  });

  it("a sync on the one that lost the mailbox takes it back", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await bek.client.sync();
    const second = await Client.open(bek.environment);
    atEnd(t, () => second.close());
    await second.sync();
    await aigul.client.send("Bek", "hello");
    await aigul.client.sync();
    await bek.client.sync({ timeoutMs: 20_000 });
    assert.deepEqual(
      (await bek.client.received()).map(({ text }) => text),
      ["hello"],
    );
  });
});

describe("a client that runs for long", () => {
  it("ends its iterators when it is closed, also in the middle of a look", async (t) => {
    const relay = await relayInProcess(t);
    const { client } = await person(t, relay.address);
    const ended = client.messages().next();
    const closing = client.close();
    assert.deepEqual(await ended, { done: true, value: undefined });
    await closing;
  });

  it("tells of its connection, and registers the grants it gives out", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    const running = await aigul.reopen();
    const ups: boolean[] = [];
    running.on((event) => {
      if (event.type === "connection") ups.push(event.isUp);
    });
    await running.sync();
    assert.deepEqual(ups, [true]);
    // As after the eighth new contact: nothing registered is left to give.
    await meddle(aigul, (tx) => {
      for (const grant of listMyGrants(tx)) {
        if (grant.use === "spare") putMyGrant(tx, { ...grant, use: "contact" });
      }
    });
    await running.send("Bek", "hello");
    await running.sync();
    await bek.client.sync();
    const { id } = await bek.client.send("Aigul", "answer");
    await bek.client.sync();
    await bek.client.stored(id);
  });
});
