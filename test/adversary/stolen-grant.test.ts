/**
 * A grant given to one contact is used by somebody else: a contact who passes it on, or whose phone
 * was taken. What comes through it under another identity is never shown as the contact's.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { getContact, getPeer, putPeer } from "../../client/core/state/contacts.ts";
import { getIdentity } from "../../client/core/state/identity.ts";
import type { ClientEvent } from "../../client/core/types.ts";
import { toBase32 } from "../../shared/crypto/bytes.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import { meddle } from "../support/slip.ts";
import { pingPong, readVault, textsOf, until } from "../support/stories.ts";

interface Scene {
  readonly aigul: Person;
  readonly bek: Person;
  readonly mallory: Person;
}

/** Aigul and Bek have talked; Mallory has Bek's card. */
async function scene(t: TestContext): Promise<Scene> {
  const relay = await relayInProcess(t);
  const aigul = await person(t, relay.address);
  const bek = await person(t, relay.address);
  const mallory = await person(t, relay.address);
  await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
  aigul.client.start();
  bek.client.start();
  await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 4);
  await mallory.client.addContact(await bek.client.card(), "Бек");
  return { aigul, bek, mallory };
}

/** From now on Mallory deposits through the grant that Bek gave to Aigul. */
async function steal({ aigul, bek, mallory }: Scene): Promise<void> {
  const root = bek.created.identity;
  const device = await readVault(bek.environment, (view) => getIdentity(view).device.id);
  const stolen = await readVault(aigul.environment, (view) => getPeer(view, root, device));
  assert.ok(stolen !== undefined);
  await meddle(mallory, (tx) => {
    const sessions = getPeer(tx, root, device)?.sessions ?? null;
    putPeer(tx, root, device, { ...stolen, sessions });
  });
}

describe("a contact's grant in other hands", () => {
  it("raises identity changed for the contact, and the message is the stranger's", async (t) => {
    const all = await scene(t);
    const { aigul, bek, mallory } = all;
    await steal(all);
    const events: ClientEvent[] = [];
    bek.client.on((event) => events.push(event));
    await mallory.client.send("Бек", "мен Айгүлмін, жаңа телефоным");
    await mallory.client.sync();
    assert.equal((await textsOf(bek.client, 3)).at(-1), "мен Айгүлмін, жаңа телефоным");
    const message = (await bek.client.received()).at(-1);
    assert.equal(message?.from, null);
    assert.deepEqual(message?.identity, mallory.created.identity);
    assert.deepEqual(
      events.filter(({ type }) => type === "identity-changed"),
      [{ type: "identity-changed", identity: aigul.created.identity }],
    );
    await assert.rejects(bek.client.send("Айгүл", "кімсің?"), { code: "IDENTITY_CHANGED" });
    const held = await readVault(bek.environment, (view) =>
      getContact(view, aigul.created.identity),
    );
    assert.equal(held?.isIdentityChanged, true);
  });

  it("a stranger's session opens nothing through it, and the contact's own goes on", async (t) => {
    const all = await scene(t);
    const { aigul, bek, mallory } = all;
    // Her first contact is as it should be; only then she turns to the grant.
    await mallory.client.send("Бек", "сәлем");
    mallory.client.start();
    await textsOf(bek.client, 3);
    await bek.client.send(toBase32(mallory.created.identity).slice(0, 8), "кімсің?");
    await textsOf(mallory.client, 1);
    await mallory.client.close();
    await steal(all);
    const back = await mallory.reopen();
    await back.send("Бек", "мен Айгүлмін");
    await back.sync();
    await aigul.client.send("Бек", "мен нағызымын");
    await until("Aigul's own", async () =>
      (await bek.client.received()).some(({ text }) => text === "мен нағызымын"),
    );
    const received = await bek.client.received();
    assert.ok(received.every(({ text }) => text !== "мен Айгүлмін"));
    assert.equal(received.at(-1)?.from, "Айгүл");
    assert.ok((await bek.client.contacts()).every((contact) => !contact.isIdentityChanged));
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 2, 4);
  });
});
