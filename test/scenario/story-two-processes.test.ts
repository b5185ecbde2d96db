/**
 * Two processes on one vault: one follows the inbox for hours, the other comes to send. Both work,
 * nothing is lost or twice, and neither takes the other for an intruder.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Client } from "../../client/core/client.ts";
import type { ClientEvent } from "../../client/core/types.ts";
import { MemoryDisk, MemoryStorage } from "../../client/vault/memory-storage.ts";
import { FileStorage } from "../../client/vault/node/file-storage.ts";
import { atEnd } from "../support/cleanup.ts";
import { PeerProcess, type PeerReport } from "../support/peer-process.ts";
import { acquaint, PASSPHRASE, person } from "../support/people.ts";
import { relayInProcess, temporaryDirectory } from "../support/relay.ts";
import { allStored, numbered, sendAll, textsOf, until } from "../support/stories.ts";

const COUNT = 10;

describe("two processes on one vault", () => {
  it("a follower and a sender side by side, one killed in the middle", async (t) => {
    const relay = await relayInProcess(t);
    const file = join(await temporaryDirectory(t), "vault");
    const aigul = await person(t, relay.address, { storage: new FileStorage(file) });
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    await aigul.client.close();
    bek.client.start();
    const shown: string[] = [];
    const note = (report: PeerReport) => {
      if (report.type === "received") shown.push(report.text);
    };
    const follower = new PeerProcess(file, PASSPHRASE, note);
    const sender = new PeerProcess(file, PASSPHRASE, note);
    atEnd(t, () => follower.kill());
    atEnd(t, () => sender.kill());
    await follower.start();
    await sender.start();
    const [ofAigul, ofBek] = [numbered("Айгүлден", COUNT), numbered("Бектен", COUNT)];
    sender.send("Бек", ofAigul);
    await sendAll(bek.client, "Айгүл", ofBek);
    await textsOf(bek.client, 3);
    await sender.kill();
    await sender.start();
    sender.send("Бек", ofAigul);
    assert.deepEqual(await textsOf(bek.client, COUNT), ofAigul);
    await until("Bek's messages", () => ofBek.every((text) => shown.includes(text)));
    await sender.stop();
    await follower.stop();

    const back = await aigul.reopen();
    assert.deepEqual(
      (await back.received()).map(({ text }) => text),
      ofBek,
    );
    assert.deepEqual(await back.received({ onlyNew: true }), []);
    assert.equal((await bek.client.received()).length, COUNT);
  });

  it("the one whose mailbox the other takes over raises no alarm and shows what the other takes in", async (t) => {
    const relay = await relayInProcess(t);
    const disk = new MemoryDisk();
    const aigul = await person(t, relay.address, { storage: new MemoryStorage(disk) });
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    bek.client.start();
    const follower = aigul.client;
    const events: ClientEvent[] = [];
    follower.on((event) => events.push(event));
    follower.start();
    await follower.sync();
    const second = { ...aigul.environment, storage: new MemoryStorage(disk) };
    const sender = await Client.open(second);
    atEnd(t, () => sender.close());
    sender.start();
    await sender.sync();
    await sendAll(sender, "Бек", numbered("Айгүлден", COUNT));
    await allStored(sender);
    await textsOf(bek.client, COUNT);
    await sendAll(bek.client, "Айгүл", numbered("Бектен", COUNT));
    const seen: string[] = [];
    for await (const { text } of follower.messages()) {
      if (seen.push(text) === COUNT) break;
    }
    assert.deepEqual(seen, numbered("Бектен", COUNT));
    assert.ok(events.every(({ type }) => type !== "taken-over" && type !== "rollback"));
  });
});
