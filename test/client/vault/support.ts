/** What the vault's tests share: a key derivation without its cost, and images side by side. */

import type { VaultStorage } from "../../../client/vault/storage.ts";
import { type CreateVaultOptions, Vault } from "../../../client/vault/vault.ts";
import { concat, fromUtf8, utf8 } from "../../../shared/crypto/bytes.ts";
import { blake2b } from "../../../shared/crypto/sodium.ts";

export const PASSPHRASE = "құпия сөз тіркесі";

/** BLAKE2b in the place of Argon2id: hundreds of openings in a second. */
export const quick: CreateVaultOptions = {
  deriveKey: async (password, salt, { memoryKiB, passes }, length) =>
    blake2b(length, concat(password, Uint8Array.of(memoryKiB & 255, passes)), salt),
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
