/**
 * A clip of some megabytes between two devices while both and their relay are killed again and again, at
 * places drawn from a seed: before it is sealed, while it goes up, while it comes down. It comes out byte
 * by byte, as one message shown once, and no part of it is left behind anywhere.
 */

import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { Client } from "../../../client/core/client.ts";
import { FileBlobStorage } from "../../../client/vault/node/file-blob-storage.ts";
import { FileStorage } from "../../../client/vault/node/file-storage.ts";
import { isBlobSize } from "../../../shared/e2ee/blob.ts";
import { atEnd } from "../../support/cleanup.ts";
import { assertSame } from "../../support/clip-story.ts";
import { effort } from "../../support/effort.ts";
import { Chance } from "../../support/impair/chance.ts";
import { type Impairment, impair } from "../../support/impair/impair.ts";
import { clipFile } from "../../support/media.ts";
import { PeerProcess, type PeerReport } from "../../support/peer-process.ts";
import { acquaint, type Person, person } from "../../support/people.ts";
import { blobFiles } from "../../support/raw-files.ts";
import { relayProcess, temporaryDirectory } from "../../support/relay.ts";
import { until } from "../../support/stories.ts";

const SEED = "clip and kills";
const PASSPHRASE = "correct horse battery";
const CLIP_BYTES = 2_000_000;
/** The line both share: the clip takes seconds each way. */
const LINE = {
  rate: { upKbps: 8_000, downKbps: 8_000 },
  rttMs: 40,
  jitterMs: 0,
  loss: 0,
} as const;
const VICTIMS = ["sender", "reader", "relay"] as const;
const KILLS_EACH: number = effort(2, 6);

type Victim = (typeof VICTIMS)[number];

interface Kill {
  readonly victim: Victim;
  /** When so much of the clip has passed: up for sender and relay, down for the reader. */
  readonly share: number;
}

/** In the order of their places. */
function plannedKills(): readonly Kill[] {
  const chance = new Chance(SEED, "kills");
  const kills = VICTIMS.flatMap((victim) =>
    Array.from({ length: KILLS_EACH }, () => ({ victim, share: chance.between(0.02, 0.95) })),
  );
  return kills.toSorted((a, b) => a.share - b.share);
}

/** One person's device, and what its processes reported. */
class Device {
  readonly vaultFile: string;
  readonly peer: PeerProcess;
  readonly #command: (peer: PeerProcess) => void;
  readonly shown: string[] = [];
  readonly receivedAfterShown: string[] = [];
  sealingBytes = 0;
  isStored = false;
  isFetched = false;

  /** The command is given to each process anew. */
  constructor(vaultFile: string, command: (peer: PeerProcess) => void) {
    this.vaultFile = vaultFile;
    this.#command = command;
    this.peer = new PeerProcess(vaultFile, PASSPHRASE, (report) => this.#hear(report));
  }

  async start(): Promise<void> {
    await this.peer.start();
    this.#command(this.peer);
  }

  async killAndRestart(): Promise<void> {
    await this.peer.kill();
    await this.start();
  }

  storage(): { readonly storage: FileStorage; readonly blobs: FileBlobStorage } {
    const { vaultFile } = this;
    return {
      storage: new FileStorage(vaultFile),
      blobs: new FileBlobStorage(`${vaultFile}.blobs`),
    };
  }

  #hear(report: PeerReport): void {
    if (report.type === "shown") this.shown.push(report.id);
    if (report.type === "received" && this.shown.includes(report.id)) {
      this.receivedAfterShown.push(report.id);
    }
    if (report.type === "sealing") this.sealingBytes = report.bytes;
    if (report.type === "media") this.isStored = report.isStored;
    if (report.type === "fetched") this.isFetched = true;
  }
}

/** That both vaults know each other and the relay behind the line. */
async function makeVaults(
  t: Parameters<typeof person>[0],
  relay: string,
  [a, b]: readonly [Device, Device],
): Promise<readonly [Person, Person]> {
  const aigul = await person(t, relay, a.storage());
  const bek = await person(t, relay, b.storage());
  await acquaint([aigul, "Bek's friend"], [bek, "Bek"]);
  await aigul.client.close();
  await bek.client.close();
  return [aigul, bek];
}

function passed(network: Impairment, { victim }: Kill): number {
  const { upBytes, downBytes } = network.stats();
  return victim === "reader" ? downBytes : upBytes;
}

describe("a clip through kills", () => {
  it("comes out byte by byte, once, and leaves nothing behind", async (t) => {
    const path = await clipFile({ container: "webm", bytes: CLIP_BYTES });
    const { size } = await stat(path);
    const directory = await temporaryDirectory(t);
    const data = join(directory, "relay");
    let relay = await relayProcess(t, { directory: data });
    const { port } = relay;
    const network = await impair({ to: relay.address, profile: "none" });
    atEnd(t, () => network.close());
    const sender = new Device(join(directory, "sender"), (peer) => peer.sendClip("Bek", path));
    const reader = new Device(join(directory, "reader"), (peer) => peer.fetchAll());
    const [aigul, bek] = await makeVaults(t, network.address(relay.address), [sender, reader]);
    network.setProfile(LINE);
    for (const { peer } of [sender, reader]) atEnd(t, () => peer.kill());

    const kill: Readonly<Record<Victim, () => Promise<void>>> = {
      sender: () => sender.killAndRestart(),
      reader: () => reader.killAndRestart(),
      relay: async () => {
        await relay.end("SIGKILL");
        relay = await relayProcess(t, { directory: data, port });
      },
    };
    await reader.start();
    await sender.start();
    await until("some of it is read", () => sender.sealingBytes > 0);
    await sender.killAndRestart();
    for (const planned of plannedKills()) {
      await until(`${planned.victim} at ${planned.share}`, () => {
        return passed(network, planned) > planned.share * size;
      });
      await kill[planned.victim]();
    }
    await until("it is stored", () => sender.isStored);
    await until("it is fetched", () => reader.isFetched);
    for (const { peer } of [sender, reader]) await peer.stop();

    assert.deepEqual(reader.receivedAfterShown, []);
    assert.equal(new Set(reader.shown).size, reader.shown.length);
    const client = await Client.open({ ...bek.environment, ...reader.storage() });
    atEnd(t, () => client.close());
    const messages = await client.received();
    assert.deepEqual(
      messages.map(({ kind, media }) => [kind, media?.name, media?.state, media?.isFetched]),
      [["clip", basename(path), "complete", true]],
    );
    const [{ id } = { id: new Uint8Array() }] = messages;
    await assertSame(client, id, await readFile(path));

    assert.equal((await client.received()).length, 1);
    assert.deepEqual(await aigul.environment.blobs.list(), []);
    assert.deepEqual(await readdir(`${sender.vaultFile}.blobs`), []);
    assert.equal((await bek.environment.blobs.list()).length, 1);
    await client.discardMedia(id);
    assert.deepEqual(await bek.environment.blobs.list(), []);
    assert.equal(await relay.end("SIGTERM"), 0);
    const files = await blobFiles(data);
    assert.equal(files.length, 1);
    assert.ok(files.every((file) => isBlobSize(file.length, size)));
  });
});
