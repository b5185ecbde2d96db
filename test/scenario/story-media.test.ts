/**
 * A clip on its way while everything dies: its sender's process, its relay, the network between. What was
 * stored is never lost, what was recorded is read up to where it broke off.
 */

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { Client } from "../../client/core/client.ts";
import type { ReceivedMedia } from "../../client/core/types.ts";
import { FileBlobStorage } from "../../client/vault/node/file-blob-storage.ts";
import { FileStorage } from "../../client/vault/node/file-storage.ts";
import { fromBase32 } from "../../shared/crypto/bytes.ts";
import { atEnd } from "../support/cleanup.ts";
import { asFile, bytesOf, opened } from "../support/media-bytes.ts";
import { PeerProcess, type PeerReport } from "../support/peer-process.ts";
import { acquaint, PASSPHRASE, type Person, person } from "../support/people.ts";
import { relayProcess, temporaryDirectory } from "../support/relay.ts";
import { hurriedClock, synced, until } from "../support/stories.ts";

/** Aigul, whose client is a process of its own. */
class Sender {
  readonly peer: PeerProcess;
  readonly folder: string;
  id: Uint8Array | undefined;
  storedBytes = 0;
  isStored = false;

  constructor(vaultFile: string) {
    this.folder = `${vaultFile}.blobs`;
    this.peer = new PeerProcess(vaultFile, PASSPHRASE, (report) => this.#onReport(report));
  }

  #onReport(report: PeerReport): void {
    if (report.type !== "media") return;
    this.id = fromBase32(report.id);
    this.storedBytes = report.storedBytes;
    this.isStored = report.isStored;
  }
}

async function senderAndReader(
  t: TestContext,
  directory: string,
  relay: string,
): Promise<{ readonly sender: Sender; readonly bek: Person }> {
  const file = join(directory, "aigul.vault");
  const storage = new FileStorage(file);
  const blobs = new FileBlobStorage(`${file}.blobs`);
  const aigul = await person(t, relay, { storage, blobs });
  const bek = await person(t, relay);
  await acquaint([aigul, "Aigul"], [bek, "Bek"]);
  await aigul.client.close();
  const sender = new Sender(file);
  atEnd(t, () => sender.peer.kill());
  return { sender, bek };
}

async function mediaOf(client: Client, id: Uint8Array): Promise<ReceivedMedia | null> {
  await synced(client);
  const all = await client.received();
  return all.find((message) => message.id.join() === id.join())?.media ?? null;
}

describe("a clip on its way", () => {
  it("of a sender who is killed while recording is read up to there, and told to be cut off", async (t) => {
    const directory = await temporaryDirectory(t);
    const relay = await relayProcess(t, { directory: join(directory, "relay") });
    const { sender, bek } = await senderAndReader(t, directory, relay.address);
    await sender.peer.start();
    sender.peer.record("Bek", 200_000_000);
    await until("some of it is stored", () => sender.storedBytes > 150_000);
    await sender.peer.kill();
    const { id, storedBytes } = sender;
    assert.ok(id);
    await until("it arrives", async () => (await mediaOf(bek.client, id)) !== null);
    const before = await bek.client.fetchMedia(id);
    assert.deepEqual([before.state, before.isFetched], ["arriving", false]);
    const early = await opened(bek.client, id);
    assert.ok(early.length > storedBytes * 0.9, `${early.length} of ${storedBytes}`);
    assert.deepEqual(early, bytesOf(early.length));

    await sender.peer.start();
    await until("it is closed", async () => (await mediaOf(bek.client, id))?.state === "cut-off");
    const after = await bek.client.fetchMedia(id);
    assert.ok(after.isFetched);
    assert.ok(after.cutOffAtMs !== null && after.cutOffAtMs > 0);
    const all = await opened(bek.client, id);
    assert.ok(all.length >= early.length);
    assert.deepEqual(all, bytesOf(all.length));
    await until("nothing of it is left", async () => (await readdir(sender.folder)).length === 0);
  });

  it("comes whole though sender and relay are killed again and again", async (t) => {
    const directory = await temporaryDirectory(t);
    const data = { directory: join(directory, "relay") };
    let relay = await relayProcess(t, data);
    const { port } = relay;
    const { sender, bek } = await senderAndReader(t, directory, relay.address);
    const length = 4_000_000;
    await sender.peer.start();
    sender.peer.sendFile("Bek", length);
    for (const share of [0.2, 0.5, 0.7]) {
      await until(`${share} is stored`, () => sender.storedBytes > share * length);
      if (share === 0.5) {
        await relay.end("SIGKILL");
        relay = await relayProcess(t, { ...data, port });
      } else {
        await sender.peer.kill();
        await sender.peer.start();
      }
    }
    await until("it is stored", () => sender.isStored);
    assert.deepEqual(await readdir(sender.folder), []);
    const { id } = sender;
    assert.ok(id);
    await until("it came", async () => (await mediaOf(bek.client, id))?.state === "complete");
    const stop = new AbortController();
    const half = bek.client.fetchMedia(id, {
      signal: stop.signal,
      onProgress: ({ fetchedBytes }) => fetchedBytes > length / 2 && stop.abort(new Error("half")),
    });
    await assert.rejects(half, /half/);
    await relay.end("SIGKILL");
    await relayProcess(t, { ...data, port });
    const later = await bek.reopen();
    await later.fetchMedia(id);
    assert.deepEqual(await opened(later, id), bytesOf(length));
  });

  it("goes to another relay of its reader when the first is gone for good", async (t) => {
    const directory = await temporaryDirectory(t);
    const names = ["first", "second"].map((name) => ({ directory: join(directory, name) }));
    const [dying, living] = await Promise.all(names.map((name) => relayProcess(t, name)));
    assert.ok(dying !== undefined && living !== undefined);
    const clock = hurriedClock;
    const aigul = await person(t, living.address, { clock });
    const bek = await person(t, [dying.address, living.address], { clock });
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await aigul.client.send("Bek", "hello");
    await synced(aigul.client);
    await synced(bek.client);
    aigul.client.start();
    const bytes = bytesOf(3_000_000);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytes));
    await until("some of it is stored", async () => {
      return ((await aigul.client.sentMessage(id)).media?.storedBytes ?? 0) > 0;
    });
    await dying.end("SIGKILL");
    await until("it is stored", async () => {
      return (await aigul.client.sentMessage(id)).state === "stored";
    });
    await until("it came", async () => (await mediaOf(bek.client, id))?.state === "complete");
    await bek.client.fetchMedia(id);
    assert.deepEqual(await opened(bek.client, id), bytes);
  });
});
