/** Both engines keep the rules of the Store port, and answer any sequence of operations alike. */

import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DEFAULT_STORE_LIMITS, type StoreLimits } from "../../../server/store/limits.ts";
import { MemoryStore } from "../../../server/store/memory/memory-engine.ts";
import type { Operation, Store } from "../../../server/store/store.ts";
import { createBlob, growBlob, pinBlob } from "./blob-rules.ts";
import { conformance } from "./conformance.ts";
import {
  acknowledge,
  createMailbox,
  DAY,
  deposit,
  named,
  openIn,
  publish,
  putGrant,
  putRecord,
  take,
  temporaryDirectory,
} from "./fixtures.ts";

conformance("memory", (_t, limits) => new MemoryStore(limits));
conformance("sqlite", (t, limits) => openIn(temporaryDirectory(t), { limits }));

const limits: StoreLimits = {
  ...DEFAULT_STORE_LIMITS,
  mailboxEnvelopes: 5,
  grantsPerMailbox: 2,
  urgentReservePercent: 40,
  cardDepositsPerDay: 2,
  recordWriters: 2,
  prekeyPairs: 3,
  prekeysPerPublish: 2,
  prekeyTakesPerDay: 2,
  blobBytes: 60_000,
  blobsBytes: 150_000,
  grantBlobBytesPerDay: 100_000,
  cardBlobBytesPerDay: 50_000,
};

const mailboxes = fc.constantFrom("m", "n");
const grants = fc.constantFrom("g", "h", "i");
const names = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
const writers = fc.constantFrom("v", "w", "x");
const days = fc.constantFrom(DAY, DAY + 1, DAY + 2);
const ids = fc.integer({ min: 1, max: 5 });
const flags = fc.boolean();
const blobs = fc.constantFrom("x", "y", "z");
const lengths = fc.constantFrom(0, 10_000, 20_000, 30_000);

const operations: fc.Arbitrary<Operation> = fc.oneof(
  fc
    .tuple(mailboxes, fc.constantFrom("device", "letterbox"))
    .map(([m, kind]) => createMailbox(m, { kind: kind as "device" | "letterbox" })),
  fc.record({
    type: fc.constant("useMailbox" as const),
    mailbox: mailboxes.map((m) => named(m, 32)),
    hour: days.map((day) => day * 24),
  }),
  fc.record({
    type: fc.constant("deleteMailbox" as const),
    mailbox: mailboxes.map((m) => named(m, 32)),
  }),
  fc
    .tuple(mailboxes, grants, flags, flags, fc.integer({ min: 0, max: 3 }))
    .map(([m, g, card, mayBeUrgent, perDay]) => putGrant(m, g, { card, mayBeUrgent, perDay })),
  fc.record({
    type: fc.constant("revokeGrant" as const),
    mailbox: mailboxes.map((m) => named(m, 32)),
    depositHash: grants.map((g) => named(g, 32)),
  }),
  ...Array.from({ length: 4 }, () =>
    fc
      .tuple(grants, names, flags, days, days)
      .map(([g, name, urgent, day, expiryDay]) =>
        deposit(g, name, { urgent, hour: day * 24, expiryDay }),
      ),
  ),
  fc.tuple(mailboxes, fc.array(names, { maxLength: 3 })).map(([m, n]) => acknowledge(m, ...n)),
  fc
    .tuple(writers, ids, days, fc.constantFrom("owner", "other"))
    .map(([w, version, day, owner]) => putRecord(w, version, { day, owner: named(owner, 32) })),
  fc.tuple(ids, fc.array(writers, { maxLength: 3 })).map(([version, list]) => ({
    type: "setWriters" as const,
    recordId: named("record", 24),
    owner: named("owner", 32),
    version,
    writers: list.map((writer) => named(writer, 32)),
  })),
  fc
    .tuple(writers, fc.array(ids, { maxLength: 3 }), days)
    .map(([w, i, day]) => publish(w, i, { day })),
  fc
    .tuple(grants, blobs, flags, days, fc.constantFrom(0, 20_000, 70_000))
    .map(([g, b, isPuzzleOwed, expiryDay, claimedBytes]) =>
      createBlob(g, b, { isPuzzleOwed, expiryDay, claimedBytes }),
    ),
  ...Array.from({ length: 4 }, () =>
    fc
      .tuple(grants, blobs, lengths, lengths, flags)
      .map(([g, b, from, more, isLast]) => growBlob(g, b, [from, from + more], { isLast })),
  ),
  fc
    .tuple(blobs, fc.constantFrom("p", "q"), days)
    .map(([b, p, untilDay]) => pinBlob(b, p, untilDay)),
  fc.tuple(blobs, fc.constantFrom("p", "q")).map(([b, p]) => {
    const { blobId, pin } = pinBlob(b, p, 0);
    return { type: "unpinBlob" as const, blobId, pin };
  }),
  fc.tuple(fc.constantFrom("t", "u"), days).map(([token, day]) => take(token, day)),
);

