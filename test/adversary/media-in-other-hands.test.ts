/** What lies beside a vault: for who takes the device without the passphrase, and for who takes it open. */

import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Client } from "../../client/core/client.ts";
import { sentPartsOf } from "../../client/core/state/sent-media.ts";
import { FileBlobStorage } from "../../client/vault/node/file-blob-storage.ts";
import { FileStorage } from "../../client/vault/node/file-storage.ts";
import { utf8 } from "../../shared/crypto/bytes.ts";
import { findLeaks } from "../support/leak-search.ts";
import { asFile, bytesOf } from "../support/media-bytes.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { relayInProcess, temporaryDirectory } from "../support/relay.ts";
import { readVault, synced, until } from "../support/stories.ts";

const NAME = "transit zone at night.mp4";
const WORDS = "he says which flight it will be";

interface Scene {
  readonly aigul: Person;
  readonly bek: Person;
  /** With the vaults of both and what lies beside them. */
  readonly directory: string;
}

async function scene(t: TestContext): Promise<Scene> {
  const relay = await relayInProcess(t);
  const directory = await temporaryDirectory(t);
  const inFiles = (name: string) => ({
    storage: new FileStorage(join(directory, name)),
    blobs: new FileBlobStorage(join(directory, `${name}.blobs`)),
  });
  const aigul = await person(t, relay.address, inFiles("aigul"));
  const bek = await person(t, relay.address, inFiles("bek"));
  await acquaint([aigul, "Aigul"], [bek, "Bek"]);
  return { aigul, bek, directory };
}

function clip(length: number): Uint8Array {
  const bytes = bytesOf(length);
  bytes.set(utf8(WORDS), Math.floor(length / 2));
  return bytes;
}

async function folderOf(directory: string, name: string): Promise<readonly string[]> {
  const folder = join(directory, `${name}.blobs`);
  return (await readdir(folder)).map((file) => join(folder, file));
}

async function received({ client }: Person): Promise<Uint8Array> {
  await until("the message", async () => {
    await synced(client);
    return (await client.received()).length > 0;
  });
  const [message] = await client.received();
  assert.ok(message);
  return message.id;
}

describe("media in other hands", () => {
  it("the folder beside a locked vault holds no content, name, type, key or exact size", async (t) => {
    const { aigul, bek, directory } = await scene(t);
    const bytes = clip(100_000);
    const first = await aigul.client.sendMedia("Bek", asFile(bytes, NAME));
    aigul.client.start();
    await aigul.client.stored(first.id);
    const id = await received(bek);
    await bek.client.fetchMedia(id);
    await bek.client.close();
    await aigul.client.close();
    const later = await aigul.reopen();
    await later.sendMedia("Bek", asFile(bytes, NAME));
    await later.close();

    const keys = await readVault(aigul.environment, (view) =>
      sentPartsOf(view, first.id).map(([, { key }]) => key),
    );
    const needles = [
      { what: "content", secret: WORDS },
      { what: "beginning", secret: bytes.subarray(0, 16) },
      { what: "name", secret: NAME },
      { what: "contact", secret: "Aigul" },
      ...keys.flatMap((key) => (key === null ? [] : [{ what: "key", secret: key }])),
    ];
    assert.equal(needles.length, 5);
    const sizes: number[] = [];
    for (const who of ["aigul", "bek"]) {
      for (const path of await folderOf(directory, who)) {
        assert.equal((await stat(path)).mode & 0o777, 0o600);
        const heap = await readFile(path);
        assert.deepEqual(findLeaks(Buffer.concat([heap, Buffer.from(path)]), needles), []);
        sizes.push(heap.length);
      }
    }
    const [size] = sizes.filter((length) => length > 0);
    assert.deepEqual(new Set(sizes.filter((length) => length > 0)), new Set([size]));
    assert.notEqual(size, bytes.length);
  });

  it("an unlocked device has nothing of what it sent, and once it was read not even its key", async (t) => {
    const { aigul, bek, directory } = await scene(t);
    const { id } = await aigul.client.sendMedia("Bek", asFile(clip(50_000), NAME));
    aigul.client.start();
    await aigul.client.stored(id);
    assert.deepEqual(await folderOf(directory, "aigul"), []);
    await bek.client.markRead([await received(bek)]);
    await synced(bek.client);
    await until("read", async () => (await aigul.client.sentMessage(id)).state === "read");
    await aigul.client.close();
    const parts = await readVault(aigul.environment, (view) => sentPartsOf(view, id));
    assert.deepEqual(
      parts.map(([, { key, spool }]) => [key, spool]),
      [[null, ""]],
    );
    await Client.open(aigul.environment).then((client) => client.close());
  });
});
