/** Read receipts: by a person's act alone, once for each message, and only to whom that person chose. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Client } from "../../../client/core/client.ts";
import type { Core } from "../../../client/core/context.ts";
import { takeRead } from "../../../client/core/reads.ts";
import { redraft } from "../../../client/core/resend.ts";
import { type DraftRow, deleteDraft, listDrafts } from "../../../client/core/state/outbox.ts";
import type { ClientEvent } from "../../../client/core/types.ts";
import { toBase32 } from "../../../shared/crypto/bytes.ts";
import { MAX_READ_IDS, parseMessageId } from "../../../shared/e2ee/content.ts";
import { type LyingRelay, lyingRelay } from "../../support/lying-relay.ts";
import { acquaint, type Person, person } from "../../support/people.ts";
import { meddle } from "../../support/slip.ts";
import { numbered, sendAll, synced } from "../../support/stories.ts";

interface Scene extends LyingRelay {
  readonly aigul: Person;
  readonly bek: Person;
}

async function scene(t: TestContext): Promise<Scene> {
  const lying = await lyingRelay(t);
  const aigul = await person(t, lying.relay.address);
  const bek = await person(t, lying.relay.address);
  return { ...lying, aigul, bek };
}

function heard({ client }: Person): readonly string[] {
  const types: string[] = [];
  client.on(({ type }: ClientEvent) => types.push(type));
  return types;
}

async function idsOf({ client }: Person): Promise<readonly Uint8Array[]> {
  return (await client.received()).map(({ id }) => id);
}

/** What is written again keeps its id, seq and hour. */
const NOT_NEEDED = {} as Core;

function isRead({ content }: DraftRow): boolean {
  return content.body.kind === "read";
}

function statesOf({ client }: Person): Promise<readonly string[]> {
  return statesIn(client);
}

async function statesIn(client: Client): Promise<readonly string[]> {
  return (await client.sent()).map(({ state }) => state);
}

