/** Operations share commits and signatures, keep their order, and always get an answer. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GroupCommit, MAX_GROUP, type StoredDeposit } from "../../../server/store/group-commit.ts";
import { DEFAULT_STORE_LIMITS } from "../../../server/store/limits.ts";
import { MemoryStore } from "../../../server/store/memory/memory-engine.ts";
import type { Operation, Result } from "../../../server/store/store.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { acknowledge, createMailbox, deposit, HOUR, named, putGrant } from "./fixtures.ts";

/** A memory store that notes the size of each commit and can be made to fail. */
class WatchedStore extends MemoryStore {
  readonly commits: number[] = [];
  failure: unknown;

  override async commit(operations: readonly Operation[]): Promise<readonly Result[]> {
    this.commits.push(operations.length);
    if (this.failure !== undefined) throw this.failure;
    return super.commit(operations);
  }
}

function start(): {
  store: WatchedStore;
  group: GroupCommit<string>;
  signed: (readonly StoredDeposit[])[];
  failures: unknown[];
} {
  const store = new WatchedStore(DEFAULT_STORE_LIMITS);
  const signed: (readonly StoredDeposit[])[] = [];
  const failures: unknown[] = [];
  const group = new GroupCommit<string>(store, {
    signReceipts: (deposits) => {
      signed.push(deposits);
      return deposits.map((_, i) => `receipt ${signed.length}.${i}`);
    },
    onFailure: (error) => failures.push(error),
  });
  return { store, group, signed, failures };
}

describe("group commit", () => {
  it("one turn of the event loop is one commit with one signature", async () => {
    const { store, group, signed } = start();
    const results = await Promise.all([
      group.submit(createMailbox()),
      group.submit(putGrant()),
      group.submit(deposit("g", "a")),
      group.submit(deposit("unknown", "x")),
      group.submit(deposit("g", "b")),
      group.submit(acknowledge("m", "a")),
    ]);
    assert.deepEqual(store.commits, [6]);
    const [, , a, unknown, b, acknowledged] = results;
    assert.ok(a.ok && b.ok);
    assert.equal(a.value.receipt, "receipt 1.0");
    assert.equal(b.value.receipt, "receipt 1.1");
    assert.deepEqual(unknown, { ok: false, code: "REFUSED" });
    assert.deepEqual(acknowledged, { ok: true, value: 1 });
    const { envelopeId } = deposit("g", "a");
    assert.deepEqual(signed[0]?.[0], { envelopeId, size: 1024, hour: HOUR });
    assert.equal(signed.length, 1);
  });

  it("a duplicate gets a receipt too", async () => {
    const { group } = start();
    await Promise.all([group.submit(createMailbox()), group.submit(putGrant())]);
    await group.submit(deposit("g", "a"));
    const again = await group.submit(deposit("g", "a"));
    assert.ok(again.ok && again.value.duplicate && again.value.receipt === "receipt 2.0");
  });

  it("what arrives during a commit waits for the next, in groups of bounded size", async () => {
    const { store, group } = start();
    const first = group.submit(createMailbox());
    const use = { type: "useMailbox", mailbox: named("m", 32), hour: HOUR } as const;
    const more = first.then(() =>
      Promise.all(Array.from({ length: 2 * MAX_GROUP + 3 }, () => group.submit(use))),
    );
    const results = await more;
    assert.ok(results.every((result) => result.ok));
    assert.deepEqual(store.commits, [1, MAX_GROUP, MAX_GROUP, 3]);
    await group.drain();
    assert.equal(group.waiting, 0);
  });

  it("a failed commit answers each operation with a code, and the next one works", async () => {
    const { store, group, failures } = start();
    store.failure = new TumarError("STORE_CORRUPT", "broken");
    const corrupt = await Promise.all([group.submit(createMailbox()), group.submit(putGrant())]);
    assert.deepEqual(corrupt, Array(2).fill({ ok: false, code: "STORE_CORRUPT" }));
    store.failure = new Error("anything");
    assert.deepEqual(await group.submit(createMailbox()), { ok: false, code: "INTERNAL" });
    store.failure = undefined;
    assert.deepEqual(await group.submit(createMailbox()), { ok: true, value: undefined });
    assert.equal(failures.length, 2);
  });

  it("too few receipts are a fault of the signer, told to all", async () => {
    const group = new GroupCommit(new MemoryStore(DEFAULT_STORE_LIMITS), {
      signReceipts: () => [],
    });
    await Promise.all([group.submit(createMailbox()), group.submit(putGrant())]);
    assert.deepEqual(await group.submit(deposit("g", "a")), { ok: false, code: "INTERNAL" });
  });

  it("an identifier of the wrong length is refused before it reaches the store", async () => {
    const { store, group } = start();
    const short = new Uint8Array(31);
    const wrong: Operation[] = [
      createMailbox("m", { mailbox: short }),
      { type: "useMailbox", mailbox: short, hour: HOUR },
      { type: "deleteMailbox", mailbox: short },
      putGrant("m", "g", { tag: short }),
      { type: "revokeGrant", mailbox: named("m", 32), depositHash: short },
      deposit("g", "a", { envelopeId: short }),
      { type: "acknowledge", mailbox: named("m", 32), envelopeIds: [short] },
      {
        type: "putRecord",
        recordId: named("r", 24),
        owner: short,
        writer: named("w", 32),
        version: 1,
        part: short,
        day: 1,
      },
      {
        type: "setWriters",
        recordId: named("r", 24),
        owner: named("o", 32),
        version: 1,
        writers: [short],
      },
      { type: "publishPrekeys", recordId: short, writer: named("w", 32), pairs: [], day: 1 },
      { type: "takePrekeys", recordId: named("r", 24), token: short, day: 1 },
    ];
    for (const operation of wrong) await assert.rejects(group.submit(operation), RangeError);
    assert.deepEqual(store.commits, []);
  });
});
