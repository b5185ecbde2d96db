/** Media from one vault to another over a real relay: whole, live, cut off, resumed, and from hostile senders. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it, type TestContext } from "node:test";
import { Client } from "../../../client/core/client.ts";
import type { Core } from "../../../client/core/context.ts";
import { addressOf } from "../../../client/core/manifest.ts";
import { takeRead } from "../../../client/core/reads.ts";
import { redraft } from "../../../client/core/resend.ts";
import { settleMessage } from "../../../client/core/settled-messages.ts";
import { listPeers } from "../../../client/core/state/contacts.ts";
import { deleteDraft, listDrafts } from "../../../client/core/state/outbox.ts";
import {
  getSentPart,
  putSentPart,
  sentPartsOf,
  updateIdsOf,
} from "../../../client/core/state/sent-media.ts";
import type { ReceivedMedia } from "../../../client/core/types.ts";
import { photoCopy } from "../../../client/media/node/photo-copy.ts";
import { MAX_PHOTO_COPY_BYTES } from "../../../client/media/photo-copy.ts";
import { MemoryBlobStorage, MemoryBlobs } from "../../../client/vault/memory-blob-storage.ts";
import { MemoryDisk, MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { ERRORS, TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { chunkOffset, generateBlobKey, paddedBlobBytes } from "../../../shared/e2ee/blob.ts";
import { parseMessageId } from "../../../shared/e2ee/content.ts";
import { decodeGrantList } from "../../../shared/e2ee/grant.ts";
import { type MediaPart, type PartRole, parseBlobId } from "../../../shared/e2ee/media.ts";
import { parseRelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { blobIdOf } from "../../../shared/wire/ids.ts";
import { photoFile } from "../../support/media.ts";
import {
  asFile,
  bytesOf,
  fileOf,
  LiveSource,
  opened,
  openedSoFar,
} from "../../support/media-bytes.ts";
import { acquaint, type Person, person } from "../../support/people.ts";
import { relayInProcess, type TestRelay } from "../../support/relay.ts";
import { meddle, slip } from "../../support/slip.ts";
import { hurriedClock, readVault, synced, until } from "../../support/stories.ts";

interface Scene {
  readonly relay: TestRelay;
  readonly aigul: Person;
  readonly bek: Person;
  /** Where Aigul's sealed bytes lie. */
  readonly folder: MemoryBlobs;
}

async function scene(t: TestContext): Promise<Scene> {
  const relay = await relayInProcess(t);
  const folder = new MemoryBlobs();
  const blobs = new MemoryBlobStorage(folder);
  const aigul = await person(t, relay.address, { blobs });
  const bek = await person(t, relay.address);
  await acquaint([aigul, "Aigul"], [bek, "Bek"]);
  return { relay, aigul, bek, folder };
}

const JPEG = [0xff, 0xd8];
const PNG = [0x89, 0x50];

async function mediaOf({ client }: Pick<Person, "client">, id: Uint8Array): Promise<ReceivedMedia> {
  const { media } = await client.receivedMessage(id);
  assert.ok(media);
  return media;
}

/** The message's media is here, and what is at the relay is known. */
async function came({ client }: Person, id: Uint8Array): Promise<ReceivedMedia> {
  await until("the message", async () => {
    await synced(client);
    return (await client.received()).some((message) => message.id.join() === id.join());
  });
  await client.refreshMedia();
  return await mediaOf({ client }, id);
}

