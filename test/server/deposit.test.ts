/** Deposits over a real WebSocket: receipts, repetition, quotas, expiry, the puzzle, a full disk. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { SettingValues } from "../../server/config-table.ts";
import type { RelayOptions } from "../../server/relay.ts";
import { DEFAULT_STORE_LIMITS } from "../../server/store/limits.ts";
import { MemoryStore } from "../../server/store/memory/memory-engine.ts";
import type { Operation, Result } from "../../server/store/store.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { decodePuzzle, solvePuzzle } from "../../shared/wire/puzzle.ts";
import { verifyReceipt } from "../../shared/wire/receipt.ts";
import { AnswerError, BareClient } from "../support/bare-client.ts";
import {
  acknowledgeFrame,
  type BareMailbox,
  depositFrame,
  EXPIRY_DAY,
  grantFrame,
  newMailbox,
  register,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { relayInProcess, type TestRelay } from "../support/relay.ts";

interface Scene {
  readonly relay: TestRelay;
  readonly owner: BareClient;
  readonly sender: BareClient;
  readonly mailbox: BareMailbox;
}

async function scene(
  t: TestContext,
  config: Partial<SettingValues> = {},
  options: Omit<RelayOptions, "config"> = {},
  terms: Parameters<typeof register>[2] = {},
): Promise<Scene> {
  const relay = await relayInProcess(t, config, options);
  const owner = await BareClient.connect(relay.address);
  const sender = await BareClient.connect(relay.address);
  return { relay, owner, sender, mailbox: await register(owner, newMailbox(), terms) };
}

describe("deposit", () => {
  it("gives every envelope of a commit a receipt that proves it, in each size", async (t) => {
    const { sender, mailbox } = await scene(t, { BYTES_PER_SECOND: 10_000_000 });
    const envelopes = [1024, 4096, 16_384].flatMap((size) =>
      Array.from({ length: 30 }, () => systemRandom(size)),
    );
    const answers = sender.requestAll(envelopes.map((envelope) => depositFrame(mailbox, envelope)));
    for (const [i, answer] of (await Promise.all(answers)).entries()) {
      const envelope = envelopes[i];
      assert.ok(answer.type === "receipt" && envelope !== undefined);
      const { hour } = answer;
      const stored = { envelopeId: envelopeId(envelope), size: envelope.length, hour };
      verifyReceipt(answer, stored, sender.announcement.identity);
    }
  });

  it("is idempotent while it waits and after it was acknowledged", async (t) => {
    const { owner, sender, mailbox } = await scene(t);
    const envelope = systemRandom(1024);
    const deposit = depositFrame(mailbox, envelope);
    await Promise.all(sender.requestAll([deposit, deposit]));
    await owner.request(subscribeFrame(mailbox));
    await sender.request(deposit);
    assert.equal((await owner.delivered(1)).length, 1);
    await owner.request(acknowledgeFrame(mailbox, [envelopeId(envelope)]));
    assert.equal((await sender.request(deposit)).type, "receipt");
    await owner.request({ type: "hello", version: 1 });
    assert.deepEqual(
      owner.pushed.map(({ type }) => type),
      ["empty"],
    );
  });

  it("past its expiry day is EXPIRED", async (t) => {
    const { sender, mailbox } = await scene(t);
    const today = EXPIRY_DAY - 10;
    for (const expiryDay of [0, today - 1, today]) {
      const deposit = depositFrame(mailbox, systemRandom(1024), { expiryDay });
      await assert.rejects(sender.request(deposit), { code: "EXPIRED" }, String(expiryDay));
    }
    const last = depositFrame(mailbox, systemRandom(1024), { expiryDay: today + 1 });
    assert.equal((await sender.request(last)).type, "receipt");
  });

  it("into a full mailbox is refused, but for urgent ones while the reserve lasts", async (t) => {
    const { owner, sender, mailbox } = await scene(t, {
      MAILBOX_ENVELOPES: 10,
      URGENT_RESERVE: 10,
    });
    const urgentGrant = { ...mailbox, depositId: systemRandom(24) };
    await owner.request(grantFrame(urgentGrant, { mayBeUrgent: true }));
    const deposit = (to: BareMailbox, urgent: boolean) =>
      sender.request(depositFrame(to, systemRandom(1024), { urgent }));
    for (let i = 0; i < 9; i++) await deposit(mailbox, false);
    await assert.rejects(deposit(mailbox, false), { code: "MAILBOX_FULL" });
    await assert.rejects(deposit(mailbox, true), { code: "MAILBOX_FULL" });
    await assert.rejects(deposit(urgentGrant, false), { code: "MAILBOX_FULL" });
    await deposit(urgentGrant, true);
    await assert.rejects(deposit(urgentGrant, true), { code: "MAILBOX_FULL" });
  });

  it("through a card has a number a day", async (t) => {
    const { sender, mailbox } = await scene(t, { CARD_DEPOSITS: 2 }, {}, { card: true });
    for (let i = 0; i < 2; i++) await sender.request(depositFrame(mailbox, systemRandom(1024)));
    await assert.rejects(sender.request(depositFrame(mailbox, systemRandom(1024))), {
      code: "QUOTA",
    });
  });

  it("through a card needs a puzzle under pressure; through a contact's grant never", async (t) => {
    const { owner, sender, mailbox } = await scene(
      t,
      { PUZZLE_ABOVE: 0, PUZZLE_BITS: 8 },
      {},
      { card: true },
    );
    const contact = { ...mailbox, depositId: systemRandom(24) };
    await owner.request(grantFrame(contact));
    const envelope = systemRandom(1024);
    assert.equal((await sender.request(depositFrame(contact, envelope))).type, "receipt");
    const hello = await sender.request({ type: "hello", version: 1 });
    assert.ok(hello.type === "hello.answer" && hello.puzzleBits === 8);
    const other = systemRandom(1024);
    await assert.rejects(sender.request(depositFrame(mailbox, other)), (error) => {
      assert.ok(error instanceof AnswerError && error.code === "PUZZLE_REQUIRED");
      assert.deepEqual(decodePuzzle(error.data), { seed: hello.puzzleSeed, bits: 8 });
      return true;
    });
    const puzzle = { seed: hello.puzzleSeed, bits: hello.puzzleBits };
    const id = envelopeId(other);
    const nonce = solvePuzzle(puzzle, mailbox.depositId, id, 0, 100_000);
    assert.ok(nonce !== undefined);
    assert.equal((await sender.request(depositFrame(mailbox, other, { nonce }))).type, "receipt");
    const wrong = depositFrame(mailbox, systemRandom(1024), { nonce: new Uint8Array(8) });
    await assert.rejects(sender.request(wrong), { code: "PUZZLE_REQUIRED" });
  });
});

/** A store whose disk is full, or broken, when told so. */
class FailingStore extends MemoryStore {
  fault: "full" | "broken" | undefined;

