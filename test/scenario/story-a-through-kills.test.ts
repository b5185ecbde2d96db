/**
 * Story (a): Aigul and Bek write to each other while their relay and their devices are killed again
 * and again. Every message is in the other's inbox once, in the order it was written.
 *
 * Real time is the subject: the relay lives 100 to 800 ms after it is ready, 14 times, on one port.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "../../client/core/client.ts";
import type { ClientEnvironment } from "../../client/core/environment.ts";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import { FileBlobStorage } from "../../client/vault/node/file-blob-storage.ts";
import { FileStorage } from "../../client/vault/node/file-storage.ts";
import { atEnd } from "../support/cleanup.ts";
import { effort } from "../support/effort.ts";
import { PeerProcess, type PeerReport } from "../support/peer-process.ts";
import { phrases } from "../support/phrases.ts";
import { quickDerive } from "../support/quick-derive.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";
import { seededRandom } from "../support/seeded-random.ts";

const PASSPHRASE = "correct horse battery";
const MESSAGES_EACH = effort(100, 200);
const RELAY_LIVES = effort(14, 32);
/** Of each of the two. */
const CLIENT_KILLS = effort(5, 10);
const END_MS = 60_000;

const random = seededRandom("story a");

/** Seeded, from `low` to `high` inclusive. */
function between(low: number, high: number): number {
  const [a = 0, b = 0] = random(2);
  return low + Math.floor(((a * 256 + b) / 65536) * (high - low + 1));
}

/** One person: their vault, their device's process, and how far they have come. */
class Person {
  readonly name: string;
  readonly friend: string;
  readonly vaultFile: string;
  readonly texts: readonly string[];
  readonly #process: PeerProcess;
  readonly #received = new Set<string>();
  #stored = 0;
  #allowed = 0;
  #onProgress: () => void = () => undefined;
  kills = 0;

  constructor(name: string, friend: string, directory: string) {
    this.name = name;
    this.friend = friend;
    this.vaultFile = join(directory, name);
    this.texts = phrases(name, MESSAGES_EACH);
    this.#process = new PeerProcess(this.vaultFile, PASSPHRASE, (report) => this.#hear(report));
  }

  #hear(report: PeerReport): void {
    if (report.type === "stored") this.#stored = report.count;
    if (report.type === "received") this.#received.add(report.text);
    this.#onProgress();
  }

  async open(): Promise<Client> {
    return Client.open(environmentOf(this.vaultFile));
  }

  async start(): Promise<void> {
    await this.#process.start();
    this.#process.send(this.friend, this.texts.slice(0, this.#allowed));
  }

  /** Lets the person write up to this many messages in all. */
  allow(count: number): void {
    this.#allowed = count;
    this.#process.send(this.friend, this.texts.slice(0, count));
  }

  async killAndRestart(): Promise<void> {
    await this.#process.kill();
    this.kills += 1;
    await this.start();
  }

  toString(): string {
    return `${this.name} has ${this.#stored} stored, ${this.#received.size} received`;
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  async isDone(): Promise<void> {
    while (this.#stored < MESSAGES_EACH || this.#received.size < MESSAGES_EACH) {
      await new Promise<void>((resolve) => {
        this.#onProgress = resolve;
      });
    }
  }
}

function environmentOf(vaultFile: string): ClientEnvironment {
  return {
    storage: new FileStorage(vaultFile),
    blobs: new FileBlobStorage(`${vaultFile}.blobs`),
    passphrase: PASSPHRASE,
    transport: nodeTransport(),
    deriveKey: quickDerive,
  };
}

async function createVaults(relay: string, people: readonly Person[]): Promise<void> {
  const clients: Client[] = [];
  for (const { vaultFile } of people) {
    const options = { relay, wordList: "english" } as const;
    const { client } = await Client.create(environmentOf(vaultFile), options);
    clients.push(client);
  }
  const [a, b] = clients;
  assert.ok(a && b);
  await a.addContact(await b.card(), people[1]?.name ?? "");
  await b.addContact(await a.card(), people[0]?.name ?? "");
  await a.close();
  await b.close();
}

/** One life of the relay: it is up, some messages are allowed, clients may die, then it is killed. */
async function live(
  t: TestContext,
  directory: string,
  port: number,
  people: readonly Person[],
  round: number,
): Promise<void> {
  const relay = await relayProcess(t, { directory, port });
  const allowed = Math.ceil((MESSAGES_EACH * (round + 1)) / RELAY_LIVES);
  for (const person of people) person.allow(allowed);
  const deaths = people
    .filter((person) => person.kills < CLIENT_KILLS && between(0, 1) === 1)
    .map(async (person) => {
      await pause(between(0, 300));
      await person.killAndRestart();
    });
  await pause(between(100, 800));
  await relay.end("SIGKILL");
  await Promise.all(deaths);
}

async function inOrderOnce(reader: Person, writer: Person): Promise<void> {
  const client = await reader.open();
  const received = await client.received();
  assert.deepEqual(
    received.map(({ text }) => text),
    writer.texts,
  );
  assert.ok(received.every(({ from }) => from === writer.name));
  assert.equal(new Set(received.map(({ id }) => id.toString())).size, MESSAGES_EACH);
  assert.deepEqual(await client.outbox(), []);
  await client.close();
}

describe("story (a)", () => {
  it("every message arrives once and in order, through kills of everything", async (t) => {
    const directory = await temporaryDirectory(t);
    const relayData = join(directory, "relay");
    const aigul = new Person("Айгүл", "Бек", directory);
    const bek = new Person("Бек", "Айгүл", directory);
    const people = [aigul, bek];
    let relay: RelayProcess = await relayProcess(t, { directory: relayData });
    const { port, address } = relay;
    await createVaults(address, people);
    await relay.end("SIGKILL");

    atEnd(t, () => Promise.all(people.map((person) => person.kill())));
    for (const person of people) await person.start();
    for (let round = 0; round < RELAY_LIVES; round++) {
      await live(t, relayData, port, people, round);
    }
    while (people.some((person) => person.kills < CLIENT_KILLS)) {
      await Promise.all(
        people.filter(({ kills }) => kills < CLIENT_KILLS).map((one) => one.killAndRestart()),
      );
    }
    relay = await relayProcess(t, { directory: relayData, port });
    const late = pause(END_MS, "late", { ref: false });
    const done = Promise.all(people.map((person) => person.isDone()));
    const end = await Promise.race([done, late]);
    assert.notEqual(end, "late", `messages are missing: ${people.map(String).join("; ")}`);
    for (const person of people) await person.stop();
    await inOrderOnce(aigul, bek);
    await inOrderOnce(bek, aigul);
    assert.equal(await relay.end("SIGTERM"), 0);
  });
});
