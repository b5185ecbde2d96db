/**
 * Through a door: people who were given its address talk over WebSocket, exchanges and thrifty
 * exchanges. The relay has connections with the door alone; the door's memory and log hold nothing of
 * a frame, and nothing of who asked is in its log.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { TransportKind } from "../../client/net/connection.ts";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import { BareClient } from "../support/bare-client.ts";
import { BareExchanger } from "../support/bare-exchange.ts";
import {
  type BareMailbox,
  depositFrame,
  newMailbox,
  register,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { findLeaks, type Needle } from "../support/leak-search.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { connectionsOf, foundInMemory } from "../support/process-view.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";
import { pingPong } from "../support/stories.ts";
import { needlesOf } from "../support/vault-needles.ts";

const LOCAL_ADDRESS = "127.0.0.77";
const CANARY = "Айгүл, иә, мен осындамын — 06:10, Gate 17. ";
const KINDS: readonly TransportKind[] = ["websocket", "exchange", "thrifty"];

interface Scene {
  readonly relay: RelayProcess;
  readonly door: RelayProcess;
}

async function scene(t: TestContext): Promise<Scene> {
  const relay = await relayProcess(t, { directory: await temporaryDirectory(t) });
  const door = await relayProcess(t, {
    directory: await temporaryDirectory(t),
    settings: { DOOR: relay.address, LOG_LEVEL: "debug" },
  });
  assert.equal(new URL(door.address).hash, new URL(relay.address).hash);
  return { relay, door };
}

const pidOf = ({ child }: RelayProcess): number => child.pid ?? 0;

interface Conversation {
  readonly people: readonly Person[];
  /** What their vaults hold. */
  readonly needles: readonly Needle[];
}

/** Two people for each way, who stay connected. */
async function converse(t: TestContext, door: RelayProcess): Promise<Conversation> {
  const people: Person[] = [];
  const needles: Needle[] = [];
  for (const transportKind of KINDS) {
    const transport = nodeTransport({ localAddress: LOCAL_ADDRESS });
    const aigul = await person(t, door.address, { transport, transportKind });
    const bek = await person(t, door.address, { transport, transportKind });
    await acquaint([aigul, "Aigul"], [bek, "Bek"]);
    aigul.client.start();
    bek.client.start();
    await pingPong([aigul.client, "Aigul"], [bek.client, "Bek"], 2);
    people.push(aigul, bek);
    needles.push(...(await needlesOf(`Aigul, ${transportKind}`, aigul.environment)));
    needles.push(...(await needlesOf(`Bek, ${transportKind}`, bek.environment)));
  }
  return { people, needles };
}

/** An envelope whose bytes can be known again in any memory that has the frame open. */
const canaryEnvelope = (): Uint8Array => {
  return Uint8Array.from(Buffer.concat([Buffer.from(CANARY)], 1024));
};

/** Deposits over all three ways, and a subscriber that stays. */
async function depositCanaries(t: TestContext, door: RelayProcess): Promise<BareMailbox> {
  const owner = await BareClient.connect(door.address, { localAddress: LOCAL_ADDRESS });
  t.after(() => owner.close());
  const mailbox = await register(owner, newMailbox());
  await owner.request(subscribeFrame(mailbox));
  const exchanger = await BareExchanger.open(door.address);
  const envelope = canaryEnvelope();
  for (const [at, path] of (["exchange", "thrifty"] as const).entries()) {
    envelope[1023] = at;
    await exchanger.exchange([depositFrame(mailbox, envelope)], { path });
  }
  const sender = await BareClient.connect(door.address, { localAddress: LOCAL_ADDRESS });
  t.after(() => sender.close());
  envelope[1023] = 2;
  await sender.request(depositFrame(mailbox, envelope));
  await owner.delivered(3);
  return mailbox;
}

describe("through a door", () => {
  it("the relay has connections with the door alone, and the door holds nothing of a frame", async (t) => {
    const { relay, door } = await scene(t);
    const { people, needles: ofVaults } = await converse(t, door);
    const mailbox = await depositCanaries(t, door);
    const ofFrames: readonly Needle[] = [
      { what: "mailbox key", secret: mailbox.mailbox },
      { what: "depositId", secret: mailbox.depositId },
      { what: "envelope", secret: CANARY },
    ];

    const atRelay = await connectionsOf(pidOf(relay));
    const atDoor = await connectionsOf(pidOf(door));
    const fromDoor = new Set(atDoor.map(({ local }) => local));
    assert.ok(atRelay.length > 0);
    for (const { remote } of atRelay) assert.ok(fromDoor.has(remote), remote);
    const hosts = new Set(atDoor.map(({ remote }) => remote.split(":")[0]));
    assert.deepEqual(hosts, new Set([LOCAL_ADDRESS, "127.0.0.1"]));

    const inFrames = ofVaults.filter(({ what }) => /mailbox public key|record id/.test(what));
    assert.ok(inFrames.length >= 18);
    assert.deepEqual(await foundInMemory(pidOf(door), [...ofFrames, ...inFrames]), []);
    // The same search finds what the relay reads in those frames.
    const known = await foundInMemory(pidOf(relay), ofFrames);
    assert.deepEqual(known.sort(), ["depositId", "envelope", "mailbox key"]);

    for (const { client } of people) await client.close();
    assert.equal(await door.end("SIGTERM"), 0);
    const events = door.log().trim().split("\n");
    assert.deepEqual(
      events.map((line) => (JSON.parse(line) as { event: string }).event),
      ["started", "stopping", "stopped"],
    );
    const address = { what: "network address", secret: LOCAL_ADDRESS };
    const log = Buffer.from(door.log() + relay.log());
    assert.deepEqual(findLeaks(log, [...ofVaults, ...ofFrames, address]), []);
  });
});
