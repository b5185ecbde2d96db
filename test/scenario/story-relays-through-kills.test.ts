/**
 * A client that dies at each commit while it adds a relay, and while it removes one: what is left in the
 * vault is always enough to go on, and a contact loses nothing.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Client } from "../../client/core/client.ts";
import { MemoryDisk, MemoryStorage } from "../../client/vault/memory-storage.ts";
import { storageFault } from "../../client/vault/storage.ts";
import { atEnd } from "../support/cleanup.ts";
import { acquaint, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import { pingPong, until } from "../support/stories.ts";

/** Takes so many writes, and is dead from then on, as after a kill. */
class DyingStorage extends MemoryStorage {
  readonly death: Promise<void>;
  isDead = false;
  #left: number;
  #tellDeath: () => void = () => undefined;

  constructor(disk: MemoryDisk, writes: number) {
    super(disk);
    this.#left = writes;
    this.death = new Promise((resolve) => {
      this.#tellDeath = resolve;
    });
  }

  override async patch(...given: Parameters<MemoryStorage["patch"]>): Promise<void> {
    this.#die();
    await super.patch(...given);
  }

  override async replace(...given: Parameters<MemoryStorage["replace"]>): Promise<void> {
    this.#die();
    await super.replace(...given);
  }

  #die(): void {
    this.#left -= 1;
    if (this.#left >= 0) return;
    this.isDead = true;
    this.#tellDeath();
    throw storageFault("write", "killed");
  }
}

describe("relays added and removed through kills", () => {
  it("at every commit: the vault goes on from there, and the talk with it", async (t) => {
    const [one, two] = [await relayInProcess(t), await relayInProcess(t)];
    const disk = new MemoryDisk();
    const aigul = await person(t, one.address, { storage: new MemoryStorage(disk) });
    const bek = await person(t, one.address);
    await acquaint([aigul, "Айгүл"], [bek, "Бек"]);
    bek.client.start();
    const open = async (storage: MemoryStorage) => {
      const client = await Client.open({ ...aigul.environment, storage });
      atEnd(t, () => client.close().catch(() => undefined));
      return client;
    };
    await aigul.client.close();
    let balls = 0;

    /** Dies after so many writes; the result tells whether it was done before that. */
    const dies = async (writes: number, act: (client: Client) => Promise<unknown>) => {
      const storage = new DyingStorage(disk, writes);
      const client = await open(storage);
      client.start();
      await Promise.race([act(client), storage.death]).catch((error) => {
        if (!storage.isDead) throw error;
      });
      await client.close().catch(() => undefined);
      return !storage.isDead;
    };
    /** Lives until its relays are these and the contact was heard and answered. */
    const lives = async (
      act: (client: Client) => Promise<unknown>,
      expected: readonly string[],
    ) => {
      const client = await open(new MemoryStorage(disk));
      client.start();
      await act(client);
      await until("all settled", async () =>
        (await client.relays()).every(({ stage }) => stage === "live"),
      );
      assert.deepEqual(
        (await client.relays()).map(({ address }) => address),
        expected,
      );
      await pingPong([client, "Айгүл"], [bek.client, "Бек"], 2, balls);
      balls += 2;
      await client.close();
    };

    const add = (client: Client) => client.addRelay(two.address);
    const remove = async (client: Client) => {
      const isThere = (await client.relays()).some(({ address }) => address === two.address);
      if (isThere) await client.removeRelay(two.address);
    };
    let isDone = false;
    let kills = 0;
    for (let writes = 0; !isDone; writes++) {
      const isAdded = await dies(writes, add);
      await lives(add, [one.address, two.address]);
      const isRemoved = await dies(writes, remove);
      await lives(remove, [one.address]);
      isDone = isAdded && isRemoved;
      kills += (isAdded ? 0 : 1) + (isRemoved ? 0 : 1);
    }
    assert.ok(kills > 10, `${kills} kills`);
    t.diagnostic(`${kills} kills`);
    const texts = (await bek.client.received()).map(({ text }) => text);
    assert.equal(new Set(texts).size, texts.length);
  });
});
