/**
 * Somebody who has our card, or whom we know, and whose client lies. They can write to us; they cannot
 * learn by that that we are there, stop what others write, or fill the vault.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { contactsToRead, MAX_KNOWN_STATEMENTS } from "../../client/core/known-sets.ts";
import { getContact, putContact } from "../../client/core/state/contacts.ts";
import { getIdentity, putIdentity } from "../../client/core/state/identity.ts";
import { listMessages, putMessage } from "../../client/core/state/messages.ts";
import { encodeSet } from "../../client/core/state/statements.ts";
import { toBase32 } from "../../shared/crypto/bytes.ts";
import { parseSigningPublicKey, systemRandom } from "../../shared/crypto/sodium.ts";
import {
  KINDS,
  MAX_READ_IDS,
  type MessageBody,
  parseMessageId,
} from "../../shared/e2ee/content.ts";
import { generateDevice, parseDeviceId } from "../../shared/e2ee/device.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { rootKeyPair } from "../../shared/e2ee/root.ts";
import { decodeStatement } from "../../shared/e2ee/statement.ts";
import { addStatements, emptySet } from "../../shared/e2ee/statement-set.ts";
import { signCertificate } from "../../shared/e2ee/statements/certificate.ts";
import { generateStatusPlace } from "../../shared/e2ee/status-record.ts";
import { type LyingRelay, lyingRelay } from "../support/lying-relay.ts";
import { acquaint, type Person, person, phraseSeedOf } from "../support/people.ts";
import { meddle, secretDelegation, slip, tellSecretly } from "../support/slip.ts";
import { readVault, synced, textsOf } from "../support/stories.ts";

interface Scene extends LyingRelay {
  readonly aigul: Person;
  readonly mallory: Person;
}

/** Mallory has Aigul's card; Aigul knows nobody. */
async function scene(t: TestContext): Promise<Scene> {
  const lying = await lyingRelay(t);
  const aigul = await person(t, lying.relay.address);
  const mallory = await person(t, lying.relay.address);
  await mallory.client.addContact(await aigul.client.card(), "Aigul");
  return { ...lying, aigul, mallory };
}

describe("a stranger", () => {
  it("gets no answer and no visit from our software, whatever their software claims", async (t) => {
    const { store, relay, aigul, mallory } = await scene(t);
    await mallory.client.send("Aigul", "hello");
    await synced(mallory.client);
    await tellSecretly(mallory, aigul);
    const place = generateStatusPlace(parseRelayAddress(relay.address), systemRandom);
    const { bytes } = await secretDelegation(mallory);
    await slip(mallory, aigul, [
      { kind: "status", places: [place] },
      { kind: "statements", statements: [bytes] },
      { kind: "text", text: "are you there?" },
    ]);
    await synced(mallory.client);
    const deposits = store.deposits.length;
    const { queued } = await synced(aigul.client);
    await textsOf(aigul.client, 2);
    assert.equal(queued, 0);
    assert.equal(store.deposits.length, deposits, "the stranger was answered");
    assert.deepEqual(await readVault(aigul.environment, contactsToRead), []);
  });

  it("who offers no place to answer to stops nothing that goes to others", async (t) => {
    const { relay, aigul, mallory } = await scene(t);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await mallory.client.send("Aigul", "hello");
    await synced(mallory.client);
    await slip(mallory, aigul, [{ kind: "grant", places: [] }]);
    await synced(mallory.client);
    await synced(aigul.client);
    const [stranger] = (await aigul.client.contacts()).filter(({ name }) => name === null);
    assert.ok(stranger !== undefined);
    const prefix = toBase32(stranger.identity);
    await aigul.client.nameContact(prefix, "Mallory");
    await aigul.client.send("Mallory", "who are you?");
    await aigul.client.send("Bek", "all is well");
    await synced(aigul.client);
    await synced(bek.client);
    assert.deepEqual(await textsOf(bek.client, 1), ["all is well"]);
  });
});

describe("a contact whose client lies", () => {
  it("by numbers out of all bounds, holds up nothing that follows", async (t) => {
    const { relay, aigul, mallory } = await scene(t);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await mallory.client.send("Aigul", "hello");
    await synced(mallory.client);
    await slip(mallory, aigul, [{ kind: "text", text: "far" }], { seq: Number.MAX_SAFE_INTEGER });
    await slip(mallory, aigul, [{ kind: "text", text: "late" }], { hour: 0xffff_ffff });
    await meddle(mallory, (tx) => {
      const contact = getContact(tx, aigul.client.identity);
      if (contact !== undefined) putContact(tx, { ...contact, lastSeq: 1 });
    });
    await synced(mallory.client);
    await bek.client.send("Aigul", "from Bek");
    await synced(bek.client);
    await synced(aigul.client);
    const texts = (await aigul.client.received()).map(({ text }) => text);
    assert.ok(texts.includes("hello") && texts.includes("from Bek"), texts.join());
    for (const { at } of await aigul.client.received()) new Date(at).toISOString();
  });

  it("by statements without end, holds up nothing that follows", async (t) => {
    const { relay, aigul, mallory } = await scene(t);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await mallory.client.send("Aigul", "hello");
    await synced(mallory.client);
    await synced(aigul.client);
    await fillStatements(aigul, mallory);
    await newDevice(mallory);
    await mallory.client.send("Aigul", "from a device too many");
    await synced(mallory.client);
    await bek.client.send("Aigul", "from Bek");
    await synced(bek.client);
    await synced(aigul.client);
    const texts = (await aigul.client.received()).map(({ text }) => text);
    assert.deepEqual(texts, ["hello", "from Bek"]);
  });
});