describe("a file", () => {
  it("comes as it was sent, byte for byte; nothing of it stays in the sender's folder", async (t) => {
    const { aigul, bek } = await scene(t);
    aigul.client.start();
    const bytes = bytesOf(300_000);
    const written = await aigul.client.sendMedia("Bek", asFile(bytes, "notes.bin"));
    assert.equal(written.kind, "file");
    assert.equal(written.state, "written");
    assert.equal(written.media?.name, "notes.bin");
    const stored = await aigul.client.stored(written.id);
    assert.equal(stored.state, "stored");
    assert.equal(stored.media?.storedBytes, stored.media?.totalBytes);
    assert.deepEqual(await aigul.environment.blobs.list(), []);
    assert.deepEqual(await aigul.client.outbox(), []);

    const { state, percent, dataBytes, isFetched } = await came(bek, written.id);
    assert.deepEqual([state, percent, dataBytes, isFetched], ["complete", 100, 300_000, false]);
    const seen: number[] = [];
    const fetched = await bek.client.fetchMedia(written.id, {
      onProgress: ({ fetchedBytes }) => seen.push(fetchedBytes),
    });
    assert.equal(fetched.isFetched, true);
    assert.equal(seen.at(-1), fetched.parts[0]?.totalBytes);
    assert.deepEqual(await opened(bek.client, written.id), bytes);
    await bek.client.discardMedia(written.id);
    assert.deepEqual(await bek.environment.blobs.list(), []);
    await assert.rejects(opened(bek.client, written.id), { code: "BLOB_CUT_OFF" });
    assert.ok((await bek.client.fetchMedia(written.id)).isFetched, "it is fetched once more");

    await bek.client.markRead([written.id]);
    await synced(bek.client);
    await until("read", async () => (await aigul.client.sentMessage(written.id)).state === "read");
    const keys = await readVault(aigul.environment, (view) =>
      sentPartsOf(view, written.id).map(([, { key }]) => key),
    );
    assert.deepEqual(keys, [null], "what was sent can still be read");
  });

  it("written before anything is known of its reader goes with the first message", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await aigul.client.addContact(await bek.client.card(), "Bek");
    const bytes = bytesOf(50_000);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytes));
    const [waiting] = await aigul.client.outbox();
    assert.equal(waiting?.media?.isSealed, true);
    await synced(aigul.client);
    await aigul.client.stored(id);
    await came(bek, id);
    await bek.client.fetchMedia(id);
    assert.deepEqual(await opened(bek.client, id), bytes);
  });

  it("that is empty, or given up while it is read, leaves nothing", async (t) => {
    const { aigul } = await scene(t);
    await assert.rejects(aigul.client.sendMedia("Bek", asFile(new Uint8Array())), {
      code: "MEDIA_EMPTY",
    });
    await assert.rejects(aigul.client.sendMedia("Nobody", asFile(bytesOf(5))), {
      code: "CONTACT_UNKNOWN",
    });
    const stop = new AbortController();
    const source = new LiveSource();
    source.push(bytesOf(40_000));
    const sending = aigul.client.sendMedia("Bek", {
      kind: "file",
      source,
      signal: stop.signal,
      onSealed: () => {
        stop.abort(new Error("changed my mind"));
        source.push(bytesOf(1));
      },
    });
    await assert.rejects(sending, /changed my mind/);
    assert.deepEqual(await aigul.environment.blobs.list(), []);
    assert.deepEqual(await aigul.client.sent(), []);
    assert.deepEqual(await aigul.client.outbox(), []);
  });

  it("whose sender died while sealing it is told as lost, and its bytes go", async (t) => {
    const { aigul, folder } = await scene(t);
    const source = new LiveSource();
    source.push(bytesOf(600_000));
    let seal = (): void => undefined;
    const sealed = new Promise<void>((resolve) => (seal = resolve));
    const sending = aigul.client.sendMedia("Bek", {
      kind: "file",
      source,
      name: "a.bin",
      onSealed: seal,
    });
    await sealed;
    // The process is gone: its claims are free, its vault is as it left it.
    await aigul.environment.blobs.close();
    const disk = aigul.environment.storage;
    const next = { ...aigul.environment, storage: disk, blobs: new MemoryBlobStorage(folder) };
    const client = await Client.open(next);
    try {
      client.start();
      await until("it is told", async () => (await client.sent()).length === 1);
      const [lost] = await client.sent();
      assert.deepEqual([lost?.state, lost?.media?.isLost], ["expired", true]);
      assert.equal(lost?.media?.name, "a.bin");
      await assert.rejects(client.stored(lost?.id ?? new Uint8Array()), {
        code: "MEDIA_INTERRUPTED",
      });
      await until("its bytes are gone", async () => folder.blobs.size === 0);
    } finally {
      await client.close();
    }
    source.end();
    await assert.rejects(sending);
  });

  it("goes on by another process of the vault when the first is gone, and by one at a time", async (t) => {
    const relay = await relayInProcess(t);
    const [disk, folder] = [new MemoryDisk(), new MemoryBlobs()];
    const environment = () => ({
      storage: new MemoryStorage(disk),
      blobs: new MemoryBlobStorage(folder),
    });
    const aigul = await person(t, relay.address, environment());
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    // Sealed by a process that ends before anything was sent.
    const bytes = bytesOf(200_000);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytes));
    await aigul.client.close();
    assert.equal(folder.blobs.size, 1);
    const [spool = ""] = folder.blobs.keys();
    const holder = await new MemoryBlobStorage(folder).claim(spool);
    const clock = hurriedClock;
    const second = await Client.open({ ...aigul.environment, ...environment(), clock });
    try {
      await synced(second);
      const [waiting] = await second.outbox();
      assert.equal(waiting?.media?.storedBytes, 0, "another process has it");
      await holder?.release();
      assert.equal((await second.stored(id)).state, "stored");
      assert.equal(folder.blobs.size, 0);
      await came(bek, id);
      await bek.client.fetchMedia(id);
      assert.deepEqual(await opened(bek.client, id), bytes);
    } finally {
      await second.close();
    }
  });

  it("whose sealed bytes somebody removed is told as lost", async (t) => {
    const { aigul, folder } = await scene(t);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytesOf(20_000)));
    folder.blobs.clear();
    await synced(aigul.client);
    await until("it is told", async () => (await aigul.client.sentMessage(id)).state === "expired");
    await assert.rejects(aigul.client.stored(id), { code: "MEDIA_INTERRUPTED" });
  });
});

