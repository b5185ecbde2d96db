/** `tumar` as it is: Argon2id stands before the vault and behind the recovery phrase. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import type { IdentityJson } from "../../../client/cli/json-shapes.ts";
import { FileStorage } from "../../../client/vault/node/file-storage.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { argon2id } from "../../../shared/crypto/argon2id.ts";
import { toBase32 } from "../../../shared/crypto/bytes.ts";
import { parsePhrase, phraseSeed } from "../../../shared/crypto/phrase.ts";
import { rootKeyPair } from "../../../shared/e2ee/root.ts";
import { quickDerive } from "../../support/quick-derive.ts";
import { relayInProcess } from "../../support/relay.ts";
import { assertFails, jsonLines, result, tumarWithArgon2id } from "./tumar-process.ts";

const PASSPHRASE = "correct horse";
const folder = mkdtempSync(join(tmpdir(), "tumar-cli-argon2id-"));
const vault = join(folder, "vault");
const keyed = (passphrase: string) => [
  "--json",
  "--vault",
  vault,
  "--passphrase-file",
  join(folder, passphrase),
];

before(() => {
  writeFileSync(join(folder, "right"), `${PASSPHRASE}\n`);
  writeFileSync(join(folder, "wrong"), "correct house\n");
});

after(() => rmSync(folder, { recursive: true }));

it("tumar makes and opens a vault under Argon2id, and an identity from the phrase under it", async (t) => {
  const { address } = await relayInProcess(t);
  const { identity, phrase } = result<IdentityJson>(
    await tumarWithArgon2id("init", ...keyed("right"), "--relay", address),
  );
  const open = (deriveKey: typeof argon2id) =>
    Vault.open(new FileStorage(vault), PASSPHRASE, { deriveKey });
  await (await open(argon2id)).close();
  await assert.rejects(open(quickDerive), { code: "VAULT_PASSPHRASE" });
  const seed = await phraseSeed(await parsePhrase(phrase));
  assert.equal(toBase32(rootKeyPair(seed).publicKey), identity);

  const contacts = await tumarWithArgon2id("contacts", ...keyed("right"));
  assert.deepEqual([contacts.exit, jsonLines(contacts)], [0, []]);
  assertFails(await tumarWithArgon2id("contacts", ...keyed("wrong")), 3, "VAULT_PASSPHRASE");
});
