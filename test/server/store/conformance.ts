/** What every engine of the Store port must do; run once per engine. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { DEFAULT_STORE_LIMITS, type StoreLimits } from "../../../server/store/limits.ts";
import type { Operation, SetWriters, Store } from "../../../server/store/store.ts";
import { compareBytes, utf8 } from "../../../shared/crypto/bytes.ts";
import { blobRules } from "./blob-rules.ts";
import {
  acknowledge,
  answer,
  createMailbox,
  DAY,
  deposit,
  envelopeOf,
  HOUR,
  must,
  named,
  publish,
  putGrant,
  putRecord,
  take,
} from "./fixtures.ts";

export type OpenStore = (t: TestContext, limits: StoreLimits) => Store;

export function conformance(engine: string, open: OpenStore): void {
  const fresh = (t: TestContext, limits: Partial<StoreLimits> = {}): Store => {
    const store = open(t, { ...DEFAULT_STORE_LIMITS, ...limits });
    t.after(() => store.close());
    return store;
  };
  const withMailbox = async (t: TestContext, limits: Partial<StoreLimits> = {}): Promise<Store> => {
    const store = fresh(t, limits);
    await store.commit([createMailbox(), putGrant()]);
    return store;
  };
  describe(`${engine}: mailboxes and grants`, () => mailboxRules(fresh, withMailbox));
  describe(`${engine}: envelopes`, () => envelopeRules(withMailbox));
  describe(`${engine}: quotas`, () => quotaRules(withMailbox));
  describe(`${engine}: records`, () => recordRules(fresh));
  describe(`${engine}: prekeys`, () => prekeyRules(fresh));
  describe(`${engine}: blobs`, () => blobRules(withMailbox));
  describe(`${engine}: sweep`, () => sweepRules(fresh, withMailbox));
}

type Fresh = (t: TestContext, limits?: Partial<StoreLimits>) => Store;
type WithMailbox = (t: TestContext, limits?: Partial<StoreLimits>) => Promise<Store>;

async function namesWaiting(store: Store, mailbox = "m", after = 0, limit = 100): Promise<number> {
  return (await store.waiting(named(mailbox, 32), after, limit)).length;
}

function mailboxRules(fresh: Fresh, withMailbox: WithMailbox): void {
  it("creation is repeatable, with the same kind only", async (t) => {
    const store = fresh(t);
    assert.equal(await store.mailbox(named("m", 32)), undefined);
    assert.equal(await answer(store, createMailbox()), "ok");
    assert.equal(await answer(store, createMailbox()), "ok");
    assert.equal(await answer(store, createMailbox("m", { kind: "letterbox" })), "NAME_TAKEN");
    assert.notEqual(await store.mailbox(named("m", 32)), undefined);
  });

  it("operations on a mailbox that is not there are refused alike", async (t) => {
    const store = fresh(t);
    const operations: Operation[] = [
      { type: "useMailbox", mailbox: named("m", 32), hour: HOUR },
      putGrant(),
      { type: "revokeGrant", mailbox: named("m", 32), depositHash: named("g", 32) },
      deposit("g", "a"),
      acknowledge("m", "a"),
    ];
    for (const operation of operations) assert.equal(await answer(store, operation), "REFUSED");
    assert.deepEqual(await store.waiting(named("m", 32), 0, 10), []);
    assert.equal(await answer(store, { type: "deleteMailbox", mailbox: named("m", 32) }), "ok");
  });

  it("a grant belongs to one mailbox, can be changed by it and revoked by it only", async (t) => {
    const store = await withMailbox(t);
    await must(store, createMailbox("other"));
    assert.equal(await answer(store, putGrant("other", "g")), "NAME_TAKEN");
    await must(store, putGrant("m", "g", { tag: named("new tag", 16) }));
    await must(store, deposit("g", "a"));
    const [first] = await store.waiting(named("m", 32), 0, 1);
    assert.deepEqual(first?.tag, named("new tag", 16));
    const foreign = { type: "revokeGrant", depositHash: named("g", 32) } as const;
    await must(store, { ...foreign, mailbox: named("other", 32) });
    assert.equal(await answer(store, deposit("g", "b")), "ok");
    await must(store, { ...foreign, mailbox: named("m", 32) });
    assert.equal(await answer(store, deposit("g", "c")), "REFUSED");
    assert.equal(await answer(store, deposit("g", "a")), "REFUSED");
    assert.equal(await namesWaiting(store), 2);
  });

  it("a mailbox has a bounded number of grants", async (t) => {
    const store = await withMailbox(t, { grantsPerMailbox: 2 });
    assert.equal(await answer(store, putGrant("m", "g2")), "ok");
    assert.equal(await answer(store, putGrant("m", "g3")), "LIMIT_REACHED");
    assert.equal(await answer(store, putGrant("m", "g2")), "ok");
  });

  it("deletion takes grants and envelopes along; the name may be used again", async (t) => {
    const store = await withMailbox(t);
    await must(store, deposit("g", "a"));
    await must(store, { type: "deleteMailbox", mailbox: named("m", 32) });
    assert.equal(await answer(store, deposit("g", "b")), "REFUSED");
    assert.equal(await store.mailbox(named("m", 32)), undefined);
    await must(store, createMailbox());
    assert.equal(await namesWaiting(store), 0);
    assert.equal(await answer(store, deposit("g", "b")), "REFUSED");
    const { mailboxes, grants, envelopes } = await store.counts();
    assert.deepEqual({ mailboxes, grants, envelopes }, { mailboxes: 1, grants: 0, envelopes: 0 });
  });
}

function envelopeRules(withMailbox: WithMailbox): void {
  it("are handed out oldest first, whole, with id, tag and hour, after a cursor", async (t) => {
    const store = await withMailbox(t);
    for (const name of ["a", "b", "c"]) await must(store, deposit("g", name));
    const all = await store.waiting(named("m", 32), 0, 10);
    assert.deepEqual(
      all.map(({ envelope }) => envelope),
      ["a", "b", "c"].map((name) => envelopeOf(name)),
    );
    const [first, second] = all;
    assert.ok(first && second && first.seq < second.seq);
    assert.deepEqual(first.envelopeId, deposit("g", "a").envelopeId);
    assert.deepEqual(first.tag, named("tag of g", 16));
    assert.equal(first.hour, HOUR);
    assert.deepEqual(await store.waiting(named("m", 32), first.seq, 1), [second]);
  });

  it("a deposit names the mailbox by its handle", async (t) => {
    const store = await withMailbox(t);
    const { mailbox, duplicate } = await must(store, deposit("g", "a"));
    assert.equal(mailbox, await store.mailbox(named("m", 32)));
    assert.equal(duplicate, false);
  });

  it("a second deposit answers like the first, also after acknowledgement", async (t) => {
    const store = await withMailbox(t);
    await must(store, deposit("g", "a"));
    assert.equal((await must(store, deposit("g", "a"))).duplicate, true);
    assert.equal(await must(store, acknowledge("m", "a", "unknown")), 1);
    assert.equal(await must(store, acknowledge("m", "a")), 0);
    assert.equal((await must(store, deposit("g", "a"))).duplicate, true);
    assert.equal((await must(store, deposit("g", "a", { expiryDay: DAY + 3 }))).duplicate, true);
    assert.equal(await namesWaiting(store), 0);
  });

  it("the same envelope in two mailboxes is two", async (t) => {
    const store = await withMailbox(t);
    await store.commit([createMailbox("n"), putGrant("n", "h")]);
    assert.equal((await must(store, deposit("g", "a"))).duplicate, false);
    assert.equal((await must(store, deposit("h", "a"))).duplicate, false);
    await must(store, acknowledge("m", "a"));
    assert.equal(await namesWaiting(store, "n"), 1);
  });

  it("a seq is never used again, so a cursor skips nothing", async (t) => {
    const store = await withMailbox(t);
    await must(store, deposit("g", "a"));
    const [first] = await store.waiting(named("m", 32), 0, 1);
    await must(store, acknowledge("m", "a"));
    await must(store, deposit("g", "b"));
    assert.equal(await namesWaiting(store, "m", first?.seq), 1);
  });

  it("one refused operation leaves the others of its commit", async (t) => {
    const store = await withMailbox(t);
    const results = await store.commit([
      deposit("g", "a"),
      deposit("unknown", "b"),
      deposit("g", "late", { expiryDay: DAY - 1 }),
      deposit("g", "a"),
      deposit("g", "c"),
    ]);
    assert.deepEqual(
      results.map((result) => (result.ok ? "ok" : result.code)),
      ["ok", "REFUSED", "EXPIRED", "ok", "ok"],
    );
    assert.equal(await namesWaiting(store), 2);
    assert.deepEqual(await store.commit([]), []);
  });
}

function quotaRules(withMailbox: WithMailbox): void {
  it("the last tenth of the number is for urgent deposits through urgent grants", async (t) => {
    const store = await withMailbox(t, { mailboxEnvelopes: 10 });
    await must(store, putGrant("m", "urgent", { mayBeUrgent: true }));
    for (let i = 0; i < 9; i++) await must(store, deposit("g", `n${i}`));
    assert.equal(await answer(store, deposit("g", "x")), "MAILBOX_FULL");
    assert.equal(await answer(store, deposit("g", "x", { urgent: true })), "MAILBOX_FULL");
    assert.equal(await answer(store, deposit("urgent", "x")), "MAILBOX_FULL");
    assert.equal(await answer(store, deposit("urgent", "x", { urgent: true })), "ok");
    assert.equal(await answer(store, deposit("urgent", "y", { urgent: true })), "MAILBOX_FULL");
    assert.equal(await answer(store, deposit("g", "n1")), "ok");
    await must(store, acknowledge("m", "n0", "n1"));
    assert.equal(await answer(store, deposit("g", "z")), "ok");
    assert.equal(await answer(store, deposit("g", "z2")), "MAILBOX_FULL");
  });

  it("bytes have a quota with the same reserve", async (t) => {
    const store = await withMailbox(t, { mailboxBytes: 20_000 });
    await must(store, putGrant("m", "urgent", { mayBeUrgent: true }));
    await must(store, deposit("g", "a", { envelope: envelopeOf("a", 16_384) }));
    await must(store, deposit("g", "b"));
    assert.equal(await answer(store, deposit("g", "c")), "MAILBOX_FULL");
    assert.equal(await answer(store, deposit("urgent", "c", { urgent: true })), "ok");
  });

  it("a grant has a number a day, counted without duplicates", async (t) => {
    const store = await withMailbox(t);
    await must(store, putGrant("m", "two", { perDay: 2 }));
    for (const name of ["a", "a", "b", "b"]) await must(store, deposit("two", name));
    assert.equal(await answer(store, deposit("two", "c")), "QUOTA");
    assert.equal(await answer(store, deposit("two", "a")), "ok");
    await must(store, putGrant("m", "two", { perDay: 2 }));
    assert.equal(await answer(store, deposit("two", "c")), "QUOTA");
    assert.equal(await answer(store, deposit("two", "c", { hour: HOUR + 24 })), "ok");
  });

  it("a card grant without a number has the default one", async (t) => {
    const store = await withMailbox(t, { cardDepositsPerDay: 1 });
    await must(store, putGrant("m", "card", { card: true }));
    await must(store, putGrant("m", "card3", { card: true, perDay: 3 }));
    await must(store, deposit("card", "a"));
    assert.equal(await answer(store, deposit("card", "b")), "QUOTA");
    for (const name of ["b", "c", "d"]) await must(store, deposit("card3", name));
    assert.equal(await answer(store, deposit("card3", "e")), "QUOTA");
  });

  it("only card grants owe a puzzle under pressure, and changing a grant changes that", async (t) => {
    const store = await withMailbox(t);
    const owed = { isPuzzleOwed: true };
    await must(store, putGrant("m", "card", { card: true }));
    await must(store, putGrant("m", "contact"));
    assert.equal(await answer(store, deposit("card", "a", owed)), "PUZZLE_REQUIRED");
    assert.equal(await answer(store, deposit("unknown", "a", owed)), "REFUSED");
    await must(store, deposit("contact", "a", owed));
    await must(store, deposit("card", "b"));
    await must(store, putGrant("m", "card", { card: false }));
    await must(store, deposit("card", "c", owed));
  });
}

const setWriters = (version: number, ...writers: readonly string[]): SetWriters => ({
  type: "setWriters",
  recordId: named("record", 24),
  owner: named("owner", 32),
  version,
  writers: writers.map((writer) => named(writer, 32)),
});

function recordRules(fresh: Fresh): void {
  const readRecord = async (store: Store): Promise<readonly string[] | undefined> =>
    (await store.record(named("record", 24)))?.map(({ part }) => Buffer.from(part).toString());

  it("are created with an unused owner key and one writer", async (t) => {
    const store = fresh(t);
    const nobody = new Uint8Array(0);
    assert.equal(await store.record(named("record", 24)), undefined);
    assert.equal(await answer(store, putRecord("w", 1, { owner: nobody })), "REFUSED");
    assert.equal(await answer(store, putRecord("w", 1)), "ok");
    const second = { recordId: named("second", 24) };
    assert.equal(await answer(store, putRecord("w", 1, second)), "NAME_TAKEN");
    assert.equal(await answer(store, putRecord("stranger", 2)), "REFUSED");
    assert.equal(await answer(store, putRecord("w", 2, { owner: named("x", 32) })), "REFUSED");
    assert.equal(await answer(store, putRecord("w", 2, { owner: nobody })), "ok");
    assert.deepEqual(await store.record(named("record", 24)), [
      { writer: named("w", 32), version: 2, part: utf8("part 2 of w") },
    ]);
  });

  it("versions grow; the same write succeeds again", async (t) => {
    const store = fresh(t);
    await must(store, putRecord("w", 5));
    assert.equal(await answer(store, putRecord("w", 5)), "ok");
    assert.equal(await answer(store, putRecord("w", 5, { part: utf8("x") })), "STALE_VERSION");
    assert.equal(await answer(store, putRecord("w", 4)), "STALE_VERSION");
    assert.equal(await answer(store, putRecord("w", 9)), "ok");
  });

  it("the owner sets the writers; who is left out loses part and pairs", async (t) => {
    const store = fresh(t);
    assert.equal(await answer(store, setWriters(1, "w")), "REFUSED");
    await must(store, putRecord("w", 1));
    await must(store, publish("w", [1, 2]));
    const foreign = { ...setWriters(1, "v", "w"), owner: named("x", 32) };
    assert.equal(await answer(store, foreign), "REFUSED");
    await must(store, setWriters(1, "v", "w"));
    assert.equal(await answer(store, setWriters(1, "w", "v", "v")), "ok");
    assert.equal(await answer(store, setWriters(1, "w")), "STALE_VERSION");
    assert.equal(await answer(store, setWriters(0, "w")), "STALE_VERSION");
    await must(store, putRecord("v", 1));
    const writers = (await store.record(named("record", 24)))?.map(({ writer }) => writer);
    assert.deepEqual(writers, [named("v", 32), named("w", 32)].sort(compareBytes));
    await must(store, setWriters(2, "v"));
    assert.deepEqual(await readRecord(store), ["part 1 of v"]);
    assert.equal((await store.counts()).prekeys, 0);
    assert.equal(await answer(store, putRecord("w", 2)), "REFUSED");
    await must(store, setWriters(3));
    assert.deepEqual(await readRecord(store), []);
  });

  it("parts and writers are bounded", async (t) => {
    const store = fresh(t, { recordPartBytes: 40, recordWriters: 2 });
    const large = { part: new Uint8Array(41) };
    assert.equal(await answer(store, putRecord("w", 1, large)), "LIMIT_REACHED");
    assert.equal(await answer(store, putRecord("w", 1, { part: new Uint8Array(40) })), "ok");
    assert.equal(await answer(store, setWriters(1, "u", "v", "w")), "LIMIT_REACHED");
    assert.equal(await answer(store, setWriters(1, "v", "w")), "ok");
  });
}

function prekeyRules(fresh: Fresh): void {
  const withRecord = async (t: TestContext, limits: Partial<StoreLimits> = {}): Promise<Store> => {
    const store = fresh(t, limits);
    await store.commit([putRecord("w", 1), setWriters(1, "v", "w")]);
    return store;
  };
  const takenIds = async (store: Store, token: string, day?: number): Promise<number[]> =>
    (await must(store, take(token, day))).map(({ pairId }) => pairId);

  it("one of each writer is given, in the order of publication, once", async (t) => {
    const store = await withRecord(t);
    assert.equal(await must(store, publish("w", [7, 3])), 2);
    assert.equal(await must(store, publish("v", [9])), 1);
    const first = await must(store, take("t1"));
    assert.equal(first.length, 2);
    const ofW = first.find(({ pairId }) => pairId === 7);
    assert.deepEqual(ofW, {
      writer: named("w", 32),
      pairId: 7,
      notAfter: DAY + 30,
      sealed: envelopeOf("pair 7 of w", 1400),
    });
    assert.deepEqual(first.map(({ writer }) => writer).sort(compareBytes), [
      ...first.map(({ writer }) => writer),
    ]);
    assert.deepEqual(await takenIds(store, "t2"), [3]);
    assert.deepEqual(await takenIds(store, "t3"), []);
    assert.deepEqual(await must(store, take("t1")), first);
  });

  it("a pair that was published is never stored a second time", async (t) => {
    const store = await withRecord(t);
    assert.equal(await must(store, publish("w", [1, 1, 2])), 2);
    assert.deepEqual(await takenIds(store, "t"), [1]);
    assert.equal(await must(store, publish("w", [1, 2])), 1);
    assert.deepEqual(await takenIds(store, "u"), [2]);
    await store.sweep({ hour: HOUR + 72 });
    assert.equal(await must(store, publish("w", [1, 2, 3])), 1);
    assert.deepEqual(await takenIds(store, "v"), [3]);
  });

  it("numbers and sizes are bounded and a refusal stores nothing", async (t) => {
    const store = await withRecord(t, { prekeyPairs: 4, prekeysPerPublish: 3, prekeyBytes: 1400 });
    assert.equal(await answer(store, publish("w", [1, 2, 3, 4])), "LIMIT_REACHED");
    const large = [{ pairId: 1, notAfter: DAY, sealed: new Uint8Array(1401) }];
    assert.equal(await answer(store, publish("w", [], { pairs: large })), "LIMIT_REACHED");
    assert.equal(await must(store, publish("w", [1, 2, 3])), 3);
    assert.equal(await answer(store, publish("w", [4, 5])), "LIMIT_REACHED");
    assert.equal(await must(store, publish("w", [4])), 4);
  });

  it("strangers publish nothing and take nothing", async (t) => {
    const store = await withRecord(t);
    assert.equal(await answer(store, publish("stranger", [1])), "REFUSED");
    const elsewhere = { recordId: named("other", 24) };
    assert.equal(await answer(store, publish("w", [1], elsewhere)), "REFUSED");
    assert.equal(await answer(store, { ...take("t"), ...elsewhere }), "REFUSED");
  });

  it("takes are limited a day; the same token is not a new take", async (t) => {
    const store = await withRecord(t, { prekeyTakesPerDay: 2 });
    await must(store, publish("w", [1, 2, 3]));
    for (const token of ["a", "a", "b", "a"]) await must(store, take(token));
    assert.equal(await answer(store, take("c")), "QUOTA");
    assert.deepEqual(await takenIds(store, "c", DAY + 1), [3]);
  });

  it("pairs past their day are neither given nor counted", async (t) => {
    const store = await withRecord(t);
    const pairs = [{ pairId: 1, notAfter: DAY, sealed: utf8("old") }];
    await must(store, publish("w", [], { pairs }));
    assert.equal(await must(store, publish("w", [2], { day: DAY + 1 })), 1);
    assert.deepEqual(await takenIds(store, "t", DAY + 1), [2]);
  });
}

function sweepRules(fresh: Fresh, withMailbox: WithMailbox): void {
  const at = (day: number): { hour: number } => ({ hour: day * 24 });

  it("removes envelopes after their day and gives the room back", async (t) => {
    const store = await withMailbox(t, { mailboxEnvelopes: 2, urgentReservePercent: 0 });
    await must(store, deposit("g", "a", { expiryDay: DAY }));
    await must(store, deposit("g", "b", { expiryDay: DAY + 1 }));
    assert.equal((await store.sweep(at(DAY))).envelopes, 0);
    assert.equal((await store.sweep(at(DAY + 1))).envelopes, 1);
    assert.equal(await namesWaiting(store), 1);
    assert.equal(await answer(store, deposit("g", "c", { hour: HOUR + 24 })), "ok");
    assert.equal(await answer(store, deposit("g", "d", { hour: HOUR + 24 })), "MAILBOX_FULL");
  });

  it("keeps no envelope longer than the life of its mailbox", async (t) => {
    const store = await withMailbox(t);
    await store.commit([createMailbox("l", { kind: "letterbox" }), putGrant("l", "h")]);
    await must(store, deposit("g", "a", { expiryDay: DAY + 9999 }));
    await must(store, deposit("h", "a", { expiryDay: DAY + 9999 }));
    const use = { type: "useMailbox", hour: HOUR + 24 * 20 } as const;
    await must(store, { ...use, mailbox: named("m", 32) });
    assert.equal((await store.sweep(at(DAY + 30))).envelopes, 0);
    assert.equal((await store.sweep(at(DAY + 31))).envelopes, 1);
    assert.equal(await namesWaiting(store, "m"), 0);
    assert.equal(await namesWaiting(store, "l"), 1);
  });

  it("forgets tombstones after their day", async (t) => {
    const store = await withMailbox(t);
    await must(store, deposit("g", "a", { expiryDay: DAY + 2 }));
    await must(store, acknowledge("m", "a"));
    assert.equal((await store.sweep(at(DAY + 2))).tombstones, 0);
    assert.equal((await store.sweep(at(DAY + 3))).tombstones, 1);
    assert.equal((await store.counts()).tombstones, 0);
    await must(store, deposit("g", "clock set back", { expiryDay: DAY + 2 }));
    await must(store, acknowledge("m", "clock set back"));
    assert.equal((await store.sweep(at(DAY + 3))).tombstones, 1);
  });

  it("removes mailboxes nobody used for their life", async (t) => {
    const store = await withMailbox(t);
    await store.commit([createMailbox("used"), createMailbox("l", { kind: "letterbox" })]);
    const use = { type: "useMailbox", mailbox: named("used", 32), hour: HOUR + 240 } as const;
    await must(store, use);
    await must(store, { ...use, hour: HOUR });
    await must(store, deposit("g", "keeps the grant in mind"));
    assert.equal((await store.sweep(at(DAY + 30))).mailboxes, 0);
    assert.equal((await store.sweep(at(DAY + 31))).mailboxes, 1);
    assert.equal(await answer(store, deposit("g", "a")), "REFUSED");
    assert.equal((await store.sweep(at(DAY + 41))).mailboxes, 1);
    assert.equal((await store.sweep(at(DAY + 46))).mailboxes, 1);
    assert.deepEqual(await store.counts(), {
      mailboxes: 0,
      grants: 0,
      envelopes: 0,
      tombstones: 0,
      records: 0,
      prekeys: 0,
      blobs: 0,
    });
  });

  it("removes records two years after the last write, and pairs after their day", async (t) => {
    const store = fresh(t);
    await must(store, putRecord("w", 1));
    await must(store, publish("w", [1], { day: DAY + 5 }));
    assert.equal((await store.sweep(at(DAY + 30))).prekeys, 0);
    assert.equal((await store.sweep(at(DAY + 31))).prekeys, 1);
    assert.equal((await store.sweep(at(DAY + 735))).records, 0);
    assert.equal((await store.sweep(at(DAY + 736))).records, 1);
    assert.equal(await store.record(named("record", 24)), undefined);
    assert.equal(await answer(store, putRecord("w", 1)), "ok");
  });

  it("forgets a token the day after the next", async (t) => {
    const store = fresh(t);
    await must(store, putRecord("w", 1));
    await must(store, publish("w", [1, 2]));
    const [first] = await must(store, take("t"));
    await store.sweep(at(DAY + 1));
    assert.equal((await must(store, take("t", DAY + 1)))[0]?.pairId, first?.pairId);
    await store.sweep(at(DAY + 2));
    assert.equal((await must(store, take("t", DAY + 2)))[0]?.pairId, 2);
  });

  it("goes through more rows than one slice, with commits between", async (t) => {
    const store = await withMailbox(t);
    const many = Array.from({ length: 1200 }, (_, i) =>
      deposit("g", `x${i}`, { expiryDay: DAY, envelope: envelopeOf(`x${i}`, 64) }),
    );
    await store.commit(many);
    const [report, , results] = await Promise.all([
      store.sweep(at(DAY + 1)),
      store.commit([deposit("g", "during")]),
      store.commit([deposit("g", "during 2")]),
    ]);
    assert.equal(report.envelopes, 1200);
    assert.ok(results[0]?.ok);
    assert.equal(await namesWaiting(store), 2);
  });
}
