/** One suite for every storage that runs in Node: what the vault relies on, each adapter does. */

import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { MemoryDisk, MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { FileStorage } from "../../../client/vault/node/file-storage.ts";
import type { VaultStorage } from "../../../client/vault/storage.ts";
import { createVault, openVault, put } from "./support.ts";

const directory = await mkdtemp(join(tmpdir(), "tumar-vault-"));
after(() => rm(directory, { recursive: true }));

let places = 0;
function newPath(): string {
  places++;
  return join(directory, `place-${places}`, "vault");
}

/** Each call makes a function that opens one new place again and again. */
const adapters: Record<string, () => () => VaultStorage> = {
  memory: () => {
    const disk = new MemoryDisk();
    return () => new MemoryStorage(disk);
  },
  file: () => {
    const path = newPath();
    return () => new FileStorage(path);
  },
};

for (const [name, newPlace] of Object.entries(adapters)) {
  describe(`${name} storage`, () => {
    it("creates once, reads whole and in part, patches, replaces, destroys", async () => {
      const open = newPlace();
      const storage = open();
      assert.equal(await storage.exists(), false);
      await storage.create(new Uint8Array(100).fill(1));
      assert.equal(await open().exists(), true);
      await assert.rejects(open().create(new Uint8Array(3)), { code: "VAULT_EXISTS" });
      await storage.patch([
        { offset: 10, bytes: Uint8Array.of(2, 3) },
        { offset: 98, bytes: Uint8Array.of(4, 5) },
      ]);
      const ranges = [
        { offset: 9, length: 4 },
        { offset: 97, length: 10 },
        { offset: 200, length: 1 },
      ];
      const read = await open().readRanges(ranges);
      assert.deepEqual(
        read.map((bytes) => [...bytes]),
        [[1, 2, 3, 1], [1, 4, 5], []],
      );
      assert.equal((await open().readAll()).length, 100);
      await storage.replace(new Uint8Array(7).fill(9));
      assert.deepEqual(await open().readAll(), new Uint8Array(7).fill(9));
      await storage.destroy();
      assert.equal(await storage.exists(), false);
    });

    it("says VAULT_MISSING where there is nothing", async () => {
      const storage = newPlace()();
      const missing = { code: "VAULT_MISSING" };
      await assert.rejects(storage.readAll(), missing);
      await assert.rejects(storage.readRanges([{ offset: 0, length: 1 }]), missing);
      await assert.rejects(storage.patch([{ offset: 0, bytes: Uint8Array.of(1) }]), missing);
    });

    it("locks out every other opener until released", async () => {
      const open = newPlace();
      const first = open();
      const second = open();
      await first.create(new Uint8Array(1));
      const release = await first.lock(1_000);
      await assert.rejects(second.lock(0), { code: "VAULT_BUSY" });
      await assert.rejects(second.lock(30), { code: "VAULT_BUSY" });
      await assert.rejects(first.lock(0), { code: "VAULT_BUSY" });
      const waiting = second.lock(5_000);
      await release();
      await (await waiting)();
      await (await first.lock(1_000))();
      await first.close();
      await (await first.lock(1_000))();
      await first.destroy();
      await second.close();
    });

    it("carries a vault", async () => {
      const open = newPlace();
      const vault = await createVault(open());
      for (let i = 0; i < 20; i++) await put(vault, `k${i % 4}`, "v".repeat(i * 2_000));
      await vault.close();
      const again = await openVault(open());
      assert.equal(await again.read((view) => view.get("k3")?.length), 38_000);
      assert.equal(again.generation, 20);
      await again.close();
    });
  });
}

describe("file storage", () => {
  it("keeps vault and lock to their owner, and leaves nothing else beside them", async () => {
    const path = newPath();
    const vault = await createVault(new FileStorage(path));
    await put(vault, "a", "1");
    await vault.checkpoint();
    await vault.close();
    const names = (await readdir(join(path, ".."))).sort();
    assert.deepEqual(names, ["vault", "vault.lock"]);
    for (const name of names) {
      assert.equal((await stat(join(path, "..", name))).mode & 0o777, 0o600);
    }
    assert.equal((await stat(join(path, "..", "vault.lock"))).size, 0);
    await new FileStorage(path).destroy();
    assert.deepEqual(await readdir(join(path, "..")), []);
  });

  it("leaves no file behind where it cannot make one", async () => {
    const file = join(directory, "a file");
    await writeFile(file, "x");
    await assert.rejects(createVault(new FileStorage(join(file, "vault"))), {
      code: "VAULT_STORAGE",
    });
    assert.ok(!(await readdir(directory)).some((name) => name.endsWith(".new")));
  });
});
