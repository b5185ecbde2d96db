/** The places for blobs: one suite for memory and files, and what holds for files alone. */

import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { BlobStorage } from "../../../client/vault/blob-storage.ts";
import { MemoryBlobStorage, MemoryBlobs } from "../../../client/vault/memory-blob-storage.ts";
import { FileBlobStorage } from "../../../client/vault/node/file-blob-storage.ts";
import { atEnd } from "../../support/cleanup.ts";
import { temporaryDirectory } from "../../support/relay.ts";
import { BLOB_STORAGE_CASES } from "./blob-storage-cases.ts";

type Places = (test: TestContext) => Promise<() => BlobStorage>;

const inMemory: Places = async () => {
  const blobs = new MemoryBlobs();
  return () => new MemoryBlobStorage(blobs);
};

const inFiles: Places = async (test) => {
  const folder = join(await temporaryDirectory(test), "vault.blobs");
  return () => {
    const storage = new FileBlobStorage(folder);
    atEnd(test, () => storage.close());
    return storage;
  };
};

for (const [name, place] of Object.entries({ memory: inMemory, files: inFiles })) {
  describe(`blobs in ${name}`, () => {
    for (const [what, holds] of Object.entries(BLOB_STORAGE_CASES)) {
      it(what, async (t) => {
        await holds(await place(t));
      });
    }
  });
}

describe("blobs in files", () => {
  it("are their owner's alone, and lie there as they were given", async (t) => {
    const folder = join(await temporaryDirectory(t), "vault.blobs");
    const storage = new FileBlobStorage(folder);
    const { name, release } = await storage.create();
    await storage.append(name, Uint8Array.of(1, 2, 3));
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    for (const file of await readdir(folder)) {
      assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
    }
    assert.deepEqual([...(await readFile(join(folder, name)))], [1, 2, 3]);
    await storage.delete(name);
    await release();
    assert.deepEqual(await readdir(folder), []);
    await storage.destroy();
    await assert.rejects(readdir(folder), { code: "ENOENT" });
  });

  it("make no folder before there is one, and see nothing in what is not theirs", async (t) => {
    const folder = join(await temporaryDirectory(t), "vault.blobs");
    const storage = new FileBlobStorage(folder);
    assert.deepEqual(await storage.list(), []);
    assert.equal(await storage.length("00"), null);
    await assert.rejects(readdir(folder), { code: "ENOENT" });
    const { release } = await storage.create();
    await release();
    await writeFile(join(folder, "notes.txt"), "mine");
    assert.equal((await storage.list()).length, 1);
  });

  it("fail with an error of ours where no folder can be", async (t) => {
    const file = join(await temporaryDirectory(t), "a file");
    await writeFile(file, "x");
    const storage = new FileBlobStorage(join(file, "vault.blobs"));
    await assert.rejects(storage.create(), { code: "VAULT_STORAGE" });
  });
});
