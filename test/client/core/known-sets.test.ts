/** Both sides' knowledge of statements is levelled, without a conversation of its own that never ends. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getContact } from "../../../client/core/state/contacts.ts";
import { equalBytes } from "../../../shared/crypto/bytes.ts";
import { acquaint, type Person, person } from "../../support/people.ts";
import { relayInProcess } from "../../support/relay.ts";
import { tellSecretly } from "../../support/slip.ts";
import { readVault } from "../../support/stories.ts";

async function isLevelWanted(reader: Person, writer: Person): Promise<boolean> {
  const contact = await readVault(reader.environment, (view) =>
    getContact(view, writer.client.identity),
  );
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
