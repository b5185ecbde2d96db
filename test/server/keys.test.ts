/** The keyring: what survives a restart, what is made anew, what is destroyed. */

import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Keyring } from "../../server/keys.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { temporaryDirectory } from "../support/relay.ts";

const HOUR = 500_000;

async function names(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith("channel-")).sort();
}

describe("keyring", () => {
  it("makes all keys once and finds them again", async (t) => {
    const directory = await temporaryDirectory(t);
    const first = await Keyring.open(directory, systemRandom, HOUR);
    const second = await Keyring.open(directory, systemRandom, HOUR + 23);
    assert.deepEqual(second.identity, first.identity);
    assert.deepEqual(second.storeKey, first.storeKey);
    assert.deepEqual(second.channelKeys, first.channelKeys);
    assert.deepEqual((await readdir(directory)).sort(), [
      `channel-${HOUR}.key`,
      "identity.key",
      "store.key",
    ]);
  });

  it("makes a channel key a day and destroys each after 48 hours", async (t) => {
    const directory = await temporaryDirectory(t);
    const keyring = await Keyring.open(directory, systemRandom, HOUR);
    const old = keyring.channelKey;
    assert.equal(await keyring.rotate(HOUR + 23), false);
    assert.equal(await keyring.rotate(HOUR + 24), true);
    assert.deepEqual(keyring.channelKeys, [keyring.channelKey, old]);
    await keyring.rotate(HOUR + 47);
    assert.deepEqual(await names(directory), [`channel-${HOUR}.key`, `channel-${HOUR + 24}.key`]);
    await keyring.rotate(HOUR + 48);
    assert.deepEqual(await names(directory), [
      `channel-${HOUR + 24}.key`,
      `channel-${HOUR + 48}.key`,
    ]);
    assert.equal(keyring.channelKeys.length, 2);
  });

  it("destroys what ran out while the relay was down", async (t) => {
    const directory = await temporaryDirectory(t);
    await Keyring.open(directory, systemRandom, HOUR);
    const later = await Keyring.open(directory, systemRandom, HOUR + 1000);
    assert.equal(later.channelKeys.length, 1);
    assert.deepEqual(await names(directory), [`channel-${HOUR + 1000}.key`]);
  });

  it("keeps a key from the future: clients take no older one", async (t) => {
    const directory = await temporaryDirectory(t);
    const ahead = await Keyring.open(directory, systemRandom, HOUR + 100);
    const now = await Keyring.open(directory, systemRandom, HOUR);
    assert.deepEqual(now.channelKey, ahead.channelKey);
  });

  it("refuses a damaged key and changes nothing", async (t) => {
    const directory = await temporaryDirectory(t);
    await Keyring.open(directory, systemRandom, HOUR);
    for (const name of ["identity", "store", `channel-${HOUR}`]) {
      const copy = await temporaryDirectory(t);
      await Keyring.open(copy, systemRandom, HOUR);
      await writeFile(join(copy, `${name}.key`), "damaged", { mode: 0o600 });
      await assert.rejects(Keyring.open(copy, systemRandom, HOUR), { code: "KEY_FILE_DAMAGED" });
      assert.deepEqual(await readdir(copy), await readdir(directory));
    }
  });
});