describe("media that a relay refuses", () => {
  it("waits, says why in plain words, and does not hold up texts", async (t) => {
    const relay = await relayInProcess(t, { BLOB_MAX_BYTES: 10_000 });
    const aigul = await person(t, relay.address, { clock: hurriedClock });
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    aigul.client.start();
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytesOf(90_000)));
    await assert.rejects(aigul.client.stored(id), { code: "BLOB_TOO_LARGE" });
    const [item] = await aigul.client.outbox();
    assert.equal(item?.waitingFor, ERRORS.BLOB_TOO_LARGE.meaning);
    assert.equal(item?.media?.isSealed, true);
    const text = await aigul.client.send("Bek", "hello");
    assert.equal((await aigul.client.stored(text.id)).state, "stored");
  });
});

describe("media whose day has passed", () => {
  it("is dropped, and says that it expired", async (t) => {
    const { aigul, bek, folder } = await scene(t);
    await aigul.client.send("Bek", "hello");
    await synced(aigul.client);
    // Written by a client that does not send yet, and placed as if it had been sealed long ago.
    const quiet = await aigul.reopen();
    const { id } = await quiet.sendMedia("Bek", asFile(bytesOf(20_000)));
    await quiet.close();
    const [place] = await readVault(aigul.environment, (view) =>
      listPeers(view, bek.client.identity).flatMap(({ grants }) => decodeGrantList(grants)),
    );
    assert.ok(place);
    await meddle(aigul, (tx) => {
      const row = getSentPart(tx, id, 0);
      assert.ok(row);
      putSentPart(tx, id, 0, { ...row, ...addressOf(place), expiryDay: 1 });
    });
    const later = await aigul.reopen();
    await synced(later);
    await until("it expired", async () => (await later.sentMessage(id)).state === "expired");
    await assert.rejects(later.stored(id), { code: "EXPIRED" });
    assert.equal(folder.blobs.size, 0);
    assert.deepEqual(await later.outbox(), []);
  });
});

