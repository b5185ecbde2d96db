/** Both sides' knowledge of statements is levelled, without a conversation of its own that never ends. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getContact, putContact } from "../../../client/core/state/contacts.ts";
import { encodeSet } from "../../../client/core/state/statements.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { equalBytes } from "../../../shared/crypto/bytes.ts";
import { parsePhrase, phraseSeed } from "../../../shared/crypto/phrase.ts";
import { parseSigningPublicKey, signingKeyPair } from "../../../shared/crypto/sodium.ts";
import { rootKeyPair } from "../../../shared/e2ee/root.ts";
import { decodeStatement } from "../../../shared/e2ee/statement.ts";
import { addStatements, emptySet } from "../../../shared/e2ee/statement-set.ts";
import { signDelegation } from "../../../shared/e2ee/statements/delegation.ts";
import { acquaint, PASSPHRASE, type Person, person } from "../../support/people.ts";
import { relayInProcess } from "../../support/relay.ts";

/** Lets `reader` know a delegation by `writer`'s root that `writer`'s own device has never seen. */
async function tellSecretly(reader: Person, writer: Person): Promise<void> {
  const root = rootKeyPair(await phraseSeed(await parsePhrase(writer.created.phrase)));
  const delegation = signDelegation(root, {
    power: "guardians",
    k: 1,
    keys: [signingKeyPair(new Uint8Array(32).fill(5)).publicKey],
    devices: [],
    epoch: 1,
    notAfter: 1_000_000,
  });
  const vault = await Vault.open(reader.environment.storage, PASSPHRASE);
  await vault.transaction((tx) => {
    const contact = getContact(tx, writer.client.identity);
    assert.ok(contact);
    const known = contact.statements.map((row) => decodeStatement(row.subarray(4)));
    const key = parseSigningPublicKey(writer.client.identity);
    const set = addStatements(emptySet(key), [...known, delegation], 1);
    putContact(tx, { ...contact, statements: encodeSet(set) });
  });
  await vault.close();
}

async function isLevelWanted(reader: Person, writer: Person): Promise<boolean> {
  const vault = await Vault.open(reader.environment.storage, PASSPHRASE);
  const contact = await vault.read((view) => getContact(view, writer.client.identity));
  await vault.close();
  assert.ok(contact);
  assert.ok(equalBytes(contact.root, writer.client.identity));
  return contact.wantedSet !== null;
}

describe("statements known to one side only", () => {
  it("make each side tell and read once, and then the talk goes on", async (t) => {
    const relay = await relayInProcess(t);
    const aigul = await person(t, relay.address);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await aigul.client.send("Bek", "first");
    await aigul.client.sync();
    await bek.client.sync();
    await aigul.client.sync();
    await tellSecretly(bek, aigul);
    for (let i = 0; i < 4; i++) {
      await bek.client.send("Aigul", `from Bek ${i}`);
      await bek.client.sync();
      await aigul.client.send("Bek", `from Aigul ${i}`);
      await aigul.client.sync();
    }
    await bek.client.sync();
    const texts = async ({ client }: Person) => (await client.received()).map(({ text }) => text);
    assert.deepEqual(
      await texts(aigul),
      [0, 1, 2, 3].map((i) => `from Bek ${i}`),
    );
    assert.deepEqual(await texts(bek), ["first", ...[0, 1, 2, 3].map((i) => `from Aigul ${i}`)]);
    assert.deepEqual(await aigul.client.outbox(), []);
    assert.equal(await isLevelWanted(bek, aigul), false, "the status record was not read");
    const { queued } = await aigul.client.sync();
    assert.equal(queued, 0);
  });
});
