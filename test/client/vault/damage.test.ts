/** Bad vaults: each fault has its code, and the file is byte for byte what it was. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  bodyOffset,
  CELL_BYTES,
  cellOffset,
  ENTRY_BYTES,
  HEADER_BYTES,
  HEADER_FIXED_BYTES,
  imageBytes,
  MIN_POWER,
  SLOTS,
} from "../../../client/vault/layout.ts";
import { MemoryDisk, MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { checkPassphrase } from "../../../client/vault/passphrase.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { contents, createVault, openVault, PASSPHRASE, put, quick, slotPicker } from "./support.ts";

/** A vault in slot 2 with three large commits in cells 0, 1 and 2. */
async function image(): Promise<Uint8Array> {
  const disk = new MemoryDisk();
  const vault = await Vault.create(new MemoryStorage(disk), PASSPHRASE, {
    ...quick,
    random: slotPicker(2),
  });
  for (const key of ["a", "b", "c"]) await put(vault, key, key.repeat(12_000));
  return disk.image ?? assert.fail("no image");
}

const whole = await image();

async function refusal(changed: Uint8Array, passphrase: string = PASSPHRASE): Promise<unknown> {
  const disk = new MemoryDisk();
  disk.image = changed;
  const before = changed.slice();
  try {
    await Vault.open(new MemoryStorage(disk), passphrase, quick);
    return "opened";
  } catch (error) {
    assert.ok(error instanceof Error && "code" in error);
    assert.ok(disk.image && Buffer.from(disk.image).equals(before));
    return error.code;
  }
}

function flipped(at: number, bit = 0): Uint8Array {
  const out = whole.slice();
  out[at] = (out[at] ?? 0) ^ (1 << bit);
  return out;
}

/** The generation and keys that are left after a byte was flipped somewhere harmless. */
async function survives(at: number): Promise<string[]> {
  const disk = new MemoryDisk();
  disk.image = flipped(at);
  const vault = await openVault(new MemoryStorage(disk));
  return Object.keys(await contents(vault));
}

describe("damaged vault", () => {
  it("missing, there already, wrong and empty passphrase", async () => {
    const disk = new MemoryDisk();
    await assert.rejects(openVault(new MemoryStorage(disk)), { code: "VAULT_MISSING" });
    disk.image = whole.slice();
    await assert.rejects(createVault(new MemoryStorage(disk)), { code: "VAULT_EXISTS" });
    await assert.rejects(new MemoryStorage(disk).create(whole), { code: "VAULT_EXISTS" });
    assert.equal(await refusal(whole.slice(), "another passphrase"), "VAULT_PASSPHRASE");
    assert.equal(await refusal(whole.slice(), ""), "VAULT_PASSPHRASE");
    assert.equal(await refusal(whole.slice()), "opened");
  });

  it("any other length, the empty file included (property)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
        assert.equal(await refusal(whole.slice(0, length)), "VAULT_DAMAGED");
      }),
      { numRuns: 20, examples: [[0], [1], [31], [HEADER_BYTES], [whole.length - 1]] },
    );
    assert.equal(await refusal(new Uint8Array(whole.length + 1)), "VAULT_DAMAGED");
    assert.equal(whole.length, imageBytes(MIN_POWER));
  });

  it("each fixed field of the head", async () => {
    const withByte = (at: number, value: number) => {
      const out = whole.slice();
      out[at] = value;
      return out;
    };
    assert.equal(await refusal(withByte(1, 2)), "VAULT_VERSION");
    assert.equal(await refusal(withByte(0, 0xff)), "VAULT_VERSION");
    assert.equal(await refusal(withByte(1, 0)), "VAULT_DAMAGED");
    assert.equal(await refusal(withByte(2, 17)), "VAULT_DAMAGED");
    assert.equal(await refusal(withByte(2, 19)), "VAULT_DAMAGED");
    assert.equal(await refusal(withByte(3, 5)), "VAULT_DAMAGED");
    assert.equal(await refusal(withByte(4, 0x80)), "PARAMETERS_TOO_HIGH");
    assert.equal(await refusal(withByte(5, 0)), "PARAMETERS_TOO_HIGH");
    assert.equal(await refusal(withByte(11, 11)), "PARAMETERS_TOO_HIGH");
    assert.equal(await refusal(withByte(11, 2)), "PARAMETERS_TOO_HIGH");
    assert.equal(await refusal(withByte(7, 1)), "VAULT_PASSPHRASE");
    assert.equal(await refusal(withByte(15, 1)), "VAULT_DAMAGED");
  });

  it("any bit of the salt, the own entry and the own body (property)", async () => {
    const bit = fc.integer({ min: 0, max: 7 });
    const entry = HEADER_FIXED_BYTES + 2 * ENTRY_BYTES;
    const body = bodyOffset(MIN_POWER, 2);
    const places = fc.oneof(
      fc.tuple(fc.integer({ min: 16, max: 31 }), fc.constant("VAULT_PASSPHRASE")),
      fc.tuple(
        fc.integer({ min: entry, max: entry + ENTRY_BYTES - 1 }),
        fc.constant("VAULT_PASSPHRASE"),
      ),
      fc.tuple(
        fc.integer({ min: body, max: body + 2 ** MIN_POWER - 1 }),
        fc.constant("VAULT_DAMAGED"),
      ),
    );
    await fc.assert(
      fc.asyncProperty(places, bit, async ([at, code], which) => {
        assert.equal(await refusal(flipped(at, which)), code);
      }),
      { numRuns: 40 },
    );
  });

  it("a committed cell with later ones after it; the last one is as if it was cut by a crash", async () => {
    for (const cell of [0, 1]) {
      const at = cellOffset(MIN_POWER, 2, cell) + 5_000;
      assert.equal(await refusal(flipped(at)), "VAULT_DAMAGED");
    }
    const last = cellOffset(MIN_POWER, 2, 2) + CELL_BYTES - 1;
    assert.deepEqual(await survives(last), ["a", "b"]);
  });

  it("does not lock out whoever has another entry, body, lane or an unused cell", async () => {
    for (const slot of [0, 1, 3]) {
      const all = ["a", "b", "c"];
      assert.deepEqual(await survives(HEADER_FIXED_BYTES + slot * ENTRY_BYTES + 7), all);
      assert.deepEqual(await survives(bodyOffset(MIN_POWER, slot) + 100), all);
      assert.deepEqual(await survives(cellOffset(MIN_POWER, slot, 1) + 100), all);
    }
    assert.deepEqual(await survives(cellOffset(MIN_POWER, 2, 9) + 100), ["a", "b", "c"]);
    assert.equal(SLOTS, 4);
  });

  it("parameters outside floor and ceiling make no vault", async () => {
    const disk = new MemoryDisk();
    const weak = { ...quick, parameters: { memoryKiB: 1024, passes: 1 } };
    await assert.rejects(Vault.create(new MemoryStorage(disk), PASSPHRASE, weak), {
      code: "PARAMETERS_TOO_HIGH",
    });
    assert.equal(disk.image, undefined);
  });
});

describe("passphrase", () => {
  it("has at least eight characters, however they are composed", () => {
    for (const short of ["", "1234567", "й".repeat(7).normalize("NFD"), "🙂".repeat(7)]) {
      assert.throws(() => checkPassphrase(short), { code: "PASSPHRASE_SHORT" });
    }
    for (const enough of ["12345678", "й".repeat(8).normalize("NFD"), "🙂".repeat(8)]) {
      checkPassphrase(enough);
    }
  });
});