describe("media whose manifest was read before its bytes left", () => {
  it("waits in the outbox until all of it is stored, and leaves no key then", async (t) => {
    const { aigul, bek } = await scene(t);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytesOf(50_000)));
    await meddle(aigul, (tx) => takeRead(tx, bek.client.identity, [parseMessageId(id)]));
    assert.equal((await aigul.client.sentMessage(id)).state, "read");
    assert.equal((await aigul.client.outbox()).length, 1);
    aigul.client.start();
    const { media, state } = await aigul.client.stored(id);
    assert.deepEqual([state, media?.storedBytes], ["read", media?.totalBytes]);
    assert.deepEqual(await aigul.client.outbox(), []);
    const keys = await readVault(aigul.environment, (view) =>
      sentPartsOf(view, id).map(([, { key }]) => key),
    );
    assert.deepEqual(keys, [null]);
  });

  it("is told as lost when its bytes are", async (t) => {
    const { aigul, bek, folder } = await scene(t);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytesOf(50_000)));
    await meddle(aigul, (tx) => takeRead(tx, bek.client.identity, [parseMessageId(id)]));
    folder.blobs.clear();
    aigul.client.start();
    await assert.rejects(aigul.client.stored(id), { code: "MEDIA_INTERRUPTED" });
  });
});

describe("media that waits to be sealed", () => {
  it("is not given up with an envelope that expired; without one its bytes go too", async (t) => {
    const { aigul, bek, folder } = await scene(t);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytesOf(50_000)));
    const look = () => meddle(aigul, (tx) => settleMessage(tx, id));
    assert.deepEqual(await look(), { events: [], spools: [] });
    assert.equal((await aigul.client.sentMessage(id)).state, "written");
    const given = await meddle(aigul, (tx) => {
      const root = bek.client.identity;
      for (const [place] of listDrafts(tx, root)) deleteDraft(tx, root, place);
      return settleMessage(tx, id);
    });
    assert.deepEqual(given.events, [{ type: "expired", id }]);
    assert.deepEqual(given.spools, [...folder.blobs.keys()]);
  });
});

describe("media whose message was lost", () => {
  it("is told once more, and not shown twice; the relay's copy serves", async (t) => {
    const { aigul, bek } = await scene(t);
    const bytes = bytesOf(30_000);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytes));
    await synced(aigul.client);
    await aigul.client.stored(id);
    const root = bek.client.identity;
    const later = await aigul.reopen();
    const events = await meddle(aigul, (tx) =>
      // As when a reset names it: nothing else of a client is needed for that.
      redraft(tx, {} as Core, root, [parseMessageId(id)], true),
    );
    assert.deepEqual(events, [{ type: "written", id }]);
    await synced(later);
    assert.equal((await later.stored(id)).state, "stored");
    await came(bek, id);
    assert.equal((await bek.client.received()).length, 1);
    await bek.client.fetchMedia(id);
    assert.deepEqual(await opened(bek.client, id), bytes);
  });

  it("of a recording is told with its end", async (t) => {
    const { aigul, bek } = await scene(t);
    aigul.client.start();
    const source = new LiveSource();
    source.push(bytesOf(5_000));
    const { id } = await aigul.client.sendMedia("Bek", { kind: "file", source, isLive: true });
    source.end();
    await aigul.client.stored(id);
    const root = bek.client.identity;
    const later = await aigul.reopen();
    await meddle(aigul, (tx) => {
      const lost = [id, ...updateIdsOf(tx, id)].map(parseMessageId);
      assert.equal(lost.length, 2);
      return redraft(tx, {} as Core, root, lost, true);
    });
    await synced(later);
    assert.equal((await later.stored(id)).state, "stored");
    await until("complete", async () => (await came(bek, id)).state === "complete");
    assert.equal((await bek.client.received()).length, 1);
  });
});