type Step = { readonly commit: readonly Operation[] } | { readonly sweep: number };
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ commit: fc.array(operations, { maxLength: 8 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ sweep: fc.constantFrom(DAY + 1, DAY + 2, DAY + 3, DAY + 40) }),
  },
);

/** Answers without what engines may choose: handles, sequence numbers, names of blobs. */
async function observe(store: Store, step: Step): Promise<unknown> {
  const outcome =
    "sweep" in step
      ? await store.sweep({ hour: step.sweep * 24 })
      : (await store.commit(step.commit)).map(withoutHandle);
  const waiting = await Promise.all(
    ["m", "n"].map(async (m) =>
      (await store.waiting(named(m, 32), 0, 10)).map(({ seq: _, ...rest }) => rest),
    ),
  );
  const record = await store.record(named("record", 24));
  const blobStates = await Promise.all(
    ["x", "y", "z"].map(async (b) => withoutHandle({ value: await store.blob(named(b, 24)) })),
  );
  const expired = await Promise.all(
    [DAY + 1, DAY + 3].map(async (day) => (await store.expiredBlobs(day, 9)).length),
  );
  return { outcome, waiting, record, blobStates, expired, counts: await store.counts() };
}

function withoutHandle(result: unknown): unknown {
  const { value, ...rest } = result as { readonly value?: unknown };
  if (typeof value !== "object" || value === null) return result;
  if ("duplicate" in value) return { ...rest, duplicate: value.duplicate };
  return "name" in value ? { ...rest, value: { ...value, name: undefined } } : result;
}

describe("embedded engine against the memory engine", () => {
  it("gives a new grant its own day, not that of one that is gone", async (t) => {
    const sqlite = openIn(temporaryDirectory(t), { limits });
    for (const store of [new MemoryStore(limits), sqlite]) {
      await store.commit([createMailbox("m"), putGrant("m", "g"), createBlob("g", "x")]);
      await store.commit([growBlob("g", "x", [0, 60_000])]);
      await store.commit([createBlob("g", "y"), growBlob("g", "y", [0, 40_000])]);
      const [mailbox, depositHash] = [named("m", 32), named("g", 32)];
      const used = await store.commit([createBlob("g", "z")]);
      await store.commit([{ type: "revokeGrant", mailbox, depositHash }, putGrant("m", "h")]);
      const anew = await store.commit([createBlob("h", "z")]);
      assert.deepEqual([used[0]?.ok, anew[0]?.ok], [false, true], store.constructor.name);
    }
    await sqlite.close();
  });

  it("gives the same answers (property)", async (t) => {
    const directory = temporaryDirectory(t);
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 40 }), async (sequence) => {
        const memory = new MemoryStore(limits);
        const sqlite = openIn(mkdtempSync(join(directory, "run-")), { limits });
        try {
          for (const step of sequence) {
            assert.deepEqual(await observe(sqlite, step), await observe(memory, step));
          }
        } finally {
          await sqlite.close();
        }
      }),
      { numRuns: 40 },
    );
  });
});
