/**
 * What two images of a container show without a passphrase: which bytes changed, and nothing that
 * depends on which slot, or how many, are in use.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  bodyBytes,
  bodyOffset,
  CELL_BYTES,
  CELLS,
  cellOffset,
  HEADER_BYTES,
  HEADER_FIXED_BYTES,
  imageBytes,
  MIN_POWER,
  SECTOR_BYTES,
  SLOTS,
} from "../../../client/vault/layout.ts";
import { MemoryDisk, MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { Vault } from "../../../client/vault/vault.ts";
import {
  contents,
  OTHER_PASSPHRASE,
  PASSPHRASE,
  put,
  quick,
  slotPicker,
  twoSlots,
} from "./support.ts";

function create(disk: MemoryDisk, slot: number): Promise<Vault> {
  const options = { ...quick, random: slotPicker(slot) };
  return Vault.create(new MemoryStorage(disk), PASSPHRASE, options);
}

/** Numbers of the 4 KiB sectors that differ; all bytes of such a sector are new. */
function changedSectors(before: Uint8Array, after: Uint8Array): number[] {
  assert.equal(before.length, after.length);
  const changed: number[] = [];
  for (let at = 0; at < before.length; at += SECTOR_BYTES) {
    const a = before.subarray(at, at + SECTOR_BYTES);
    const b = after.subarray(at, at + SECTOR_BYTES);
    if (!Buffer.from(a).equals(b)) changed.push(at / SECTOR_BYTES);
  }
  return changed;
}

/** The sectors each step changes, for a vault in `slot` going through the same day. */
async function dayOf(slot: number): Promise<number[][]> {
  const disk = new MemoryDisk();
  let vault = await create(disk, slot);
  const changes: number[][] = [];
  const step = async (work: () => Promise<unknown>) => {
    const before = disk.image?.slice() ?? assert.fail();
    await work();
    changes.push(changedSectors(before, disk.image ?? assert.fail()));
  };
  await step(() => put(vault, "a", "small"));
  await step(() => put(vault, "b", "small"));
  await step(() => put(vault, "c", "c".repeat(15_000)));
  await step(() => put(vault, "d", "d".repeat(50_000)));
  await step(() => put(vault, "e", "e".repeat(100_000)));
  await step(async () => {
    vault = await Vault.open(new MemoryStorage(disk), PASSPHRASE, quick);
  });
  await step(() => vault.read((view) => view.keys("")));
  await step(() => put(vault, "f", "small"));
  return changes;
}

function cellsOf(changed: readonly number[]): Map<number, Set<number>> {
  const lanes = new Map<number, Set<number>>();
  for (const sector of changed) {
    const inLanes = sector * SECTOR_BYTES - cellOffset(MIN_POWER, 0, 0);
    const cell = Math.floor(inLanes / CELL_BYTES);
    const lane = Math.floor(cell / CELLS);
    lanes.set(lane, (lanes.get(lane) ?? new Set()).add(cell % CELLS));
  }
  return lanes;
}

describe("two images of a vault", () => {
  it("differ in the same places whichever slot is the opener's", async () => {
    const days = await Promise.all([0, 1, 2, 3].map(dayOf));
    for (const day of days) assert.deepEqual(day, days[0]);
    const [first, second, , fourCells, checkpoint, opening, reading] = days[0] ?? [];
    for (const [changes, cells] of [
      [first, [0]],
      [second, [1]],
    ] as const) {
      const lanes = cellsOf(changes ?? []);
      assert.deepEqual([...lanes.keys()], [0, 1, 2, 3]);
      for (const lane of lanes.values()) assert.deepEqual([...lane], cells);
      assert.equal(changes?.length, (SLOTS * CELL_BYTES) / SECTOR_BYTES);
    }
    assert.equal(fourCells?.length, 4 * SLOTS * 4);
    const all = (imageBytes(MIN_POWER) - HEADER_BYTES) / SECTOR_BYTES;
    assert.equal(checkpoint?.length, all);
    assert.equal(opening?.length, all);
    assert.deepEqual(reading, []);
  });

  it("look random in every byte but the fixed fields of the head", async () => {
    for (const slot of [0, 3]) {
      const disk = new MemoryDisk();
      const vault = await create(disk, slot);
      await vault.transaction((tx) => tx.put("zeros", new Uint8Array(40_000)));
      const image = disk.image ?? assert.fail();
      const parts = [image.subarray(HEADER_FIXED_BYTES, HEADER_BYTES)];
      for (let one = 0; one < SLOTS; one++) {
        const body = bodyOffset(MIN_POWER, one);
        parts.push(image.subarray(body, body + bodyBytes(MIN_POWER)));
        const lane = cellOffset(MIN_POWER, one, 0);
        parts.push(image.subarray(lane, lane + CELLS * CELL_BYTES));
      }
      for (const part of parts) assertUniform(part);
    }
  });

  it("two passphrases live side by side, and their openers disturb nothing of each other", async () => {
    const disk = await twoSlots();
    const real = await Vault.open(new MemoryStorage(disk), PASSPHRASE, quick);
    const other = await Vault.open(new MemoryStorage(disk), OTHER_PASSPHRASE, quick);
    for (let i = 0; i < 12; i++) {
      await put(real, `real ${i}`, "r".repeat(2_000 * i));
      await put(other, `other ${i}`, "o".repeat(3_000 * i));
    }
    await real.transaction((tx) => tx.put("large", new Uint8Array(600_000)));
    await put(other, "last", "o");
    const realAgain = await Vault.open(new MemoryStorage(disk), PASSPHRASE, quick);
    assert.equal(Object.keys(await contents(realAgain)).length, 13);
    const again = await Vault.open(new MemoryStorage(disk), OTHER_PASSPHRASE, quick);
    assert.deepEqual(await contents(again), await contents(other));
    assert.equal(Object.keys(await contents(again)).length, 13);
    assert.equal(again.generation, 13);
  });

  it("cell numbers run on from 0 in every image, also when two passphrases are in use", async () => {
    const disk = await twoSlots();
    const real = await Vault.open(new MemoryStorage(disk), PASSPHRASE, quick);
    await put(real, "a", "1");
    await put(real, "a", "2");
    const other = await Vault.open(new MemoryStorage(disk), OTHER_PASSPHRASE, quick);
    await put(other, "a", "1");
    const before = disk.image?.slice() ?? assert.fail();
    await put(real, "a", "3");
    assert.equal(
      changedSectors(before, disk.image ?? assert.fail()).length,
      (before.length - HEADER_BYTES) / SECTOR_BYTES,
    );
    const rewritten = disk.image?.slice() ?? assert.fail();
    await put(real, "a", "4");
    const lanes = cellsOf(changedSectors(rewritten, disk.image ?? assert.fail()));
    for (const lane of lanes.values()) assert.deepEqual([...lane], [0]);
  });
});

/** Chi-squared over 255 degrees of freedom: mean 255, deviation 22.6; 420 is 7 deviations off. */
function assertUniform(bytes: Uint8Array): void {
  const counts = new Array<number>(256).fill(0);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  const expected = bytes.length / 256;
  const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chi < 420 && chi > 110, `chi-squared ${chi}`);
}