describe("a recording", () => {
  it("can be read while it goes on, and is whole in the end", async (t) => {
    const { aigul, bek } = await scene(t);
    aigul.client.start();
    const source = new LiveSource();
    const bytes = bytesOf(90_000);
    source.push(bytes.subarray(0, 40_000));
    const sent = await aigul.client.sendMedia("Bek", { kind: "file", source, isLive: true });
    const { id } = sent;
    assert.deepEqual([sent.media?.isSealed, sent.media?.totalBytes], [false, null]);
    source.push(new Uint8Array());
    await until("a segment is stored", async () => {
      const { media } = await aigul.client.sentMessage(id);
      return media?.storedBytes === chunkOffset(3);
    });
    const growing = await came(bek, id);
    assert.deepEqual([growing.state, growing.percent], ["arriving", null]);
    assert.equal((await bek.client.fetchMedia(id)).isFetched, false);
    assert.deepEqual(await opened(bek.client, id), bytes.slice(0, 40_000));
    assert.equal((await aigul.client.sentMessage(id)).state, "written");
    const [item] = await aigul.client.outbox();
    assert.match(item?.waitingFor ?? "", /recorded/);

    source.push(bytes.subarray(40_000));
    source.end();
    const sealed = await aigul.client.mediaSealed(id);
    assert.equal(sealed.media?.isSealed, true);
    assert.equal((await aigul.client.stored(id)).state, "stored");
    assert.deepEqual(await aigul.environment.blobs.list(), []);
    await until("the end is told", async () => (await came(bek, id)).state === "complete");
    const whole = await bek.client.fetchMedia(id);
    assert.deepEqual([whole.isFetched, whole.percent, whole.cutOffAtMs], [true, 100, null]);
    assert.ok(whole.durationMs > 0);
    assert.deepEqual(await opened(bek.client, id), bytes);
  });

  it("whose sender's process ends is cut off there, told when it is back", async (t) => {
    const { aigul, bek, folder } = await scene(t);
    aigul.client.start();
    const source = new LiveSource();
    const bytes = bytesOf(30_000);
    source.push(bytes);
    const { id } = await aigul.client.sendMedia("Bek", { kind: "file", source, isLive: true });
    source.push(new Uint8Array());
    await until("stored", async () => {
      return (await aigul.client.sentMessage(id)).media?.storedBytes === chunkOffset(2);
    });
    await aigul.client.close();
    assert.equal(folder.blobs.size, 1);
    assert.equal((await came(bek, id)).state, "arriving");

    const later = await aigul.reopen();
    await synced(later);
    const stored = await later.stored(id);
    assert.deepEqual([stored.state, stored.media?.isCutOff], ["stored", true]);
    assert.equal(folder.blobs.size, 0);
    await until("the end is told", async () => (await came(bek, id)).state === "cut-off");
    const fetched = await bek.client.fetchMedia(id);
    assert.equal(fetched.isFetched, true);
    assert.ok(fetched.cutOffAtMs !== null && fetched.cutOffAtMs > 0);
    assert.deepEqual(await opened(bek.client, id), bytes);
  });

  it("that breaks off by a fault of its source says so to both sides", async (t) => {
    const { aigul, bek } = await scene(t);
    aigul.client.start();
    const source = new LiveSource();
    source.push(bytesOf(5_000));
    const { id } = await aigul.client.sendMedia("Bek", { kind: "file", source, isLive: true });
    source.fail(new Error("the camera went away"));
    await assert.rejects(aigul.client.mediaSealed(id), /camera/);
    assert.equal((await aigul.client.stored(id)).media?.isCutOff, true);
    await until("cut off", async () => (await came(bek, id)).state === "cut-off");
    await bek.client.fetchMedia(id);
    assert.deepEqual(await opened(bek.client, id), bytesOf(5_000));
  });

  it("whose disk fails once ends there, cut off: what opens is what came before", async (t) => {
    const { aigul, bek } = await scene(t);
    aigul.client.start();
    const source = new LiveSource();
    const bytes = bytesOf(300_000);
    source.push(bytes.subarray(0, 100_000));
    const { id } = await aigul.client.sendMedia("Bek", { kind: "file", source, isLive: true });
    await until("something is stored", async () => {
      return ((await aigul.client.sentMessage(id)).media?.storedBytes ?? 0) > 0;
    });
    const { blobs } = aigul.environment;
    const append = blobs.append.bind(blobs);
    blobs.append = () => {
      blobs.append = append;
      return Promise.reject(new TumarError("VAULT_STORAGE", "no space left for a moment"));
    };
    source.push(bytes.subarray(100_000, 200_000));
    source.push(bytes.subarray(200_000));
    source.end();
    await assert.rejects(aigul.client.mediaSealed(id), { code: "VAULT_STORAGE" });
    const stored = await aigul.client.stored(id);
    assert.deepEqual([stored.state, stored.media?.isCutOff], ["stored", true]);
    await until("cut off", async () => (await came(bek, id)).state === "cut-off");
    assert.equal((await bek.client.fetchMedia(id)).isFetched, true);
    const whole = await opened(bek.client, id);
    assert.ok(whole.length > 0 && whole.length < 200_000);
    assert.deepEqual(whole, bytes.slice(0, whole.length));
  });

  it("that breaks off is told as cut off, also when its process dies while closing it", async (t) => {
    const { aigul, bek } = await scene(t);
    const source = new LiveSource();
    const bytes = bytesOf(30_000);
    source.push(bytes);
    const { id } = await aigul.client.sendMedia("Bek", { kind: "file", source, isLive: true });
    source.push(new Uint8Array());
    const { blobs, storage } = aigul.environment;
    await until("sealed", async () => {
      const [name = ""] = await blobs.list();
      return (await blobs.length(name)) === chunkOffset(2);
    });
    // From the moment its last chunk is on the disk, nothing of the vault gets there.
    const { patch, replace } = storage;
    blobs.sync = async () => {
      storage.patch = storage.replace = () => Promise.reject(new Error("the process is gone"));
    };
    source.fail(new Error("the camera went away"));
    await assert.rejects(aigul.client.mediaSealed(id));
    blobs.sync = async () => {};
    [storage.patch, storage.replace] = [patch, replace];
    const later = await aigul.reopen();
    await synced(later);
    assert.equal((await later.stored(id)).media?.isCutOff, true);
    await until("cut off", async () => (await came(bek, id)).state === "cut-off");
    await bek.client.fetchMedia(id);
    assert.deepEqual(await opened(bek.client, id), bytes);
  });

  it("ends by its signal as if by itself", async (t) => {
    const { aigul, bek } = await scene(t);
    aigul.client.start();
    const [source, stop] = [new LiveSource(), new AbortController()];
    const options = { kind: "file", source, isLive: true, signal: stop.signal } as const;
    source.push(bytesOf(5_000));
    const { id } = await aigul.client.sendMedia("Bek", options);
    stop.abort();
    await aigul.client.mediaSealed(id);
    assert.equal((await aigul.client.stored(id)).media?.isCutOff, false);
    await until("complete", async () => (await came(bek, id)).state === "complete");
  });
});

