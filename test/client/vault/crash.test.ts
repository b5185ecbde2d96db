/**
 * A crash at every write: whatever part of it reached the disk, the vault opens with the last
 * complete commit or the one that was being made, and another passphrase's commits are all there.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CELL_BYTES, SECTOR_BYTES } from "../../../client/vault/layout.ts";
import { MemoryDisk, MemoryStorage } from "../../../client/vault/memory-storage.ts";
import type { Patch } from "../../../client/vault/storage.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import {
  contents,
  OTHER_PASSPHRASE,
  openVault,
  PASSPHRASE,
  put,
  quick,
  twoSlots,
} from "./support.ts";

type Contents = Record<string, string>;

/** One call that writes, with what the disk held before it. */
interface WriteCall {
  readonly before: Uint8Array;
  readonly patches: readonly Patch[];
  readonly image: Uint8Array | undefined;
  /** What the vault held before the transaction that made this call, and after it. */
  held: readonly [Contents, Contents];
}

/** Remembers every write, and can refuse one. */
class RecordingStorage extends MemoryStorage {
  readonly calls: WriteCall[] = [];
  readonly #shared: MemoryDisk;
  failWith: TumarError | undefined;

  constructor(disk: MemoryDisk) {
    super(disk);
    this.#shared = disk;
  }

  override async patch(patches: readonly Patch[]): Promise<void> {
    this.#record(patches, undefined);
    await super.patch(patches);
    if (this.failWith) throw this.failWith;
  }

  override async replace(image: Uint8Array): Promise<void> {
    if (this.failWith) throw this.failWith;
    this.#record([], image);
    await super.replace(image);
  }

  #record(patches: readonly Patch[], image: Uint8Array | undefined): void {
    const before = this.#shared.image?.slice() ?? assert.fail();
    this.calls.push({ before, patches, image, held: [{}, {}] });
  }
}

/** Commits of every kind: growing a run, closing it, two and four cells, checkpoint, doubling. */
const SIZES = [
  300, 400, 500, 15_900, 20_000, 200, 60_000, 100, 70_000, 50, 300_000, 10, 20,
] as const;

interface Story {
  readonly calls: readonly WriteCall[];
  readonly otherHeld: Contents;
}

async function tell(): Promise<Story> {
  const disk = await twoSlots();
  const other = await Vault.open(new MemoryStorage(disk), OTHER_PASSPHRASE, quick);
  for (let i = 0; i < 5; i++) await put(other, `other ${i}`, "o".repeat(7_000 * i));
  const storage = new RecordingStorage(disk);
  const vault = await Vault.open(storage, PASSPHRASE, quick);
  let held: Contents = {};
  let done = 0;
  for (const [i, size] of SIZES.entries()) {
    await put(vault, `key ${i % 5}`, String.fromCharCode(97 + i).repeat(size));
    const now = await contents(vault);
    for (const call of storage.calls.slice(done)) call.held = [held, now];
    done = storage.calls.length;
    held = now;
  }
  return { calls: storage.calls, otherHeld: await contents(other) };
}

interface Sector {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function sectorsOf(patches: readonly Patch[]): Sector[] {
  return patches.flatMap(({ offset, bytes }) =>
    Array.from({ length: CELL_BYTES / SECTOR_BYTES }, (_, i) => ({
      offset: offset + i * SECTOR_BYTES,
      bytes: bytes.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES),
    })),
  );
}

/** What the disk may hold after a crash: any sectors of the write, and none of the others. */
function torn(call: WriteCall, reached: (index: number) => boolean): Uint8Array {
  if (call.image) return reached(0) ? call.image : call.before;
  const image = call.before.slice();
  for (const [i, { offset, bytes }] of sectorsOf(call.patches).entries()) {
    if (reached(i)) image.set(bytes, offset);
  }
  return image;
}

const story = await tell();

async function checkRecovers(call: WriteCall, image: Uint8Array): Promise<void> {
  const disk = new MemoryDisk();
  disk.image = image.slice();
  const other = await Vault.open(new MemoryStorage(disk), OTHER_PASSPHRASE, quick);
  assert.deepEqual(await contents(other), story.otherHeld);
  const vault = await openVault(new MemoryStorage(disk));
  const found = await contents(vault);
  const [before, after] = call.held;
  const isOneOfThem = [before, after].some(
    (held) => JSON.stringify(held) === JSON.stringify(found),
  );
  assert.ok(isOneOfThem, "neither the old nor the new commit");
  await put(vault, "afterwards", "x");
  const again = await openVault(new MemoryStorage(disk));
  assert.deepEqual(await contents(again), { afterwards: "x", ...found });
}

describe("crash", () => {
  it("at each write, nothing or all of it on the disk", async () => {
    assert.ok(story.calls.filter((call) => call.image).length >= 3);
    assert.ok(story.calls.filter((call) => !call.image).length >= 8);
    let last: Uint8Array | undefined;
    for (const call of story.calls) {
      const [none, all] = [torn(call, () => false), torn(call, () => true)];
      // What the write before it left, all of which was on the disk, is opened once.
      const isKnown = last !== undefined && Buffer.from(last).equals(none);
      if (!isKnown) await checkRecovers(call, none);
      await checkRecovers(call, all);
      last = all;
    }
  });

  it("in the middle of a write, any sectors of it on the disk (property)", async () => {
    const inPlace = story.calls.filter((call) => !call.image);
    const masks = fc.array(fc.boolean(), { minLength: 64, maxLength: 64 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...inPlace), masks, async (call, mask) => {
        await checkRecovers(
          call,
          torn(call, (i) => mask[i] === true),
        );
      }),
      { numRuns: 20 },
    );
  });

  it("after any number of sectors, in order (kill -9)", async () => {
    const [call] = story.calls.filter(({ patches }) => patches.length === 8);
    assert.ok(call);
    for (let count = 1; count < 32; count += 5) {
      await checkRecovers(
        call,
        torn(call, (i) => i < count),
      );
    }
  });
});

describe("a disk that refuses", () => {
  const full = new TumarError("VAULT_STORAGE", "no space");

  it("a commit in doubt is read again, and the next one writes everything anew", async () => {
    const disk = await twoSlots();
    const storage = new RecordingStorage(disk);
    const vault = await Vault.open(storage, PASSPHRASE, quick);
    await put(vault, "a", "1");
    storage.failWith = full;
    await assert.rejects(put(vault, "a", "2"), { code: "VAULT_STORAGE" });
    assert.deepEqual(await contents(vault), { a: "2" });
    assert.equal(vault.foreignCommitAgeMs, Number.POSITIVE_INFINITY);
    await assert.rejects(put(vault, "a", "3"), { code: "VAULT_STORAGE" });
    assert.deepEqual(await contents(vault), { a: "2" });
    storage.failWith = undefined;
    await put(vault, "a", "4");
    assert.ok(storage.calls.at(-1)?.image);
    assert.deepEqual(await contents(await openVault(new MemoryStorage(disk))), { a: "4" });
  });

  it("does not lock out a reader", async () => {
    const disk = await twoSlots();
    await put(await openVault(new MemoryStorage(disk)), "a", "1");
    const storage = new RecordingStorage(disk);
    storage.failWith = full;
    const vault = await Vault.open(storage, PASSPHRASE, quick);
    assert.deepEqual(await contents(vault), { a: "1" });
    await assert.rejects(put(vault, "a", "2"), { code: "VAULT_STORAGE" });
    assert.deepEqual(await contents(vault), { a: "1" });
  });
});
