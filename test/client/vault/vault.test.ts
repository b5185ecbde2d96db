/** Transactions: all or nothing, seen by every opener, and nothing written without a reason. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MemoryDisk, MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { fromUtf8, utf8 } from "../../../shared/crypto/bytes.ts";
import { contents, createVault, openVault, PASSPHRASE, put, quick } from "./support.ts";

type Step = (world: World) => Promise<void>;

/** The vault under test, beside the plain map it is compared with. */
interface World {
  readonly disk: MemoryDisk;
  readonly model: Map<string, number>;
  vault: Vault;
}

const keys = fc.constantFrom("a", "b/1", "b/2", "b/қ", "c");
const puts: fc.Arbitrary<Step> = fc.tuple(keys, sizes()).map(([key, size]) => async (world) => {
  world.model.set(key, size);
  await world.vault.transaction((tx) => tx.put(key, new Uint8Array(size).fill(7)));
});
const deletes: fc.Arbitrary<Step> = keys.map((key) => async (world) => {
  world.model.delete(key);
  await world.vault.transaction((tx) => tx.delete(key));
});
const others: fc.Arbitrary<Step> = fc.constantFrom(
  (world: World) => world.vault.checkpoint(),
  async (world: World) => {
    await world.vault.close();
    world.vault = await openVault(new MemoryStorage(world.disk));
  },
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: puts },
    { weight: 2, arbitrary: deletes },
    { weight: 1, arbitrary: others },
  ),
  { maxLength: 30 },
);

function sizes(): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 3_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: 12_000, max: 70_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 300_000 }) },
  );
}

