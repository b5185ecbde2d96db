/** What every engine must do about blobs: lengths, claims, quotas, days and pins. */

import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import type { StoreLimits } from "../../../server/store/limits.ts";
import { LEAST_BLOB_BYTES } from "../../../server/store/rules.ts";
import type { CreateBlob, GrowBlob, PinBlob, Store } from "../../../server/store/store.ts";
import { answer, createMailbox, DAY, HOUR, must, named, putGrant } from "./fixtures.ts";

type WithMailbox = (t: TestContext, limits?: Partial<StoreLimits>) => Promise<Store>;

export function createBlob(
  grant: string,
  blob: string,
  more: Partial<CreateBlob> = {},
): CreateBlob {
  return {
    type: "createBlob",
    depositHash: named(grant, 32),
    blobId: named(blob, 24),
    isPuzzleOwed: false,
    claimedBytes: 0,
    expiryDay: DAY + 10,
    hour: HOUR,
    ...more,
  };
}

export function growBlob(
  grant: string,
  blob: string,
  [from, to]: readonly [number, number],
  more: Partial<GrowBlob> = {},
): GrowBlob {
  const [depositHash, blobId] = [named(grant, 32), named(blob, 24)];
  return { type: "growBlob", depositHash, blobId, from, to, isLast: false, hour: HOUR, ...more };
}

export function pinBlob(blob: string, pin: string, untilDay: number): PinBlob {
  return { type: "pinBlob", blobId: named(blob, 24), pin: named(pin, 24), untilDay };
}

async function stateOf(store: Store, blob: string): Promise<readonly [number, boolean]> {
  const found = await store.blob(named(blob, 24));
  assert.ok(found);
  return [found.storedBytes, found.isComplete];
}

