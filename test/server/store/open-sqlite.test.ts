/** What the embedded engine refuses to open, says why, and leaves as it was. */

import assert from "node:assert/strict";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import Database from "better-sqlite3";
import { DEFAULT_STORE_LIMITS } from "../../../server/store/limits.ts";
import { keepAlive } from "../../../server/store/sqlite/keep-alive.ts";
import { MIGRATIONS } from "../../../server/store/sqlite/schema.ts";
import type { SqliteStore } from "../../../server/store/sqlite/sqlite-engine.ts";
import type { Operation } from "../../../server/store/store.ts";
import {
  answer,
  createMailbox,
  deposit,
  envelopeOf,
  must,
  named,
  openIn,
  putGrant,
  temporaryDirectory,
} from "./fixtures.ts";

async function closedStore(directory: string): Promise<string> {
  const store = openIn(directory);
  await store.commit([createMailbox(), putGrant()]);
  for (let i = 0; i < 20; i++) await must(store, deposit("g", `e${i}`));
  await store.close();
  return join(directory, "relay.sqlite");
}

function refusesWith(directory: string, code: string): void {
  const file = join(directory, "relay.sqlite");
  const before = readFileSync(file);
  assert.throws(() => openIn(directory), { code });
  assert.deepEqual(readFileSync(file), before);
}

describe("opening relay.sqlite", () => {
  it("finds everything again, grants' daily numbers included", async (t) => {
    const directory = temporaryDirectory(t);
    let store: SqliteStore = openIn(directory);
    await store.commit([createMailbox(), putGrant("m", "g", { perDay: 2 })]);
    await store.commit([deposit("g", "a"), deposit("g", "b")]);
    await store.close();
    store = openIn(directory);
    t.after(() => store.close());
    assert.equal((await store.waiting(named("m", 32), 0, 10)).length, 2);
    assert.equal(await answer(store, deposit("g", "c")), "QUOTA");
    assert.equal(statSync(join(directory, "relay.sqlite")).mode & 0o777, 0o600);
  });

  it("a second relay is told that the directory is in use", async (t) => {
    const directory = temporaryDirectory(t);
    const store = openIn(directory);
    assert.throws(() => openIn(directory), { code: "STORE_IN_USE" });
    await store.close();
    await openIn(directory).close();
  });

  it("a newer schema is refused", async (t) => {
    const directory = temporaryDirectory(t);
    const database = keepAlive(new Database(await closedStore(directory)));
    database.exec(`pragma user_version = ${MIGRATIONS.length + 1}`);
    database.close();
    refusesWith(directory, "STORE_TOO_NEW");
  });

  it("another store.key is refused, a short one is a mistake of the caller", async (t) => {
    const directory = temporaryDirectory(t);
    await closedStore(directory);
    assert.throws(() => openIn(directory, { key: named("other", 32) }), {
      code: "STORE_KEY_WRONG",
    });
    assert.throws(() => openIn(directory, { key: named("short", 31) }), RangeError);
    await openIn(directory).close();
  });

  it("files that are no store of ours are refused", async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, "relay.sqlite");
    writeFileSync(file, envelopeOf("noise", 8192));
    refusesWith(directory, "STORE_CORRUPT");
    writeFileSync(file, "");
    const foreign = keepAlive(new Database(file));
    foreign.exec("create table t (x)");
    foreign.close();
    refusesWith(directory, "STORE_CORRUPT");
  });

  it("a file cut short is refused at once or at the first damaged page", async (t) => {
    const directory = temporaryDirectory(t);
    const file = await closedStore(directory);
    truncateSync(file, 3 * 4096);
    assert.throws(() => openIn(directory), { code: "STORE_CORRUPT" });
  });

  it("damage found later is STORE_CORRUPT from reads and commits", async (t) => {
    const directory = temporaryDirectory(t);
    const file = await closedStore(directory);
    const database = keepAlive(new Database(file));
    const query = database.prepare<[], { rootpage: number }>(
      "select rootpage from sqlite_schema where name in ('envelope_key', 'tombstone')",
    );
    const rows = keepAlive(query).all();
    database.close();
    const bytes = readFileSync(file);
    for (const { rootpage } of rows) bytes.fill(0xff, (rootpage - 1) * 4096, rootpage * 4096);
    writeFileSync(file, bytes);
    const store = openIn(directory);
    t.after(() => store.close());
    await assert.rejects(store.waiting(named("m", 32), 0, 10), { code: "STORE_CORRUPT" });
    await assert.rejects(store.commit([deposit("g", "new")]), { code: "STORE_CORRUPT" });
    await assert.rejects(store.sweep({ hour: 1e6 }), { code: "STORE_CORRUPT" });
  });
});