describe("a photo", () => {
  it("comes with a small copy, which leaves first, and is fetched first", async (t) => {
    const { aigul, bek } = await scene(t);
    const source = fileOf(new Uint8Array(await readFile(await photoFile({ format: "png" }))));
    const again = await Client.open({ ...aigul.environment, photoCopy });
    try {
      const { id } = await again.sendMedia("Bek", { kind: "photo", source, name: "IMG_1.png" });
      again.start();
      const { media } = await again.stored(id);
      assert.equal(media?.metadata, "stripped");
      const photo = await came(bek, id);
      assert.deepEqual(
        photo.parts.map(({ role, state }) => [role, state]),
        [
          ["preview", "complete"],
          ["whole", "complete"],
        ],
      );
      assert.ok((photo.parts[0]?.dataBytes ?? Number.POSITIVE_INFINITY) <= MAX_PHOTO_COPY_BYTES);
      const roles: PartRole[] = [];
      const fetched = await bek.client.fetchMedia(id, {
        onProgress: ({ role }) => roles.at(-1) !== role && roles.push(role),
      });
      assert.deepEqual(roles, ["preview", "whole"]);
      assert.equal(fetched.isFetched, true);
      for (const part of roles) {
        const bytes = await opened(bek.client, id, part);
        assert.equal(bytes.length, fetched.parts[roles.indexOf(part)]?.dataBytes);
        assert.deepEqual([...bytes.subarray(0, 2)], part === "preview" ? JPEG : PNG);
      }
    } finally {
      await again.close();
    }
  });

  it("lets its small copy go before a clip that is on its way already", async (t) => {
    const { aigul } = await scene(t);
    const photo = new Uint8Array(await readFile(await photoFile({ format: "png" })));
    const again = await Client.open({ ...aigul.environment, photoCopy });
    try {
      const clip = await again.sendMedia("Bek", asFile(bytesOf(6_000_000)));
      again.start();
      await until("the clip is on its way", async () => {
        return ((await again.sentMessage(clip.id)).media?.storedBytes ?? 0) > 0;
      });
      const options = { kind: "photo", source: fileOf(photo) } as const;
      const { id } = await again.sendMedia("Bek", options);
      await until("the small copy is on its way", async () => {
        return ((await again.sentMessage(id)).media?.storedBytes ?? 0) > 0;
      });
      assert.equal((await again.sentMessage(clip.id)).state, "written");
      await again.stored(id);
      assert.equal((await again.sentMessage(clip.id)).state, "stored", "what was written first");
    } finally {
      await again.close();
    }
  });
});

