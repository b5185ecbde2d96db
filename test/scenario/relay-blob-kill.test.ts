/**
 * Story: blobs are uploaded while the relay is killed again and again, in the middle of appends. What
 * was answered is there after each start; each sender goes on from where it came, and in the end every
 * blob is what was sent.
 */

import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { TumarError } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import type { RelayFrame } from "../../shared/wire/frames.ts";
import { BareUpload } from "../support/bare-blobs.ts";
import { AnswerError, BareClient, type Request } from "../support/bare-client.ts";
import { newMailbox, register } from "../support/bare-mailbox.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";

const BLOBS = 5;
const BLOB_BYTES = 700_001;
const SLICE_BYTES = 9973;
const AT_ONCE = 8;
/** Answers after which the relay is killed. */
const KILLS = [40, 120, 200, 290];

/** The relay, killed and started again on its port as answers come in. */
class KilledRelay {
  #running: Promise<RelayProcess>;
  readonly #start: (port: number) => Promise<RelayProcess>;
  #answers = 0;
  kills = 0;

  constructor(start: (port: number) => Promise<RelayProcess>) {
    this.#start = start;
    this.#running = start(0);
  }

  async connect(): Promise<BareClient> {
    for (;;) {
      const running = this.#running;
      try {
        return await BareClient.connect((await running).address);
      } catch (error) {
        if (running === this.#running) throw error;
      }
    }
  }

  answered(): void {
    this.#answers += 1;
    if (this.#answers < (KILLS[this.kills] ?? Number.POSITIVE_INFINITY)) return;
    this.kills += 1;
    this.#running = this.#running.then(async (relay) => {
      assert.equal(await relay.end("SIGKILL"), "SIGKILL");
      return await this.#start(relay.port);
    });
  }
}

/** One blob and its sender, who knows what was answered. */
class Sender {
  readonly bytes: Uint8Array = systemRandom(BLOB_BYTES);
  readonly blob: BareUpload;
  readonly #relay: KilledRelay;
  #client: BareClient | undefined;
  #stored = 0;

  constructor(relay: KilledRelay, depositId: Uint8Array) {
    this.#relay = relay;
    this.blob = new BareUpload((request) => this.#ask(request), depositId);
  }

  async send(): Promise<void> {
    for (;;) {
      this.#client = await this.#relay.connect();
      try {
        await this.#goOn();
        return;
      } catch (error) {
        if (!(error instanceof TumarError) || error.code !== "LINK_CLOSED") throw error;
      } finally {
        await this.#client.close();
      }
    }
  }

  async #goOn(): Promise<void> {
    await this.blob.create({ claimedBytes: BLOB_BYTES });
    const state = await this.blob.head();
    assert.ok(state.storedBytes >= this.#stored, "what was answered is there");
    if (state.isComplete) return;
    for (let at = state.storedBytes; at < BLOB_BYTES; ) {
      const appends = Array.from({ length: AT_ONCE }, (_, i) => this.#append(at + i * SLICE_BYTES));
      const ends = await Promise.allSettled(appends);
      for (const end of ends) if (end.status === "rejected") throw end.reason;
      at += AT_ONCE * SLICE_BYTES;
    }
  }

  async #append(at: number): Promise<void> {
    if (at >= BLOB_BYTES) return;
    const end = Math.min(BLOB_BYTES, at + SLICE_BYTES);
    const { storedBytes } = await this.blob.append(
      at,
      this.bytes.subarray(at, end),
      end === BLOB_BYTES,
    );
    assert.ok(storedBytes >= end);
    this.#stored = Math.max(this.#stored, storedBytes);
    this.#relay.answered();
  }

  #ask(request: Request): Promise<RelayFrame> {
    assert.ok(this.#client);
    return this.#client.request(request);
  }
}

async function filesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  const paths = names.map((name) => join(directory, name));
  const kinds = await Promise.all(paths.map(async (path) => (await stat(path)).isFile()));
  return paths.filter((_, i) => kinds[i]);
}

describe("a relay that is killed during uploads", () => {
  it("loses nothing of a blob that it answered, and every blob comes whole", async (t) => {
    const directory = await temporaryDirectory(t);
    const relay = new KilledRelay((port) => relayProcess(t, { directory, port }));
    const owner = await relay.connect();
    const { depositId } = await register(owner, newMailbox());
    await owner.close();
    const senders = Array.from({ length: BLOBS }, () => new Sender(relay, depositId));
    await Promise.all(senders.map((sender) => sender.send()));
    assert.equal(relay.kills, KILLS.length);

    const reader = await relay.connect();
    for (const { blob, bytes } of senders) {
      const reading = new BareUpload(
        (request) => reader.request(request),
        depositId,
        blob.uploadId,
      );
      assert.deepEqual(await reading.download(), bytes);
    }
    const late = new BareUpload((request) => reader.request(request), depositId);
    await assert.rejects(late.head(), AnswerError);
    await reader.close();
    const sizes = await Promise.all(
      (await filesIn(join(directory, "blobs"))).map(async (path) => (await stat(path)).size),
    );
    assert.deepEqual(sizes, Array(BLOBS).fill(BLOB_BYTES));
  });
});