describe("a full disk", () => {
  it("refuses the whole commit with a retryable error and loses nothing", async (t) => {
    const directory = temporaryDirectory(t);
    let store = openIn(directory, { maxPages: 60 });
    await store.commit([createMailbox(), putGrant()]);
    const stored: string[] = [];
    let refusal: readonly string[] = [];
    for (let round = 0; refusal.length === 0; round++) {
      const names = [0, 1, 2].map((i) => `r${round}.${i}`);
      const results = await store.commit(names.map((name) => deposit("g", name)));
      if (results.every(({ ok }) => ok)) stored.push(...names);
      else refusal = results.map((result) => (result.ok ? "ok" : result.code));
    }
    assert.deepEqual(refusal, ["STORAGE_FULL", "STORAGE_FULL", "STORAGE_FULL"]);
    assert.ok(stored.length > 50);
    const expected = stored.map((name) => envelopeOf(name));
    const waiting = async (): Promise<readonly Uint8Array[]> =>
      (await store.waiting(named("m", 32), 0, 1000)).map(({ envelope }) => envelope);
    assert.deepEqual(await waiting(), expected);
    await store.close();
    store = openIn(directory);
    assert.deepEqual(await waiting(), expected);
    assert.equal(await answer(store, deposit("g", "after")), "ok");
    await store.close();
  });

  it("leaves no trace of what was rolled back in what is remembered", async (t) => {
    const limits = { ...DEFAULT_STORE_LIMITS, mailboxEnvelopes: 300, urgentReservePercent: 0 };
    const store = openIn(temporaryDirectory(t), { maxPages: 60, limits });
    t.after(() => store.close());
    await store.commit([createMailbox(), putGrant()]);
    for (let i = 0; (await answer(store, deposit("g", `${i}`))) !== "STORAGE_FULL"; i++);
    const tooMuch: Operation[] = [createMailbox("x"), putGrant("x", "xg"), deposit("xg", "a")];
    for (const name of ["b", "c", "d"]) tooMuch.push(deposit("g", name));
    for (let i = 0; i < 300; i++) {
      const results = await store.commit(tooMuch);
      assert.ok(results.every((result) => !result.ok && result.code === "STORAGE_FULL"));
    }
    assert.equal(await store.mailbox(named("x", 32)), undefined);
    assert.equal(await answer(store, deposit("xg", "a")), "REFUSED");
  });

  it("a sweep makes room without any", async (t) => {
    const store = openIn(temporaryDirectory(t), { maxPages: 60 });
    t.after(() => store.close());
    await store.commit([createMailbox(), putGrant()]);
    for (let i = 0; (await answer(store, deposit("g", `${i}`))) !== "STORAGE_FULL"; i++);
    await must(store, { type: "useMailbox", mailbox: named("m", 32), hour: 20_010 * 24 });
    const report = await store.sweep({ hour: 20_011 * 24 });
    assert.ok(report.envelopes > 50);
    assert.equal(
      await answer(store, deposit("g", "x", { hour: 20_011 * 24, expiryDay: 20_012 })),
      "ok",
    );
  });
});
