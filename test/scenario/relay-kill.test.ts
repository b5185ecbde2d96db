/**
 * Story (d): 4,000 deposits of 1024 bytes over 50 connections and 100 mailboxes (10,000 in the long tests),
 * while the relay is killed three times. Every deposit with a receipt is there afterwards, and none is there twice.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { equalBytes, toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { verifyReceipt } from "../../shared/wire/receipt.ts";
import { BareClient } from "../support/bare-client.ts";
import {
  acknowledgeFrame,
  type BareMailbox,
  depositFrame,
  newMailbox,
  register,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { effort } from "../support/effort.ts";
import { type RelayProcess, relayProcess, temporaryDirectory } from "../support/relay.ts";

const DEPOSITS = effort(4_000, 10_000);
const CONNECTIONS = 50;
const MAILBOXES = 100;
const AT_ONCE = 20;
/** Receipts after which the relay is killed. */
const KILLS = [0.15, 0.45, 0.8].map((part) => part * DEPOSITS);

interface Job {
  readonly mailbox: BareMailbox;
  readonly envelope: Uint8Array;
}

/** The relay, killed and started again on its port as receipts come in. */
class KilledRelay {
  #running: Promise<RelayProcess>;
  readonly #start: (port: number) => Promise<RelayProcess>;
  readonly receipts = new Set<string>();
  kills = 0;

  constructor(start: (port: number) => Promise<RelayProcess>) {
    this.#start = start;
    this.#running = start(0);
  }

  /** Waits while it is down. */
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

  note(receiptOf: string): void {
    this.receipts.add(receiptOf);
    if (this.receipts.size < (KILLS[this.kills] ?? Number.POSITIVE_INFINITY)) return;
    this.kills += 1;
    this.#running = this.#running.then(async (relay) => {
      assert.equal(await relay.end("SIGKILL"), "SIGKILL");
      return await this.#start(relay.port);
    });
  }
}

async function sendAll(relay: KilledRelay, jobs: readonly Job[]): Promise<void> {
  let left = jobs;
  while (left.length > 0) {
    const client = await relay.connect();
    left = await sendUntilClosed(relay, client, left);
    await client.close();
  }
}

/** What has no receipt yet: sent again, whether it was stored or not. */
async function sendUntilClosed(
  relay: KilledRelay,
  client: BareClient,
  jobs: readonly Job[],
): Promise<readonly Job[]> {
  for (let i = 0; i < jobs.length; i += AT_ONCE) {
    const batch = jobs.slice(i, i + AT_ONCE);
    const frames = batch.map(({ mailbox, envelope }) => depositFrame(mailbox, envelope));
    const answers = await Promise.allSettled(client.requestAll(frames));
    const failed: Job[] = [];
    for (const [at, answer] of answers.entries()) {
      const job = batch[at];
      if (job === undefined) continue;
      if (answer.status === "fulfilled") relay.note(checkedReceipt(client, job, answer.value));
      else if (isLinkClosed(answer.reason)) failed.push(job);
      else throw answer.reason;
    }
    if (failed.length > 0) return [...failed, ...jobs.slice(i + AT_ONCE)];
  }
  return [];
}

function checkedReceipt(
  client: BareClient,
  { envelope }: Job,
  answer: Awaited<ReturnType<BareClient["request"]>>,
): string {
  assert.ok(answer.type === "receipt");
  const id = envelopeId(envelope);
  const stored = { envelopeId: id, size: envelope.length, hour: answer.hour };
  verifyReceipt(answer, stored, client.announcement.identity);
  return toHex(id);
}

function isLinkClosed(error: unknown): boolean {
  return error instanceof TumarError && error.code === "LINK_CLOSED";
}

/** Everything that waits in these mailboxes, acknowledged as it comes. */
async function readAll(
  owner: BareClient,
  mailboxes: readonly BareMailbox[],
  count: number,
): Promise<string[]> {
  for (const mailbox of mailboxes) await owner.prove(mailbox.key);
  const subscribed = owner.requestAll(mailboxes.map((mailbox) => subscribeFrame(mailbox)));
  await Promise.all(subscribed);
  const found: string[] = [];
  while (found.length < count) {
    const frames = await owner.delivered(Math.min(AT_ONCE, count - found.length));
    for (const mailbox of mailboxes) {
      const own = frames.filter(({ tag }) => equalBytes(tag, mailbox.tag));
      if (own.length === 0) continue;
      const ids = own.map((frame) => frame.envelopeId);
      found.push(...ids.map(toHex));
      await owner.request(acknowledgeFrame(mailbox, ids));
    }
  }
  return found;
}

describe("a relay that is killed", () => {
  it("loses no deposit it gave a receipt for, and keeps none twice", async (t) => {
    const directory = await temporaryDirectory(t);
    const relay = new KilledRelay((port) => relayProcess(t, { directory, port }));
    const mailboxes = Array.from({ length: MAILBOXES }, newMailbox);
    for (const half of [mailboxes.slice(0, 50), mailboxes.slice(50)]) {
      const owner = await relay.connect();
      for (const mailbox of half) await register(owner, mailbox);
      await owner.close();
    }
    const jobs = Array.from({ length: DEPOSITS }, (_, i): Job => {
      const mailbox = mailboxes[i % MAILBOXES];
      assert.ok(mailbox !== undefined);
      return { mailbox, envelope: systemRandom(1024) };
    });
    const share = DEPOSITS / CONNECTIONS;
    const shares = Array.from({ length: CONNECTIONS }, (_, i) =>
      jobs.slice(i * share, (i + 1) * share),
    );
    await Promise.all(shares.map((own) => sendAll(relay, own)));
    assert.equal(relay.kills, KILLS.length);
    assert.equal(relay.receipts.size, DEPOSITS);

    const groups = Array.from({ length: 10 }, (_, i) => mailboxes.slice(i * 10, i * 10 + 10));
    const found = await Promise.all(
      groups.map(async (group) => {
        const owner = await relay.connect();
        const ids = await readAll(owner, group, DEPOSITS / groups.length);
        await owner.close();
        return ids;
      }),
    );
    const ids = found.flat();
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual(new Set(ids), relay.receipts);
  });
});
