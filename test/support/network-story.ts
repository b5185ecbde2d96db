/**
 * Two people, each behind a bad network of their own, before one relay process: the cases that every
 * network is tried with, and what each cost.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Client } from "../../client/core/client.ts";
import type { ClientEnvironment } from "../../client/core/environment.ts";
import type { TransportKind } from "../../client/net/connection.ts";
import { nodeTransport } from "../../client/net/node/node-transport.ts";
import type { Transport } from "../../client/net/transport.ts";
import { FileBlobStorage } from "../../client/vault/node/file-blob-storage.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";
import { type Impairment, type ImpairTotals, impair } from "./impair/impair.ts";
import type { Profile, ProfileName } from "./impair/profiles.ts";
import { throughNetwork } from "./impair/transport.ts";
import { type Person, person } from "./people.ts";
import { numbered, sendAll } from "./stories.ts";

export interface NetworkStoryOptions {
  readonly relay: string;
  readonly profile: ProfileName | Profile;
  readonly transportKind?: TransportKind;
  readonly seed?: string;
  readonly timeScale?: number;
  /** How long a case may take. */
  readonly limitMs?: number;
  readonly transport?: () => Transport;
  /** Where each keeps the sealed bytes of media, in a folder of its own; without it, in memory. */
  readonly blobFolder?: string;
  /** Of the clients in the bad network. */
  readonly environment?: Partial<ClientEnvironment>;
}

/** What a case cost, both people's lines together. */
export interface Cost {
  readonly name: string;
  readonly ms: number;
  readonly connections: number;
  readonly stalls: number;
  readonly resets: number;
  readonly upBytes: number;
  readonly downBytes: number;
}

/** One of the two, and everything this one wrote to the other. */
export interface Side {
  readonly network: Impairment;
  readonly person: Person;
  readonly name: string;
  client: Client;
  readonly written: string[];
}

const LOOK_MS = 50;
const DEFAULT_LIMIT_MS = 60_000;

export class NetworkStory {
  readonly aigul: Side;
  readonly bek: Side;
  readonly costs: Cost[] = [];
  readonly #options: NetworkStoryOptions;

  private constructor(options: NetworkStoryOptions, aigul: Side, bek: Side) {
    this.#options = options;
    this.aigul = aigul;
    this.bek = bek;
  }

  /** Both have registered over a good network, and have just opened their clients in the bad one. */
  static async begin(test: Cleanup, options: NetworkStoryOptions): Promise<NetworkStory> {
    const aigul = await newSide(test, "Айгүл", options);
    const bek = await newSide(test, "Бек", options);
    const story = new NetworkStory(options, aigul, bek);
    await story.enter(test, options.profile);
    return story;
  }