describe("a person who has read", () => {
  it("tells it once, in one message for all of one sender, and never by listing", async (t) => {
    const { store, aigul, bek } = await scene(t);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    const events = heard(aigul);
    await sendAll(aigul.client, "Bek", ["one", "two"]);
    await aigul.client.send("Bek", "three", { urgent: true });
    await synced(aigul.client);
    await synced(bek.client);
    for (const id of await idsOf(bek)) await bek.client.markShown(id);
    await synced(bek.client);
    await synced(aigul.client);
    assert.deepEqual(await statesOf(aigul), ["stored", "stored", "stored"]);
    const came = await bek.client.received();
    assert.deepEqual(
      came.map(({ kind, text }) => [kind, text]),
      [
        ["alert", "three"],
        ["text", "one"],
        ["text", "two"],
      ],
    );
    const [three, one] = came.map(({ id }) => id);
    assert.ok(one && three);
    const before = store.deposits.length;
    const first = await bek.client.markRead([one, three, one]);
    assert.deepEqual(first, { told: [one, three], toldBefore: [], untold: [] });
    const again = await bek.client.markRead([one, three]);
    assert.deepEqual(again, { told: [], toldBefore: [one, three], untold: [] });
    await synced(bek.client);
    assert.equal(store.deposits.length, before + 1);
    await synced(aigul.client);
    const sent = await aigul.client.sent();
    assert.deepEqual(
      sent.map(({ text, state }) => [text, state]),
      [
        ["one", "read"],
        ["two", "stored"],
        ["three", "read"],
      ],
    );
    assert.equal(events.filter((type) => type === "written").length, 3);
    assert.equal(events.filter((type) => type === "stored").length, 3);
    assert.equal(events.filter((type) => type === "read").length, 2);
    assert.deepEqual(
      (await bek.client.received()).map(({ isRead }) => isRead),
      [true, true, false],
    );
    assert.deepEqual(await bek.client.outbox(), [], "a receipt is no message of a person");
  });

  it("tells of more than fit into one receipt in as many as it takes", async (t) => {
    const { store, aigul, bek } = await scene(t);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await sendAll(aigul.client, "Bek", numbered("text", MAX_READ_IDS + 1));
    await synced(aigul.client);
    await synced(bek.client);
    await synced(bek.client);
    const before = store.deposits.length;
    await bek.client.markRead(await idsOf(bek));
    await synced(bek.client);
    assert.equal(store.deposits.length, before + 2);
    assert.ok(store.deposits.slice(before).every((envelope) => envelope.length === 1024));
    await synced(aigul.client);
    assert.ok((await statesOf(aigul)).every((state) => state === "read"));
  });

  it("tells no stranger anything before they are named", async (t) => {
    const { store, aigul, bek } = await scene(t);
    await aigul.client.addContact(await bek.client.card(), "Bek");
    await aigul.client.send("Bek", "hello");
    await synced(aigul.client);
    await synced(bek.client);
    const [id] = await idsOf(bek);
    assert.ok(id);
    const before = store.deposits.length;
    assert.deepEqual(await bek.client.markRead([id]), { told: [], toldBefore: [], untold: [id] });
    await synced(bek.client);
    assert.equal(store.deposits.length, before, "a stranger was told that somebody is there");
    await bek.client.nameContact(toBase32(aigul.client.identity), "Aigul");
    assert.deepEqual((await bek.client.markRead([id])).told, [id]);
    await synced(bek.client);
    await synced(aigul.client);
    assert.deepEqual(await statesOf(aigul), ["read"]);
  });

  it("names messages by how their ids begin, and nothing is marked when one is unknown", async (t) => {
    const { aigul, bek } = await scene(t);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await aigul.client.send("Bek", "hello");
    await synced(aigul.client);
    await synced(bek.client);
    const [id] = await idsOf(bek);
    assert.ok(id);
    const text = toBase32(id);
    assert.deepEqual(await bek.client.receivedId(text.slice(0, 4).toUpperCase()), id);
    for (const typed of [text.slice(0, 3), "", `${text}a`, text.slice(0, 8).replace(/./, "1")]) {
      await assert.rejects(bek.client.receivedId(typed), { code: "MESSAGE_UNKNOWN" });
    }
    await assert.rejects(aigul.client.receivedId(text.slice(0, 4)), { code: "MESSAGE_UNKNOWN" });
    const other = new Uint8Array(16);
    await assert.rejects(bek.client.markRead([id, other]), { code: "MESSAGE_UNKNOWN" });
    assert.deepEqual((await bek.client.markRead([id])).told, [id]);
  });

  it("is believed also before the relay's receipt came, which then is taken in all the same", async (t) => {
    const { aigul, bek } = await scene(t);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    const events = heard(aigul);
    const { id } = await aigul.client.send("Bek", "hello");
    const early = await meddle(aigul, (tx) =>
      takeRead(tx, bek.client.identity, [parseMessageId(id)]),
    );
    assert.deepEqual(early, [{ type: "read", id }]);
    await synced(aigul.client);
    const [message] = await aigul.client.sent();
    assert.deepEqual([message?.state, message?.receipt !== null], ["read", true]);
    assert.ok(!events.includes("stored"), "it went back");
    assert.deepEqual(await aigul.client.stored(id), message);
    await synced(bek.client);
    assert.equal((await bek.client.received()).length, 1);
  });

  it("has told it also when the session was set up anew meanwhile", async (t) => {
    const { aigul, bek } = await scene(t);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await aigul.client.send("Bek", "hello");
    await synced(aigul.client);
    await synced(bek.client);
    const [id] = await idsOf(bek);
    assert.ok(id);
    const later = await bek.reopen();
    await later.markRead([id]);
    const root = aigul.client.identity;
    await meddle(bek, (tx) => {
      const [place = 0, row] = listDrafts(tx, root).find(([, one]) => isRead(one)) ?? [];
      assert.ok(row);
      deleteDraft(tx, root, place);
      assert.ok(!listDrafts(tx, root).some(([, one]) => isRead(one)));
      // As when a reset names it: it is written once more, under its old id.
      redraft(tx, NOT_NEEDED, root, [row.content.messageId], true);
    });
    await synced(later);
    await synced(aigul.client);
    assert.deepEqual(await statesOf(aigul), ["read"]);
  });

  it("stays told when the message has to be written again, which others of them show", async (t) => {
    const { aigul, bek } = await scene(t);
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    await sendAll(aigul.client, "Bek", ["one", "two"]);
    await synced(aigul.client);
    await synced(bek.client);
    const ids = (await idsOf(bek)).map(parseMessageId);
    await bek.client.markRead(ids.slice(0, 1));
    await synced(bek.client);
    await synced(aigul.client);
    const later = await aigul.reopen();
    const root = bek.client.identity;
    const again = (isLost: boolean) =>
      meddle(aigul, (tx) => redraft(tx, NOT_NEEDED, root, ids, isLost));
    assert.deepEqual(await again(false), [], "a copy that may still be opened");
    assert.deepEqual(await statesIn(later), ["read", "stored"]);
    assert.deepEqual(await again(true), [{ type: "written", id: ids[1] }]);
    assert.deepEqual(await statesIn(later), ["read", "written"]);
    await synced(later);
    assert.deepEqual(await statesIn(later), ["read", "stored"]);
    await synced(bek.client);
    assert.equal((await bek.client.received()).length, 2);
  });
});