  override async commit(operations: readonly Operation[]): Promise<readonly Result[]> {
    if (this.fault === "full") return operations.map(() => ({ ok: false, code: "STORAGE_FULL" }));
    if (this.fault === "broken") throw new Error("the engine is broken");
    return await super.commit(operations);
  }
}

describe("a relay whose store fails", () => {
  it("refuses with a retryable error, is not ready, loses nothing, and recovers", async (t) => {
    const store = new FailingStore(DEFAULT_STORE_LIMITS);
    const { relay, owner, sender, mailbox } = await scene(t, {}, { store });
    const ready = async () => (await fetch(`http://127.0.0.1:${relay.port}/readyz`)).status;
    const kept = systemRandom(1024);
    await sender.request(depositFrame(mailbox, kept));
    assert.equal(await ready(), 200);
    const lost = systemRandom(1024);
    for (const [fault, code] of [
      ["full", "STORAGE_FULL"],
      ["broken", "INTERNAL"],
    ] as const) {
      store.fault = fault;
      await assert.rejects(sender.request(depositFrame(mailbox, lost)), (error) => {
        assert.ok(error instanceof AnswerError && error.code === code && error.retryable);
        return true;
      });
      assert.equal(await ready(), 503);
      assert.equal((await fetch(`http://127.0.0.1:${relay.port}/healthz`)).status, 200);
    }
    store.fault = undefined;
    await sender.request(depositFrame(mailbox, lost));
    assert.equal(await ready(), 200);
    await owner.request(subscribeFrame(mailbox));
    const found = (await owner.delivered(2)).map(({ bytes }) => bytes);
    assert.deepEqual(found, [kept, lost]);
    assert.ok(relay.log.some((line) => line.includes("commit-failed")));
    assert.ok(relay.log.every((line) => !line.includes("the engine is broken")));
  });
});