  /** Both close their clients, and open them in this network. */
  async enter(test: Cleanup, profile: ProfileName | Profile): Promise<void> {
    for (const side of this.sides) {
      await side.client.close();
      side.network.setProfile(profile);
      side.client = await Client.open({ ...side.person.environment, ...this.#options.environment });
      atEnd(test, () => side.client.close());
      side.client.start();
    }
  }

  get sides(): readonly [Side, Side] {
    return [this.aigul, this.bek];
  }

  /** Of both lines, since the beginning. */
  get totals(): Omit<ImpairTotals, "open"> {
    const [a, b] = this.sides.map(({ network }) => network.stats());
    assert.ok(a && b);
    return {
      connections: a.connections + b.connections,
      stalls: a.stalls + b.stalls,
      resets: a.resets + b.resets,
      losses: a.losses + b.losses,
      sentUpBytes: a.sentUpBytes + b.sentUpBytes,
      upBytes: a.upBytes + b.upBytes,
      downBytes: a.downBytes + b.downBytes,
    };
  }

  setProfile(profile: ProfileName | Profile): void {
    for (const { network } of this.sides) network.setProfile(profile);
  }

  /** The first message of a stranger, from the card alone. */
  firstContact(): Promise<Cost> {
    return this.measure("first contact", async () => {
      await this.aigul.client.addContact(await this.bek.client.card(), "Бек");
      await this.write(this.aigul, ["Сәлем, Бек. Мен әуежайдамын."]);
    });
  }

  /** One full envelope of 16 KiB. */
  longestText(): Promise<Cost> {
    return this.measure("longest text", async () => {
      const room = await longestRoom(this.aigul.client, "Бек");
      await this.write(this.aigul, ["ұ".repeat(Math.floor(room / 2)).padEnd(room / 2 + 0.5)]);
    });
  }

  textsBothWays(count: number): Promise<Cost> {
    return this.measure(`${count} texts both ways`, async () => {
      await this.bek.client.addContact(await this.aigul.client.card(), "Айгүл");
      const [fromAigul, fromBek] = this.sides.map(({ name, written }) =>
        numbered(name, count, written.length),
      );
      await Promise.all([
        this.write(this.aigul, fromAigul ?? []),
        this.write(this.bek, fromBek ?? []),
      ]);
    });
  }

  async write(from: Side, texts: readonly string[]): Promise<void> {
    from.written.push(...texts);
    await sendAll(from.client, this.#other(from).name, texts);
  }

  /** Runs it and waits until everything written so far has arrived: once, whole and in order. */
  async measure(name: string, act: () => Promise<void>): Promise<Cost> {
    const before = this.totals;
    const fromMs = performance.now();
    await act();
    await this.delivered(name);
    const ms = performance.now() - fromMs;
    const { connections, stalls, resets, upBytes, downBytes } = this.totals;
    const cost = {
      name,
      ms,
      connections: connections - before.connections,
      stalls: stalls - before.stalls,
      resets: resets - before.resets,
      upBytes: upBytes - before.upBytes,
      downBytes: downBytes - before.downBytes,
    };
    this.costs.push(cost);
    return cost;
  }

  /** Everything written so far is stored and with the other, once, whole and in order. */
  async delivered(what: string): Promise<void> {
    const endMs = performance.now() + (this.#options.limitMs ?? DEFAULT_LIMIT_MS);
    for (;;) {
      const left = await Promise.all(this.sides.map((side) => this.#undelivered(side)));
      if (left.every((count) => count === 0)) break;
      if (performance.now() > endMs) {
        const [ofAigul, ofBek] = left;
        throw new Error(`not in time: ${what}; ${ofAigul} of Aigul's and ${ofBek} of Bek's left`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    for (const side of this.sides) await this.#assertArrived(side);
  }

  /** How many of its messages are not stored, or not with the other. */
  async #undelivered(side: Side): Promise<number> {
    const there = (await this.#other(side).client.received()).length;
    const sent = await side.client.sent();
    const stored = sent.filter(({ state }) => state === "stored").length;
    return side.written.length - Math.min(there, stored);
  }

  async #assertArrived(from: Side): Promise<void> {
    const received = await this.#other(from).client.received();
    assert.deepEqual(
      received.map(({ text }) => text),
      from.written,
    );
    assert.equal(new Set(received.map(({ id }) => id.join())).size, from.written.length);
  }

  #other(side: Side): Side {
    return side === this.aigul ? this.bek : this.aigul;
  }
}

async function newSide(test: Cleanup, name: string, options: NetworkStoryOptions): Promise<Side> {
  const { relay, seed = "желі", timeScale = 1, transport = nodeTransport } = options;
  const { transportKind, blobFolder } = options;
  const network = await impair({
    to: relay,
    profile: "none",
    seed: `${seed} ${name}`,
    timeScale,
  });
  atEnd(test, () => network.close());
  const one = await person(test, relay, {
    transport: throughNetwork(network, relay, transport()),
    ...(blobFolder === undefined ? {} : { blobs: new FileBlobStorage(join(blobFolder, name)) }),
    ...(transportKind === undefined ? {} : { transportKind }),
  });
  return { network, person: one, name, client: one.client, written: [] };
}

/** In bytes of UTF-8, told by the refusal of a longer one. */
async function longestRoom(client: Client, to: string): Promise<number> {
  try {
    await client.send(to, "x".repeat(20_000));
  } catch (error) {
    if (!(error instanceof TumarError) || error.code !== "TEXT_TOO_LONG") throw error;
    const { room } = error.details;
    return Number(room);
  }
  throw new Error("no text is too long");
}

// --- the table ----------------------------------------------------------------------------------

export interface Row extends Cost {
  readonly network: string;
  readonly transport: string;
}

/** For people to read, columns aligned. */
export function costTable(rows: readonly Row[]): string {
  const head = ["profile", "transport", "case", "s", "conns", "stalls", "resets", "up", "down"];
  const cells = rows.map((row) => [
    row.network,
    row.transport,
    row.name,
    (row.ms / 1000).toFixed(1),
    ...[row.connections, row.stalls, row.resets, row.upBytes, row.downBytes].map(String),
  ]);
  const widths = head.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const isText = (column: number) => column < 3;
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (isText(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ");
  return [head, ...cells].map(line).join("\n");
}

export function told({ name, ms, connections, stalls, upBytes, downBytes }: Cost): string {
  return `${name}: ${(ms / 1000).toFixed(1)} s, ${connections} connections, ${stalls} stalls, ${upBytes} bytes up, ${downBytes} down`;
}
