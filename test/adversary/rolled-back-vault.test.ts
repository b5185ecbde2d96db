/**
 * Somebody puts an older copy of the vault back: a restored backup, or a phone that was imaged. The
 * client notices by its own record at the relay, sends nothing under keys it used before, and the
 * conversation heals by a new handshake. Others lose nothing and see nothing twice.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Client } from "../../client/core/client.ts";
import { listPeers } from "../../client/core/state/contacts.ts";
import type { ClientEvent } from "../../client/core/types.ts";
import { MemoryDisk, MemoryStorage } from "../../client/vault/memory-storage.ts";
import { decodePeer } from "../../shared/e2ee/device-peer.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import {
  activeSessionIds,
  allStored,
  assertOneSession,
  hurriedClock,
  numbered,
  pingPong,
  readVault,
  sendAll,
  synced,
  textsOf,
  until,
  untilShown,
} from "../support/stories.ts";

interface Scene {
  readonly aigul: Person;
  readonly bek: Person;
  /** Aigul's. */
  readonly disk: MemoryDisk;
  /** Moves Aigul's clock: what she lost leaves gaps, and a gap holds back for a minute. */
  turnClock(ms: number): void;
}

async function scene(t: TestContext): Promise<Scene> {
  const relay = await relayInProcess(t);
  const disk = new MemoryDisk();
  let aheadMs = 0;
  const aigul = await person(t, relay.address, {
    storage: new MemoryStorage(disk),
    clock: hurriedClock,
    now: () => Date.now() + aheadMs,
  });
  const bek = await person(t, relay.address);
  await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
  aigul.client.start();
  bek.client.start();
  await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 6);
  const turnClock = (ms: number) => {
    aheadMs += ms;
  };
  return { aigul, bek, disk, turnClock };
}

/** The old copy in the vault's place, opened and started; resolves once the rollback was told. */
async function putBack({ aigul, disk }: Scene, old: Uint8Array | undefined): Promise<Client> {
  assert.ok(old !== undefined);
  disk.image = old.slice();
  const client = await aigul.reopen();
  const events: ClientEvent[] = [];
  client.on((event) => events.push(event));
  client.start();
  await until("the rollback is told", () => events.some(({ type }) => type === "rollback"));
  return client;
}

async function idsOf(client: Client): Promise<readonly string[]> {
  return (await client.received()).map(({ id }) => id.join());
}

describe("a vault that was rolled back", () => {
  it("tells of it, closes its sessions for sending, and heals; nobody loses or sees twice", async (t) => {
    const all = await scene(t);
    const { aigul, bek, disk, turnClock } = all;
    await aigul.client.close();
    const old = disk.image?.slice();
    const before = await activeSessionIds(aigul.environment);

    // What the copy knows nothing of: both ways, and a KEM step or two.
    const later = await aigul.reopen();
    later.start();
    await sendAll(later, "Бек", numbered("кейін", 5));
    assert.equal((await textsOf(bek.client, 8)).length, 8);
    await pingPong([later, "Айгүл"], [bek.client, "Бек"], 4, 6);
    await later.close();

    const back = await putBack(all, old);
    const oldSessions = await readVault(aigul.environment, (view) =>
      listPeers(view).flatMap(({ sessions }) =>
        sessions === null ? [] : decodePeer(sessions).sessions,
      ),
    );
    assert.ok(oldSessions.every((session) => !session.maySend));

    await sendAll(back, "Бек", numbered("қайта", 5));
    const texts = await textsOf(bek.client, 15);
    assert.equal(texts.length, 15);
    assert.deepEqual(texts.slice(-5), numbered("қайта", 5));
    assert.deepEqual(texts.slice(3, 8), numbered("кейін", 5));
    await sendAll(bek.client, "Айгүл", ["сен бе?", "сен екенсің"]);
    for (const text of ["сен бе?", "сен екенсің"]) await untilShown(back, text, turnClock);
    await allStored(back);
    await allStored(bek.client);
    const ids = await idsOf(bek.client);
    assert.equal(new Set(ids).size, ids.length);
    const after = await activeSessionIds(aigul.environment);
    assert.notDeepEqual(after, before);
    await assertOneSession(aigul.environment, bek.environment);
  });

  it("sends what the copy had queued under the ids it had: the other side drops what it has", async (t) => {
    const all = await scene(t);
    const { aigul, bek, disk } = all;
    await aigul.client.close();
    const writing = await aigul.reopen();
    await sendAll(writing, "Бек", numbered("кезекте", 3));
    await writing.close();
    const old = disk.image?.slice();

    const later = await aigul.reopen();
    await synced(later);
    await textsOf(bek.client, 6);
    await later.close();

    const back = await putBack(all, old);
    await allStored(back);
    await back.send("Бек", "тағы біреу");
    await until("the new one", async () =>
      (await bek.client.received()).some(({ text }) => text === "тағы біреу"),
    );
    const texts = (await bek.client.received()).map(({ text }) => text);
    assert.deepEqual(texts, [
      "ball 0",
      "ball 2",
      "ball 4",
      ...numbered("кезекте", 3),
      "тағы біреу",
    ]);
  });

  it("what the other side sent to the newer state and it cannot open comes again by a reset", async (t) => {
    const all = await scene(t);
    const { aigul, bek, disk, turnClock } = all;
    await aigul.client.close();
    const old = disk.image?.slice();
    const later = await aigul.reopen();
    later.start();
    await pingPong([later, "Айгүл"], [bek.client, "Бек"], 12, 6);
    await later.close();
    // Sealed to ratchet keys that only the lost state has.
    await sendAll(bek.client, "Айгүл", numbered("жоғалмас", 4));
    await allStored(bek.client);

    const back = await putBack(all, old);
    for (const text of numbered("жоғалмас", 4)) await untilShown(back, text, turnClock);
    const ids = await idsOf(back);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok((await bek.client.received()).some(({ kind }) => kind === "reset"));
    await pingPong([back, "Айгүл"], [bek.client, "Бек"], 1, 18);
  });

  it("with its only relay gone for good: what is written leaves all the same, and is read once", async (t) => {
    const dying = await relayInProcess(t);
    const living = await relayInProcess(t);
    const disk = new MemoryDisk();
    const aigul = await person(t, dying.address, {
      storage: new MemoryStorage(disk),
      clock: hurriedClock,
    });
    const bek = await person(t, living.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    aigul.client.start();
    bek.client.start();
    await pingPong([aigul.client, "Айгүл"], [bek.client, "Бек"], 6);
    await aigul.client.close();
    const old = disk.image?.slice();
    const before = await activeSessionIds(aigul.environment);
    const later = await aigul.reopen();
    later.start();
    await sendAll(later, "Бек", numbered("кейін", 5));
    await allStored(later);
    await later.close();
    await dying.close();

    // Nobody can tell that the copy is old: it is put back, and must not count as the newest.
    assert.ok(old !== undefined);
    disk.image = old.slice();
    const back = await aigul.reopen();
    back.start();
    await sendAll(back, "Бек", numbered("қайта", 5));
    await allStored(back);
    const texts = await textsOf(bek.client, 13);
    assert.deepEqual(texts.slice(-5), numbered("қайта", 5));
    assert.deepEqual(texts.slice(3, 8), numbered("кейін", 5));
    const ids = await idsOf(bek.client);
    assert.equal(new Set(ids).size, ids.length);
    assert.notDeepEqual(await activeSessionIds(aigul.environment), before);
  });
});
