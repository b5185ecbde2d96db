/** Relays joined and left in any order: what is signed about them never forks, and keys are never shared. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Core } from "../../../client/core/context.ts";
import { partsOf } from "../../../client/core/environment.ts";
import { addHome, forgetHome, goLive, leaveHome, MAX_HOMES } from "../../../client/core/homes.ts";
import { currentLocator, renewLocators, writeRecordsAnew } from "../../../client/core/locators.ts";
import { NUMBERS_A_RUN } from "../../../client/core/rollback.ts";
import { makeSelf, putSelf } from "../../../client/core/self.ts";
import { getHome, listHomes, liveHomes } from "../../../client/core/state/homes.ts";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import { Draft } from "../../../client/vault/draft.ts";
import { MemoryBlobStorage } from "../../../client/vault/memory-blob-storage.ts";
import { MemoryStorage } from "../../../client/vault/memory-storage.ts";
import { emptyState } from "../../../client/vault/state.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { signingKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import { parseRelayHash, type RelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { quickDerive } from "../../support/quick-derive.ts";

const RELAYS = Array.from(
  { length: 12 },
  (_, i): RelayAddress => ({
    scheme: "https",
    host: `relay-${i}.example`,
    hash: parseRelayHash(new Uint8Array(16).fill(i + 1)),
  }),
);

function relay(i: number): RelayAddress {
  const one = RELAYS[i];
  if (one === undefined) throw new RangeError("no such relay");
  return one;
}

async function testCore(): Promise<Core> {
  const storage = new MemoryStorage();
  const environment = {
    storage,
    blobs: new MemoryBlobStorage(),
    passphrase: "correct horse",
    transport: nodeTransport(),
  };
  const vault = await Vault.create(storage, environment.passphrase, { deriveKey: quickDerive });
  const { core } = await partsOf(environment, vault);
  await vault.close();
  return core;
}

/** An identity at relay 0 in a vault of its own. */
function scene(): Draft {
  const tx = new Draft(emptyState());
  const mailbox = signingKeyPair(systemRandom(32));
  const places = [{ relay: relay(0), mailbox }];
  putSelf(tx, systemRandom, makeSelf(systemRandom(32), places, 1, systemRandom));
  return tx;
}

const STEPS = ["add", "live", "leave", "forget", "rotate"] as const;
const steps = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat({ max: 4 })), { maxLength: 16 });

function step(tx: Draft, core: Core, what: (typeof STEPS)[number], { hash }: RelayAddress): void {
  const home = getHome(tx, hash);
  switch (what) {
    case "add":
      if (home === undefined) {
        const address = RELAYS.find((one) => one.hash === hash) ?? relay(0);
        addHome(tx, systemRandom, address, signingKeyPair(systemRandom(32)), "joining");
      }
      break;
    case "live":
      goLive(tx, core, hash);
      break;
    case "leave":
      leaveHome(tx, core, hash);
      break;
    case "forget":
      if (home?.stage === "leaving") forgetHome(tx, hash);
      break;
    default:
      writeRecordsAnew(tx);
  }
}

type Steps = readonly (readonly [what: (typeof STEPS)[number], relay: number])[];

/** After each step: one content for each number, and the homes that are live, wherever it is read. */
function run(tx: Draft, core: Core, all: Steps, signed: Map<string, string>): void {
  for (const [what, i] of [["rotate", 0] as const, ...all]) {
    try {
      step(tx, core, what, relay(i));
    } catch (error) {
      assert.ok(error instanceof TumarError && error.code.startsWith("RELAY"));
    }
    const live = liveHomes(tx).map(({ address }) => new URL(address).host);
    assert.ok(live.length >= 1);
    assert.ok(listHomes(tx).filter(({ stage }) => stage !== "leaving").length <= MAX_HOMES);
    for (const place of ["front", "status"] as const) {
      const { seq, bytes, grants } = currentLocator(tx, place);
      const key = `${place} ${seq}`;
      assert.equal(signed.get(key) ?? toHex(bytes), toHex(bytes));
      signed.set(key, toHex(bytes));
      assert.deepEqual(
        grants.map(({ relay: at }) => at.host),
        live,
      );
    }
  }
}

function copyOf(tx: Draft): Draft {
  const copy = new Draft(emptyState());
  for (const [key, bytes] of tx.list("")) copy.put(key, bytes);
  return copy;
}

describe("the homes of a device", () => {
  it("never sign two locators with one number, whatever is added, left or rolled back (property)", async () => {
    const core = await testCore();
    const property = fc.property(steps, steps, steps, (first, lost, later) => {
      const signed = new Map<string, string>();
      const tx = scene();
      run(tx, core, first, signed);
      const old = copyOf(tx);
      run(tx, core, lost, signed);
      // The old copy is put back; the relay tells that it has missed a run.
      renewLocators(old, NUMBERS_A_RUN);
      run(old, core, later, signed);
    });
    fc.assert(property, { numRuns: 40 });
  });

  it("own their records by keys of their own, at ten relays at most; one left before takes no new ones", async () => {
    const core = await testCore();
    const tx = scene();
    const owners = new Set<string>();
    const move = (from: RelayAddress, to: RelayAddress): void => {
      addHome(tx, systemRandom, to, signingKeyPair(systemRandom(32)), "joining");
      goLive(tx, core, to.hash);
      leaveHome(tx, core, from.hash);
      forgetHome(tx, from.hash);
    };
    const noteOwners = ({ hash }: RelayAddress): void => {
      const home = getHome(tx, hash);
      assert.ok(home !== undefined);
      for (const { owner } of [home.front, home.status, home.generation]) owners.add(toHex(owner));
    };
    noteOwners(relay(0));
    for (let i = 1; i < 10; i++) {
      move(relay(i - 1), relay(i));
      noteOwners(relay(i));
    }
    assert.equal(owners.size, 30);
    assert.throws(() => move(relay(9), relay(10)), { code: "RELAYS_USED_UP" });
    move(relay(9), relay(0));
    noteOwners(relay(0));
    assert.equal(owners.size, 30);
  });
});
