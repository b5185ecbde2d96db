/** What the vault remembers of networks: what works there, never where it was. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NetworkMemory } from "../../../client/core/network-memory.ts";
import { listWorked, MAX_NETWORKS, networkName } from "../../../client/core/state/networks.ts";
import { MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { parseRelayHash, type RelayHash } from "../../../shared/e2ee/relay-address.ts";
import { quickDerive } from "../../support/quick-derive.ts";

const relay = (byte: number): RelayHash => parseRelayHash(new Uint8Array(16).fill(byte));
const SECOND_MS = 1_000;

async function setUp() {
  const vault = await Vault.create(new MemoryStorage(), "a passphrase", {
    random: systemRandom,
    deriveKey: quickDerive,
  });
  let place = "192.168.1.0";
  let at = 1_700_000_000_000;
  const options = { vault, network: () => place, random: systemRandom, now: () => at };
  const open = () => vault.read((view) => new NetworkMemory(options, view));
  const settled = async () => {
    await vault.transaction(() => undefined);
  };
  return {
    vault,
    open,
    settled,
    go: (network: string) => {
      place = network;
    },
    wait: (ms: number) => {
      at += ms;
    },
  };
}

describe("the memory of networks", () => {
  it("is of one network and one relay, has its age, and outlives the process", async () => {
    const { open, settled, go, wait, vault } = await setUp();
    const memory = await open();
    assert.equal(memory.recall(relay(1)), undefined);
    memory.keep(relay(1), { kind: "thrifty", loweredBy: "frozen" });
    wait(60 * SECOND_MS);
    const expected = { kind: "thrifty", loweredBy: "frozen", ageMs: 60 * SECOND_MS };
    assert.deepEqual(memory.recall(relay(1)), expected);
    assert.equal(memory.recall(relay(2)), undefined);
    await settled();
    const later = await open();
    assert.deepEqual(later.recall(relay(1)), expected);
    go("10.0.0.0");
    assert.equal(later.recall(relay(1)), undefined);
    go("192.168.1.0");
    assert.deepEqual(later.recall(relay(1)), expected);
    await vault.close();
  });

  it("is of eight networks: the one used longest ago goes", async () => {
    const { open, settled, go, wait, vault } = await setUp();
    const memory = await open();
    for (let i = 0; i <= MAX_NETWORKS; i++) {
      go(`10.0.${i}.0`);
      wait(SECOND_MS);
      memory.keep(relay(1), { kind: "exchange", loweredBy: "refused" });
    }
    await settled();
    const later = await open();
    go("10.0.0.0");
    assert.equal(later.recall(relay(1)), undefined);
    for (let i = 1; i <= MAX_NETWORKS; i++) {
      go(`10.0.${i}.0`);
      assert.equal(later.recall(relay(1))?.kind, "exchange");
    }
    await vault.close();
  });

  it("names no network: what is kept differs from vault to vault", async () => {
    const names = [];
    for (let i = 0; i < 2; i++) {
      const { open, settled, vault } = await setUp();
      (await open()).keep(relay(1), { kind: "exchange", loweredBy: "failed" });
      await settled();
      names.push(await vault.read((view) => listWorked(view).map(([name]) => name)));
      await vault.close();
    }
    const [[one], [other]] = names as [string[], string[]];
    assert.match(one ?? "", /^[0-9a-f]{32}$/);
    assert.notEqual(one, other);
    assert.notEqual(networkName(new Uint8Array(32), "10.0.0.0"), one);
  });
});