describe("a contact who says that somebody has read", () => {
  it("moves no message that did not go to them, and cannot tell such ids from others", async (t) => {
    const { relay, aigul, mallory } = await scene(t);
    const bek = await person(t, relay.address);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await aigul.client.addContact(await mallory.client.card(), "Mallory");
    await aigul.client.send("Bek", "for Bek");
    await aigul.client.send("Mallory", "for Mallory");
    await bek.client.send("Aigul", "from Bek");
    await synced(bek.client);
    await synced(aigul.client);
    await synced(mallory.client);
    const known = [...(await aigul.client.sent()), ...(await aigul.client.received())];
    const [forBek, forMallory, fromBek] = known.map(({ id }) => parseMessageId(id));
    assert.ok(forBek && forMallory && fromBek);
    const events: string[] = [];
    aigul.client.on(({ type }) => events.push(type));
    await slip(mallory, aigul, [
      { kind: "read", messageIds: [forBek, fromBek] },
      ...readsOf(10_000),
      // More ids than one receipt may name: no receipt at all.
      { kind: "unsupported", number: KINDS.read, bytes: systemRandom(16 * 1000) },
      { kind: "unsupported", number: KINDS.read, bytes: systemRandom(17) },
    ]);
    await synced(mallory.client);
    await synced(aigul.client);
    const states = async () => (await aigul.client.sent()).map(({ state }) => state);
    assert.deepEqual(await states(), ["stored", "stored"]);
    assert.deepEqual(
      events.filter((type) => type === "read"),
      [],
    );
    assert.deepEqual(
      (await aigul.client.received()).map(({ kind, isRead }) => [kind, isRead]),
      [
        ["text", false],
        ["unsupported", false],
        ["unsupported", false],
      ],
    );
    const { told } = await mallory.client.markRead([forMallory]);
    assert.equal(told.length, 1);
    await synced(mallory.client);
    await synced(aigul.client);
    assert.deepEqual(await states(), ["stored", "read"]);
    assert.deepEqual(
      events.filter((type) => type === "read"),
      ["read"],
    );
  });
});

describe("what opens and cannot be read", () => {
  it("is shown and kept, once, whatever is wrong with it; later versions show what they know", async (t) => {
    const { aigul, mallory } = await scene(t);
    await aigul.client.addContact(await mallory.client.card(), "Mallory");
    const newer = new TextEncoder().encode("from the future");
    await slip(mallory, aigul, [
      { kind: "unsupported", number: 200, bytes: newer },
      { kind: "unsupported", number: KINDS.text, bytes: Uint8Array.of(0xff) },
      { kind: "unsupported", number: KINDS.grant, bytes: Uint8Array.of(9) },
      { kind: "unsupported", number: 0, bytes: newer },
      { kind: "text", text: "after all that" },
    ]);
    const deviceId = parseDeviceId(systemRandom(16));
    await slip(mallory, aigul, [{ kind: "text", text: "another's device" }], { deviceId });
    await synced(mallory.client);
    await synced(aigul.client);
    const kinds = async () => (await aigul.client.received()).map(({ kind }) => kind).sort();
    assert.deepEqual(await kinds(), ["text", ...new Array<string>(5).fill("unsupported")]);
    // A version whose `alert` has the number 200 is this one with the number of `alert`.
    await meddle(aigul, (tx) => {
      for (const [index, row] of listMessages(tx)) {
        if (row.direction !== "in" || row.kept?.number !== 200) continue;
        putMessage(tx, index, { ...row, kept: { ...row.kept, number: KINDS.alert } });
      }
    });
    const alert = (await aigul.client.received()).find(({ kind }) => kind === "alert");
    assert.equal(alert?.text, "from the future");
    const ids = (await aigul.client.received()).map(({ id }) => id);
    const { told, untold } = await aigul.client.markRead(ids);
    assert.deepEqual(
      [told.length, untold.length],
      [2, 4],
      "what nobody can read was said to be read",
    );
  });
});

/** Receipts for so many messages that nobody wrote. */
function readsOf(count: number): readonly MessageBody[] {
  return Array.from({ length: Math.ceil(count / MAX_READ_IDS) }, (): MessageBody => {
    const messageIds = Array.from({ length: MAX_READ_IDS }, () => parseMessageId(systemRandom(16)));
    return { kind: "read", messageIds };
  });
}

/** As many certificates by Mallory's root as Aigul's vault takes. */
async function fillStatements(aigul: Person, mallory: Person): Promise<void> {
  const root = rootKeyPair(await phraseSeedOf(mallory));
  const more = Array.from({ length: MAX_KNOWN_STATEMENTS - 1 }, (_, i) =>
    signCertificate({ root }, generateDevice(systemRandom), {
      role: "own",
      seq: i + 2,
      notAfter: 1,
    }),
  );
  await meddle(aigul, (tx) => {
    const contact = getContact(tx, mallory.client.identity);
    if (contact === undefined) throw new Error("no such contact");
    const own = contact.statements.map((row) => decodeStatement(row.subarray(4)));
    const key = parseSigningPublicKey(mallory.client.identity);
    const statements = encodeSet(addStatements(emptySet(key), [...own, ...more], 1));
    putContact(tx, { ...contact, statements });
  });
}

/** Mallory goes on as another device of the same root, without sessions. */
async function newDevice(mallory: Person): Promise<void> {
  const root = rootKeyPair(await phraseSeedOf(mallory));
  await meddle(mallory, (tx) => {
    const identity = getIdentity(tx);
    const device = generateDevice(systemRandom);
    const told = { role: "own", seq: 1000, notAfter: 1_000_000 } as const;
    const certificate = signCertificate({ root }, device, told).bytes;
    putIdentity(tx, { ...identity, device, certificate });
    for (const key of tx.keys("peer/")) tx.delete(key);
  });
}