describe("a receiver", () => {
  it("that follows sees it arrive without asking", async (t) => {
    const { relay, aigul } = await scene(t);
    const bek = await person(t, relay.address, { clock: hurriedClock });
    await acquaint([aigul, "Aigul"], [bek, "Ben"]);
    aigul.client.start();
    bek.client.start();
    const source = new LiveSource();
    source.push(bytesOf(40_000));
    const { id } = await aigul.client.sendMedia("Ben", { kind: "file", source, isLive: true });
    const stop = new AbortController();
    const following = (async () => {
      for await (const message of bek.client.messages({ signal: stop.signal })) {
        assert.deepEqual(message.id, id);
      }
    })();
    source.push(new Uint8Array());
    const stored = async (): Promise<number> =>
      (await bek.client.received())[0]?.media?.parts[0]?.storedBytes ?? 0;
    await until("it arrives", async () => (await stored()) === chunkOffset(3));
    source.push(bytesOf(40_000));
    source.end();
    await until("it is whole", async () => (await mediaOf(bek, id)).state === "complete");
    stop.abort();
    await following;
  });

  it("that stops and starts again fetches nothing twice", async (t) => {
    const { aigul, bek } = await scene(t);
    aigul.client.start();
    const bytes = bytesOf(900_000);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytes));
    await aigul.client.stored(id);
    await came(bek, id);
    const stop = new AbortController();
    let first = 0;
    const fetching = bek.client.fetchMedia(id, {
      signal: stop.signal,
      onProgress: ({ fetchedBytes }) => {
        first = fetchedBytes;
        if (fetchedBytes > 200_000) stop.abort(new Error("enough"));
      },
    });
    await assert.rejects(fetching, /enough/);
    const again = await bek.reopen();
    const kept = (await mediaOf({ client: again }, id)).parts[0]?.fetchedBytes ?? 0;
    assert.ok(kept >= 200_000 && kept <= first);
    const soFar = await openedSoFar(again, id);
    assert.deepEqual(soFar, bytes.slice(0, soFar.length));
    const seen: number[] = [];
    await again.fetchMedia(id, { onProgress: ({ fetchedBytes }) => seen.push(fetchedBytes) });
    assert.ok((seen[0] ?? 0) > kept - 1, "it began anew");
    assert.deepEqual(await opened(again, id), bytes);
  });

  it("finds a chunk that was changed, keeps those before it, and says so", async (t) => {
    const { aigul, bek, folder } = await scene(t);
    const bytes = bytesOf(120_000);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytes));
    const [spool] = folder.blobs.values();
    assert.ok(spool);
    const sealed = Buffer.concat(spool.pieces);
    sealed[chunkOffset(3) + 1_000] = ~(sealed[chunkOffset(3) + 1_000] ?? 0);
    spool.pieces.splice(0, spool.pieces.length, new Uint8Array(sealed));
    await synced(aigul.client);
    await aigul.client.stored(id);
    await came(bek, id);
    for (const _ of [1, 2]) {
      await assert.rejects(bek.client.fetchMedia(id), { code: "BLOB_DAMAGED" });
      const [part] = (await mediaOf(bek, id)).parts;
      assert.equal(part?.fetchedBytes, chunkOffset(3));
      assert.deepEqual(await openedSoFar(bek.client, id), bytes.slice(0, 3 * 16_337));
    }
  });

  it("is not deceived by a manifest that lies", async (t) => {
    const { aigul, bek } = await scene(t);
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytesOf(50_000)));
    await synced(aigul.client);
    await aigul.client.stored(id);
    const truth = await readVault(aigul.environment, (view) => getSentPart(view, id, 0));
    assert.ok(truth?.key);
    const place = {
      relay: parseRelayAddress(truth.relay),
      blobId: parseBlobId(blobIdOf(truth.uploadId)),
    };
    const { key, dataBytes, sealedBytes, hash } = truth;
    const part: MediaPart = { role: "whole", key, place, dataBytes, sealedBytes, hash };
    const lies: readonly Partial<MediaPart>[] = [
      { dataBytes: 70_000, sealedBytes: paddedBlobBytes(5) },
      { dataBytes: 40_000, sealedBytes: paddedBlobBytes(3) },
      { dataBytes: 49_100 },
      { hash: bytesOf(32) },
      { key: generateBlobKey(systemRandom) },
      { dataBytes: 100_000_000_000, sealedBytes: paddedBlobBytes(6_121_075) },
    ];
    const head = { name: "x", type: "", metadata: "none", durationMs: 0 } as const;
    const bodies = lies.map((lie) => {
      return { kind: "file", media: { ...head, parts: [{ ...part, ...lie }] } } as const;
    });
    const later = await aigul.reopen();
    await slip(aigul, bek, bodies);
    await synced(later);
    await came(bek, id);
    await until("all lies", async () => {
      await synced(bek.client);
      return (await bek.client.received()).length === 1 + lies.length;
    });
    const told = (await bek.client.received()).filter((message) => message.media?.name === "x");
    assert.equal(told.length, lies.length);
    for (const [i, message] of told.entries()) {
      await assert.rejects(
        bek.client.fetchMedia(message.id),
        { code: "BLOB_MISMATCH" },
        JSON.stringify(lies[i]),
      );
      assert.equal((await mediaOf(bek, message.id)).isFetched, false);
    }
    await bek.client.fetchMedia(id);
    assert.deepEqual(await opened(bek.client, id), bytesOf(50_000));
  });

  it("has nothing to fetch in a text, in what is unknown, or in a part that is not there", async (t) => {
    const { aigul, bek } = await scene(t);
    await aigul.client.send("Bek", "hello");
    await synced(aigul.client);
    await synced(bek.client);
    const [text] = await bek.client.received();
    assert.ok(text);
    assert.equal(text.media, null);
    await assert.rejects(bek.client.fetchMedia(text.id), { code: "MEDIA_UNKNOWN" });
    await assert.rejects(bek.client.fetchMedia(bytesOf(16)), { code: "MESSAGE_UNKNOWN" });
    const { id } = await aigul.client.sendMedia("Bek", asFile(bytesOf(9)));
    await synced(aigul.client);
    await came(bek, id);
    await assert.rejects(bek.client.fetchMedia(id, { part: "preview" }), { code: "MEDIA_UNKNOWN" });
    await assert.rejects(opened(bek.client, text.id), { code: "MEDIA_UNKNOWN" });
  });

  it("shows what was never begun as arriving, later as cut off, and fetches nothing of it", async (t) => {
    const { relay, aigul, bek } = await scene(t);
    const place = { relay: parseRelayAddress(relay.address), blobId: parseBlobId(bytesOf(24)) };
    const key = generateBlobKey(systemRandom);
    const end = { dataBytes: 9, sealedBytes: paddedBlobBytes(1), hash: bytesOf(32) };
    const parts: readonly MediaPart[] = [{ role: "whole", key, place, ...end }];
    const media = { name: "x", type: "", metadata: "none", durationMs: 0, parts } as const;
    const hour = Math.floor(Date.now() / 3_600_000);
    await slip(aigul, bek, [{ kind: "file", media }], { hour: hour - 3 });
    await slip(aigul, bek, [{ kind: "file", media }], { hour });
    await synced(aigul.client);
    await until("the messages", async () => {
      await synced(bek.client);
      return (await bek.client.received()).length === 2;
    });
    await bek.client.refreshMedia();
    const [before, message] = await bek.client.received();
    assert.ok(message);
    assert.deepEqual([before?.media?.state, before?.media?.percent], ["cut-off", 0]);
    assert.deepEqual([message.media?.state, message.media?.percent], ["arriving", 0]);
    const fetched = await bek.client.fetchMedia(message.id);
    assert.deepEqual([fetched.isFetched, fetched.parts[0]?.fetchedBytes], [false, 0]);
  });
});