export function blobRules(withMailbox: WithMailbox): void {
  it("grow at their end only, are complete once, and say so", async (t) => {
    const store = await withMailbox(t);
    assert.equal(await store.blob(named("b", 24)), undefined);
    assert.equal(await answer(store, growBlob("g", "b", [0, 5])), "REFUSED");
    const made = await must(store, createBlob("g", "b"));
    const { name } = made;
    assert.match(name, /^[0-9a-f]{48}$/);
    const none = { claimedBytes: 0, isComplete: false, grownHour: HOUR };
    assert.deepEqual(made, { name, storedBytes: 0, ...none });
    const grown = await must(store, growBlob("g", "b", [0, 5], { hour: HOUR + 3 }));
    assert.deepEqual(grown, { ...made, storedBytes: 5, grownHour: HOUR + 3 });
    assert.deepEqual(await store.blob(named("b", 24)), grown);
    for (const [from, to] of [
      [0, 5],
      [4, 8],
      [6, 8],
    ] as const) {
      assert.equal(await answer(store, growBlob("g", "b", [from, to])), "WRONG_OFFSET");
    }
    assert.deepEqual(await must(store, growBlob("g", "b", [5, 5], { hour: HOUR + 9 })), grown);
    await must(store, growBlob("g", "b", [5, 7], { isLast: true }));
    assert.deepEqual(await stateOf(store, "b"), [7, true]);
    for (const isLast of [true, false]) {
      assert.equal(await answer(store, growBlob("g", "b", [7, 7], { isLast })), "WRONG_OFFSET");
    }
    assert.equal((await store.counts()).blobs, 1);
  });

  it("are made once: a repetition tells what is there, whatever it claims", async (t) => {
    const store = await withMailbox(t);
    await must(store, createBlob("g", "b", { claimedBytes: 100 }));
    const grown = await must(store, growBlob("g", "b", [0, 30]));
    assert.deepEqual(await must(store, createBlob("g", "b", { claimedBytes: 7 })), grown);
    assert.equal(grown.claimedBytes, 100);
  });

  it("keep to their claim, and to the longest allowed", async (t) => {
    const store = await withMailbox(t, { blobBytes: 1000 });
    const tooMuch = { claimedBytes: 1001 };
    assert.equal(await answer(store, createBlob("g", "big", tooMuch)), "BLOB_TOO_LARGE");
    await must(store, createBlob("g", "b", { claimedBytes: 50 }));
    assert.equal(await answer(store, growBlob("g", "b", [0, 51])), "WRONG_LENGTH");
    assert.equal(
      await answer(store, growBlob("g", "b", [0, 49], { isLast: true })),
      "WRONG_LENGTH",
    );
    await must(store, growBlob("g", "b", [0, 50]));
    await must(store, growBlob("g", "b", [50, 50], { isLast: true }));
    await must(store, createBlob("g", "open"));
    assert.equal(await answer(store, growBlob("g", "open", [0, 1001])), "BLOB_TOO_LARGE");
    await must(store, growBlob("g", "open", [0, 1000]));
  });

  it("can be forbidden altogether", async (t) => {
    const store = await withMailbox(t, { blobBytes: 0 });
    assert.equal(await answer(store, createBlob("g", "b")), "BLOB_TOO_LARGE");
  });

  it("need a grant that stands, and time", async (t) => {
    const store = await withMailbox(t);
    await must(store, putGrant("m", "card", { card: true }));
    assert.equal(await answer(store, createBlob("nobody", "b")), "REFUSED");
    assert.equal(await answer(store, createBlob("g", "b", { expiryDay: DAY - 1 })), "EXPIRED");
    const owed = { isPuzzleOwed: true };
    assert.equal(await answer(store, createBlob("card", "b", owed)), "PUZZLE_REQUIRED");
    assert.equal(await answer(store, createBlob("g", "b", owed)), "ok");
    assert.equal(await answer(store, growBlob("nobody", "b", [0, 1])), "REFUSED");
    // Nothing leads from a blob to the grant it was made through.
    assert.equal(await answer(store, growBlob("card", "b", [0, 1])), "ok");
    const [mailbox, depositHash] = [named("m", 32), named("g", 32)];
    await must(store, { type: "revokeGrant", mailbox, depositHash });
    assert.equal(await answer(store, growBlob("g", "b", [1, 2])), "REFUSED");
    assert.deepEqual(await stateOf(store, "b"), [1, false]);
  });

  it("count in the day of a grant, of a card less, and each something at least", async (t) => {
    const day = 4 * LEAST_BLOB_BYTES;
    const limits = { grantBlobBytesPerDay: day, cardBlobBytesPerDay: day / 2 };
    const store = await withMailbox(t, limits);
    await must(store, putGrant("m", "card", { card: true }));
    assert.equal(await answer(store, createBlob("g", "b", { claimedBytes: day + 1 })), "QUOTA");
    await must(store, createBlob("g", "b", { claimedBytes: day }));
    await must(store, growBlob("g", "b", [0, 10]));
    await must(store, growBlob("g", "b", [10, day - LEAST_BLOB_BYTES]));
    assert.equal(
      await answer(store, growBlob("g", "b", [day - LEAST_BLOB_BYTES, day - LEAST_BLOB_BYTES + 1])),
      "ok",
    );
    assert.equal(await answer(store, createBlob("g", "c")), "QUOTA");
    const rest: readonly [number, number] = [day - LEAST_BLOB_BYTES + 1, day];
    await must(store, growBlob("g", "b", rest, { isLast: true }));
    const tomorrow = { hour: HOUR + 24 };
    assert.equal(await answer(store, createBlob("g", "c", tomorrow)), "ok");
    for (const name of ["d", "e"]) await must(store, createBlob("card", name));
    assert.equal(await answer(store, createBlob("card", "f")), "QUOTA");
    assert.equal(await answer(store, growBlob("card", "d", [0, LEAST_BLOB_BYTES])), "ok");
    const over: readonly [number, number] = [LEAST_BLOB_BYTES, LEAST_BLOB_BYTES + 1];
    assert.equal(await answer(store, growBlob("card", "d", over)), "QUOTA");
  });

  it("have a bound all together, and make room when they go", async (t) => {
    const store = await withMailbox(t, { blobsBytes: 4 * LEAST_BLOB_BYTES });
    const claim = { claimedBytes: 3 * LEAST_BLOB_BYTES };
    await must(store, createBlob("g", "a", { expiryDay: DAY }));
    await must(store, growBlob("g", "a", [0, 2 * LEAST_BLOB_BYTES]));
    assert.equal(await answer(store, createBlob("g", "b", claim)), "STORAGE_FULL");
    await must(store, createBlob("g", "b"));
    await must(store, growBlob("g", "b", [0, 2 * LEAST_BLOB_BYTES]));
    const more: readonly [number, number] = [2 * LEAST_BLOB_BYTES, 2 * LEAST_BLOB_BYTES + 1];
    assert.equal(await answer(store, growBlob("g", "b", more)), "STORAGE_FULL");
    const [name = ""] = await store.expiredBlobs(DAY + 1, 10);
    assert.equal(await must(store, { type: "dropBlob", name, day: DAY + 1 }), true);
    assert.equal(await answer(store, growBlob("g", "b", more)), "ok");
  });

  it("go on their day, never after what blobs and the mailbox live", async (t) => {
    const store = await withMailbox(t, { blobDays: 5, mailboxDays: { device: 3, letterbox: 45 } });
    await store.commit([createMailbox("l", { kind: "letterbox" }), putGrant("l", "h")]);
    const days = { soon: ["g", DAY], mailbox: ["g", DAY + 99], blobs: ["h", DAY + 99] } as const;
    for (const [blob, [grant, expiryDay]] of Object.entries(days)) {
      await must(store, createBlob(grant, blob, { expiryDay }));
    }
    const expired = async (day: number) => (await store.expiredBlobs(day, 10)).length;
    const counts = await Promise.all([0, 1, 3, 4, 5, 6].map((days) => expired(DAY + days)));
    assert.deepEqual(counts, [0, 1, 1, 2, 2, 3]);
    assert.equal((await store.expiredBlobs(DAY + 6, 2)).length, 2);
    await store.sweep({ hour: (DAY + 2) * 24 });
    assert.deepEqual(await stateOf(store, "soon"), [0, false]);
  });

  it("stay while a pin keeps them, each pin for itself", async (t) => {
    const store = await withMailbox(t);
    assert.equal(await answer(store, pinBlob("b", "p", DAY)), "REFUSED");
    await must(store, createBlob("g", "b", { expiryDay: DAY }));
    const { name } = await must(store, createBlob("g", "b"));
    await must(store, pinBlob("b", "p", DAY + 5));
    await must(store, pinBlob("b", "q", DAY + 7));
    await must(store, pinBlob("b", "p", DAY + 9));
    const drop = (day: number) => must(store, { type: "dropBlob", name, day });
    assert.deepEqual(await store.expiredBlobs(DAY + 9, 10), []);
    assert.equal(await drop(DAY + 9), false);
    const { blobId, pin } = pinBlob("b", "p", 0);
    await must(store, { type: "unpinBlob", blobId, pin });
    await must(store, { type: "unpinBlob", blobId, pin });
    assert.deepEqual(await store.expiredBlobs(DAY + 7, 10), []);
    assert.deepEqual(await store.expiredBlobs(DAY + 8, 10), [name]);
    assert.deepEqual(await store.knownBlobs([name, "00".repeat(24)]), new Set([name]));
    assert.equal(await drop(DAY + 8), true);
    assert.equal(await drop(DAY + 8), false);
    assert.equal(await store.blob(blobId), undefined);
    assert.deepEqual(await store.knownBlobs([name]), new Set());
    // Made again, it has none of the old pins.
    await must(store, createBlob("g", "b", { expiryDay: DAY }));
    assert.deepEqual(await store.expiredBlobs(DAY + 1, 10), [name]);
  });
}