describe("vault", () => {
  it("keeps what a plain map keeps, through any sizes and re-openings (property)", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const disk = new MemoryDisk();
        const vault = await createVault(new MemoryStorage(disk));
        const world: World = { disk, model: new Map(), vault };
        for (const step of list) await step(world);
        const again = await openVault(new MemoryStorage(disk));
        for (const one of [world.vault, again]) {
          const kept = await one.read((view) => view.list("").map(([k, v]) => [k, v.length]));
          assert.deepEqual(
            kept,
            [...world.model].sort(([a], [b]) => (a < b ? -1 : 1)),
          );
        }
        assert.equal(again.generation, world.vault.generation);
      }),
      { numRuns: 25 },
    );
  });

  it("counts a generation per commit and writes nothing for a transaction without effect", async () => {
    const disk = new MemoryDisk();
    const vault = await createVault(new MemoryStorage(disk));
    assert.equal(vault.generation, 0);
    await put(vault, "a", "1");
    await put(vault, "b", "2");
    assert.equal(vault.generation, 2);
    const before = disk.image?.slice();
    await put(vault, "a", "1");
    await vault.transaction((tx) => {
      tx.put("new", utf8("x"));
      tx.delete("new");
      tx.delete("absent");
      tx.setOnOpenList([]);
    });
    assert.equal(vault.generation, 2);
    assert.deepEqual(disk.image, before);
  });

  it("changes nothing when the function throws", async () => {
    const disk = new MemoryDisk();
    const vault = await createVault(new MemoryStorage(disk));
    await put(vault, "a", "1");
    const before = disk.image?.slice();
    const failing = vault.transaction(async (tx) => {
      tx.put("a", utf8("2"));
      tx.delete("a");
      throw new Error("no");
    });
    await assert.rejects(failing, /^Error: no$/);
    assert.deepEqual(disk.image, before);
    assert.deepEqual(await contents(vault), { a: "1" });
  });

  it("reads its own writes inside a transaction, in key order", async () => {
    const vault = await createVault(new MemoryStorage());
    await put(vault, "m/2", "two");
    await put(vault, "m/3", "three");
    const seen = await vault.transaction((tx) => {
      tx.put("m/1", utf8("one"));
      tx.put("n", utf8("other"));
      tx.delete("m/3");
      assert.equal(tx.has("m/3"), false);
      assert.equal(tx.get("m/3"), undefined);
      assert.equal(tx.generation, 2);
      return tx.list("m/").map(([key, value]) => [key, fromUtf8(value)]);
    });
    assert.deepEqual(seen, [
      ["m/1", "one"],
      ["m/2", "two"],
    ]);
  });

  it("copies what goes in and out", async () => {
    const vault = await createVault(new MemoryStorage());
    const value = utf8("one");
    await vault.transaction((tx) => {
      tx.put("a", value);
      tx.setOnOpenList([value]);
      value.fill(0);
    });
    await vault.read((view) => {
      view.get("a")?.fill(0);
      view.onOpenList()[0]?.fill(0);
    });
    assert.deepEqual(await contents(vault), { a: "one" });
    assert.deepEqual(await vault.read((view) => view.onOpenList()), [utf8("one")]);
  });

  it("keeps the on-open list through re-opening and checkpoints", async () => {
    const disk = new MemoryDisk();
    const vault = await createVault(new MemoryStorage(disk));
    const envelopes = [new Uint8Array(1024).fill(1), new Uint8Array(4096).fill(2)];
    await vault.transaction((tx) => tx.setOnOpenList(envelopes));
    for (let i = 0; i < 2; i++) {
      const again = await openVault(new MemoryStorage(disk));
      assert.deepEqual(await again.read((view) => view.onOpenList()), envelopes);
    }
  });

  it("refuses keys it cannot give back, and views used too late", async () => {
    const vault = await createVault(new MemoryStorage());
    for (const key of ["", "\ud800", "k".repeat(513)]) {
      await assert.rejects(put(vault, key, "x"), RangeError);
    }
    const late = await vault.transaction((tx) => tx);
    assert.throws(() => late.get("a"), TypeError);
    assert.throws(() => late.put("a", utf8("x")), TypeError);
    const view = await vault.read((v) => v);
    assert.throws(() => view.list(""), TypeError);
  });

  it("shows one opener what another committed, and when", async () => {
    const disk = new MemoryDisk();
    let now = 1_000;
    const clock = { ...quick, now: () => now };
    const first = await Vault.create(new MemoryStorage(disk), PASSPHRASE, clock);
    const second = await Vault.open(new MemoryStorage(disk), PASSPHRASE, clock);
    assert.equal(await first.refresh(), false);
    assert.equal(first.foreignCommitAgeMs, Number.POSITIVE_INFINITY);
    await put(second, "a", "1");
    assert.equal(await first.refresh(), true);
    assert.equal(await first.refresh(), false);
    now += 30_000;
    assert.equal(first.foreignCommitAgeMs, 30_000);
    assert.equal(second.foreignCommitAgeMs, Number.POSITIVE_INFINITY);
    for (let i = 0; i < 40; i++) await put(i % 2 ? first : second, `k${i}`, "x".repeat(900 * i));
    assert.deepEqual(await contents(first), await contents(second));
    assert.equal(first.generation, 41);
  });

  it("lets no update of two openers be lost", async () => {
    const disk = new MemoryDisk();
    const vaults = [await createVault(new MemoryStorage(disk))];
    for (let i = 0; i < 2; i++) vaults.push(await openVault(new MemoryStorage(disk)));
    const add = (vault: Vault) =>
      vault.transaction((tx) => {
        const count = tx.get("count")?.[0] ?? 0;
        tx.put("count", Uint8Array.of(count + 1));
      });
    await Promise.all(Array.from({ length: 60 }, (_, i) => add(vaults[i % 3] ?? assert.fail())));
    const count = await vaults[0]?.read((view) => view.get("count")?.[0]);
    assert.equal(count, 60);
  });

  it("says VAULT_BUSY when others keep the lock, and goes on afterwards", async () => {
    const disk = new MemoryDisk();
    const patient = await createVault(new MemoryStorage(disk));
    const hasty = await Vault.open(new MemoryStorage(disk), PASSPHRASE, {
      ...quick,
      lockWaitMs: 5,
    });
    await patient.transaction(async () => {
      await assert.rejects(put(hasty, "a", "1"), { code: "VAULT_BUSY" });
      await assert.rejects(put(hasty, "a", "1"), { code: "VAULT_BUSY" });
    });
    await hasty.transaction(() => assert.rejects(put(hasty, "a", "1"), { code: "VAULT_BUSY" }));
    await put(hasty, "a", "2");
    assert.deepEqual(await contents(patient), { a: "2" });
  });

  it("closes after the calls made before and is of no use then", async () => {
    const disk = new MemoryDisk();
    const vault = await createVault(new MemoryStorage(disk));
    const writing = put(vault, "a", "1");
    await vault.close();
    await writing;
    await vault.close();
    await assert.rejects(put(vault, "a", "2"), { code: "VAULT_CLOSED" });
    await assert.rejects(contents(vault), { code: "VAULT_CLOSED" });
    assert.deepEqual(await contents(await openVault(new MemoryStorage(disk))), { a: "1" });
  });

  it("refuses an older copy put in its place while it is open", async () => {
    const disk = new MemoryDisk();
    const vault = await createVault(new MemoryStorage(disk));
    await put(vault, "a", "1");
    const old = disk.image?.slice();
    await put(vault, "a", "2");
    disk.image = old;
    await assert.rejects(contents(vault), { code: "VAULT_DAMAGED" });
  });

  it("doubles up to 16 MiB a slot, then says VAULT_FULL and stays usable", async () => {
    const disk = new MemoryDisk();
    const vault = await createVault(new MemoryStorage(disk));
    const large = new Uint8Array(7 * 1024 * 1024);
    for (const key of ["m0", "m1"]) await vault.transaction((tx) => tx.put(key, large));
    const before = disk.image?.slice();
    const tooMuch = vault.transaction((tx) => tx.put("m2", large));
    await assert.rejects(tooMuch, { code: "VAULT_FULL" });
    assert.ok(Buffer.from(disk.image ?? []).equals(before ?? new Uint8Array()));
    assert.equal(disk.image?.length, 16_384 + 4 * (16 * 1024 * 1024 + 16 * 16_384));
    await vault.transaction((tx) => tx.delete("m0"));
    await put(vault, "small", "x");
    const again = await openVault(new MemoryStorage(disk));
    assert.equal(await again.read((view) => view.keys("").length), 2);
  });

  it("opens with the same text however it was composed, under real Argon2id", async () => {
    const disk = new MemoryDisk();
    const composed = "Көй ﬁ é";
    await (await Vault.create(new MemoryStorage(disk), composed.normalize("NFC"))).close();
    const vault = await Vault.open(new MemoryStorage(disk), composed.normalize("NFKD"));
    assert.equal(vault.generation, 0);
    await assert.rejects(Vault.open(new MemoryStorage(disk), "көй ﬁ é"), {
      code: "VAULT_PASSPHRASE",
    });
  });
});
