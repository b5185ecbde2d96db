/** What the vault's tests share: a key derivation without its cost, and images made by hand. */

import assert from "node:assert/strict";
import { createEntries, type SlotKeys } from "../../../client/vault/header.ts";
import { sealBody } from "../../../client/vault/layer.ts";
import {
  bodyOffset,
  bodyPlainBytes,
  ENTRY_BYTES,
  HEADER_FIXED_BYTES,
  MIN_POWER,
} from "../../../client/vault/layout.ts";
import { MemoryDisk, MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { passphraseBytes } from "../../../client/vault/passphrase.ts";
import { emptyState, encodeState } from "../../../client/vault/state.ts";
import type { VaultStorage } from "../../../client/vault/storage.ts";
import { type CreateVaultOptions, Vault } from "../../../client/vault/vault.ts";
import { fromUtf8, type Random, utf8 } from "../../../shared/crypto/bytes.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { quickDerive } from "../../support/quick-derive.ts";

export const PASSPHRASE = "құпия сөз тіркесі";
export const OTHER_PASSPHRASE = "the other one";

/** Hundreds of openings in a second. */
export const quick: CreateVaultOptions = {
  deriveKey: quickDerive,
  lockWaitMs: 2_000,
};

export function createVault(storage: VaultStorage): Promise<Vault> {
  return Vault.create(storage, PASSPHRASE, quick);
}

export function openVault(storage: VaultStorage): Promise<Vault> {
  return Vault.open(storage, PASSPHRASE, quick);
}

export function put(vault: Vault, key: string, text: string): Promise<void> {
  return vault.transaction((tx) => tx.put(key, utf8(text)));
}

export function contents(vault: Vault): Promise<Record<string, string>> {
  return vault.read((view) =>
    Object.fromEntries(view.list("").map(([key, value]) => [key, fromUtf8(value)])),
  );
}

/** The one byte drawn alone picks the slot. */
export function slotPicker(slot: number): Random {
  return (length) => (length === 1 ? Uint8Array.of(slot) : systemRandom(length));
}

/** Puts a second vault into `slot` of an image, as a second passphrase would lie there. */
async function addSlot(
  disk: MemoryDisk,
  first: SlotKeys,
  slot: number,
  passphrase: string,
): Promise<void> {
  const image = disk.image ?? assert.fail();
  const keys: SlotKeys = { slot, slotKey: systemRandom(32), containerKey: first.containerKey };
  const salt = image.slice(16, 32);
  const parameters = { memoryKiB: 65_536, passes: 3 };
  const entryKey = await quickDerive(passphraseBytes(passphrase), salt, parameters, 32);
  const entryAt = slot * ENTRY_BYTES;
  const entries = createEntries(entryKey, keys, systemRandom);
  image.set(entries.subarray(entryAt, entryAt + ENTRY_BYTES), HEADER_FIXED_BYTES + entryAt);
  const plain = encodeState(emptyState(), systemRandom(16), bodyPlainBytes(MIN_POWER));
  image.set(sealBody(keys, MIN_POWER, plain, systemRandom), bodyOffset(MIN_POWER, slot));
}

/** Two passphrases in one container: slots 0 and 3. */
export async function twoSlots(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const drawn: Uint8Array[] = [];
  const random: Random = (length) => {
    const bytes = slotPicker(0)(length);
    if (length === 32) drawn.push(bytes.slice());
    return bytes;
  };
  await Vault.create(new MemoryStorage(disk), PASSPHRASE, { ...quick, random });
  const [slotKey, containerKey] = drawn;
  assert.ok(slotKey && containerKey);
  await addSlot(disk, { slot: 0, slotKey, containerKey }, 3, OTHER_PASSPHRASE);
  return disk;
}
