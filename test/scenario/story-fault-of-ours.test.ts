/**
 * Envelopes on which our own program fails: they hold up nothing that is behind them, none is lost, and
 * a later version that can takes them in.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { Client } from "../../client/core/client.ts";
import { listPeers, NEW_PEER, putPeer } from "../../client/core/state/contacts.ts";
import { deleteMyGrant, listMyGrants } from "../../client/core/state/grants.ts";
import { getIdentity } from "../../client/core/state/identity.ts";
import {
  listQuarantined,
  MAX_QUARANTINE_BYTES,
  putQuarantined,
} from "../../client/core/state/quarantine.ts";
import type { ClientEvent } from "../../client/core/types.ts";
import type { TransportKind } from "../../client/net/connection.ts";
import { parseWrapKey } from "../../shared/e2ee/grant.ts";
import { atEnd } from "../support/cleanup.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { relayInProcess } from "../support/relay.ts";
import { meddle } from "../support/slip.ts";
import { clockHurriedBy, readVault, synced, textsOf } from "../support/stories.ts";

const LARGE_BYTES = 16_384;
const KEPT = { type: "quarantined", reason: "RangeError", isKept: true } as const;

interface Scene {
  readonly aigul: Person;
  readonly mallory: Person;
  /** Aigul's program fails on that no more. */
  mend(): Promise<void>;
}

/** Bek has written to Aigul, whose program fails on what comes from him, and on nothing else. */
async function scene(t: TestContext, transportKind: TransportKind): Promise<Scene> {
  const relay = await relayInProcess(t);
  const clock = clockHurriedBy(5);
  const aigul = await person(t, relay.address, { transportKind, clock, version: "1" });
  const bek = await person(t, relay.address);
  const mallory = await person(t, relay.address);
  await acquaint([aigul, "Aigul"], [bek, "Bek"]);
  await acquaint([aigul, "Aigul"], [mallory, "Mallory"]);
  await mallory.client.send("Aigul", "hello");
  await synced(mallory.client);
  await synced(aigul.client);
  const device = await readVault(bek.environment, (view) => getIdentity(view).device.id);
  // What is kept of Bek's device is the state of another one.
  await meddle(aigul, (tx) => {
    const [{ sessions } = NEW_PEER] = listPeers(tx, mallory.client.identity);
    putPeer(tx, bek.client.identity, device, { ...NEW_PEER, sessions });
  });
  await bek.client.send("Aigul", "from Bek");
  await synced(bek.client);
  const mend = () =>
    meddle(aigul, (tx) => putPeer(tx, bek.client.identity, device, { ...NEW_PEER }));
  return { aigul, mallory, mend };
}

/** One run of Aigul's program: what it told of faults, and the texts there are after it. */
async function run(t: TestContext, aigul: Person, version: string): Promise<readonly unknown[]> {
  await aigul.client.close();
  const client = await Client.open({ ...aigul.environment, version });
  atEnd(t, () => client.close());
  const faults = faultsOf(client);
  await synced(client);
  const texts = (await client.received()).map(({ text }) => text);
  await client.close();
  return [...faults, ...texts];
}

function faultsOf(client: Client): readonly ClientEvent[] {
  const faults: ClientEvent[] = [];
  client.on((event) => {
    if (event.type === "quarantined") faults.push(event);
  });
  return faults;
}

async function fillQuarantine(aigul: Person): Promise<void> {
  const wrapKey = parseWrapKey(new Uint8Array(32));
  const envelope = new Uint8Array(LARGE_BYTES);
  const row = { reason: "TypeError", version: "1", hour: 1, envelope, wrapKey, contact: null };
  await meddle(aigul, (tx) => {
    for (let i = 0; i < MAX_QUARANTINE_BYTES / LARGE_BYTES; i++) {
      assert.ok(putQuarantined(tx, new Uint8Array(24).fill(i), row));
    }
  });
}

describe("a fault of our own program", () => {
  it("holds up nothing where little passes at once, and is told once", async (t) => {
    const { aigul, mallory } = await scene(t, "thrifty");
    const faults = faultsOf(aigul.client);
    await mallory.client.send("Aigul", "behind it");
    await synced(mallory.client);
    await synced(aigul.client);
    assert.deepEqual(await textsOf(aigul.client, 2), ["hello", "behind it"]);
    assert.deepEqual(faults, [KEPT]);
  });

  it("costs no message: a version that has none takes it in, each trying once", async (t) => {
    const { aigul, mend } = await scene(t, "websocket");
    // Each run is shown it once.
    assert.deepEqual(await run(t, aigul, "1"), ["hello"]);
    assert.deepEqual(await run(t, aigul, "1"), ["hello"]);
    assert.deepEqual(await run(t, aigul, "1"), [KEPT, "hello"]);
    assert.deepEqual(await run(t, aigul, "2"), ["hello"]);
    await mend();
    // Its relay may have been left by then.
    await meddle(aigul, (tx) => {
      for (const { tag } of listMyGrants(tx)) deleteMyGrant(tx, tag);
    });
    assert.deepEqual(await run(t, aigul, "2"), ["hello"]);
    assert.deepEqual(await run(t, aigul, "3"), ["hello", "from Bek"]);
    assert.deepEqual(await readVault(aigul.environment, listQuarantined), []);
  });

  it("leaves it at the relay when there is no room to keep it, and tells that once", async (t) => {
    const { aigul, mend } = await scene(t, "websocket");
    await fillQuarantine(aigul);
    assert.deepEqual(await run(t, aigul, "1"), ["hello"]);
    assert.deepEqual(await run(t, aigul, "1"), ["hello"]);
    assert.deepEqual(await run(t, aigul, "1"), [{ ...KEPT, isKept: false }, "hello"]);
    assert.deepEqual(await run(t, aigul, "1"), ["hello"]);
    await mend();
    assert.deepEqual(await run(t, aigul, "1"), ["hello", "from Bek"]);
  });
});
