/**
 * A vault in hands that do not have the passphrase, or damaged by them: the library says so with a
 * code, opens nothing, and leaves every byte of the file as it was.
 */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { Client } from "../../client/core/client.ts";
import type { ClientEnvironment } from "../../client/core/environment.ts";
import { HEADER_BYTES, HEADER_FIXED_BYTES } from "../../client/vault/layout.ts";
import { FileBlobStorage } from "../../client/vault/node/file-blob-storage.ts";
import { FileStorage } from "../../client/vault/node/file-storage.ts";
import { argon2id, type DeriveKey } from "../../shared/crypto/argon2id.ts";
import { findLeaks } from "../support/leak-search.ts";
import { acquaint, person } from "../support/people.ts";
import { quickDerive } from "../support/quick-derive.ts";
import { relayInProcess, temporaryDirectory } from "../support/relay.ts";
import { pingPong } from "../support/stories.ts";
import { needlesOf } from "../support/vault-needles.ts";

/** Smaller than anything that is sealed as one. */
const STEP = 1024;

interface Locked {
  readonly environment: ClientEnvironment;
  readonly directory: string;
  readonly file: string;
  readonly bytes: Buffer;
}

/** A vault with a conversation in it, closed. */
async function lockedVault(t: TestContext, deriveKey: DeriveKey = quickDerive): Promise<Locked> {
  const relay = await relayInProcess(t);
  const directory = await temporaryDirectory(t);
  const file = join(directory, "vault");
  const aigul = await person(t, relay.address, {
    storage: new FileStorage(file),
    blobs: new FileBlobStorage(`${file}.blobs`),
    deriveKey,
  });
  const bek = await person(t, relay.address);
  await acquaint([aigul, "Айгүл Қасымқызы"], [bek, "Бек Тоқтарұлы"]);
  aigul.client.start();
  bek.client.start();
  await pingPong([aigul.client, "Айгүл Қасымқызы"], [bek.client, "Бек Тоқтарұлы"], 4);
  await aigul.client.close();
  return { environment: aigul.environment, directory, file, bytes: await readFile(file) };
}

async function assertRefused(
  { environment, file }: Locked,
  damaged: Buffer,
  code: RegExp,
  passphrase: string = environment.passphrase,
): Promise<void> {
  await writeFile(file, damaged);
  await assert.rejects(Client.open({ ...environment, passphrase }), (error: { code?: string }) => {
    assert.match(error.code ?? "", code);
    return true;
  });
  assert.ok((await readFile(file)).equals(damaged));
}

describe("a vault in other hands", () => {
  it("a wrong passphrase opens nothing and changes nothing", async (t) => {
    // Under the real Argon2id; the other tests are not about the passphrase.
    const locked = await lockedVault(t, argon2id);
    for (const wrong of ["correct horse battery ", "х"]) {
      await assertRefused(locked, locked.bytes, /^VAULT_PASSPHRASE$/, wrong);
    }
    assert.deepEqual(
      (await readdir(locked.directory)).filter((name) => name.endsWith("new")),
      [],
    );
    const client = await Client.open(locked.environment);
    assert.equal((await client.received()).length, 2);
    await client.close();
  });

  it("without the passphrase its file holds no message, contact, name or key", async (t) => {
    const { environment, bytes } = await lockedVault(t);
    assert.deepEqual(findLeaks(bytes, await needlesOf("vault", environment)), []);
  });

  it("bit flips and truncation are told by code and leave the file byte-equal", async (t) => {
    const locked = await lockedVault(t);
    const { bytes } = locked;
    const flipped = (from: number, to: number) =>
      Buffer.from(
        bytes.map((byte, i) => (i >= from && i < to && i % STEP === 0 ? byte ^ 1 : byte)),
      );
    await assertRefused(locked, flipped(HEADER_BYTES, bytes.length), /^VAULT_DAMAGED$/);
    // In an entry of the head nobody can tell damage from a wrong passphrase.
    await assertRefused(locked, flipped(HEADER_FIXED_BYTES, HEADER_BYTES), /^VAULT_PASSPHRASE$/);
    const firstByte = Buffer.from(bytes);
    firstByte[0] = (firstByte[0] ?? 0) ^ 1;
    await assertRefused(locked, firstByte, /^VAULT_/);
    for (const length of [0, 7, STEP, bytes.length - 1]) {
      await assertRefused(locked, bytes.subarray(0, length), /^VAULT_/);
    }
    await assertRefused(locked, Buffer.concat([bytes, Buffer.of(0)]), /^VAULT_/);
    await assertRefused(locked, randomBytes(bytes.length), /^VAULT_/);

    await writeFile(locked.file, bytes);
    const client = await Client.open(locked.environment);
    assert.equal((await client.received()).length, 2);
    await client.close();
  });
});
