/** Whose turn it is to write a blob: any order, copies, gaps, disks that fail; against a plain model. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type Append,
  type AppendOutcome,
  MAX_AHEAD,
  MAX_AHEAD_BYTES,
  Upload,
  type UploadParts,
} from "../../../server/blobs/upload.ts";
import { EMPTY } from "../../../shared/crypto/bytes.ts";
import type { ErrorCode } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";

const [ONE, OTHER] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

/** A disk and an index in memory; what they refuse is told by the test. */
class Disk {
  file: Uint8Array = new Uint8Array(0);
  storedBytes = 0;
  isComplete = false;
  claimedBytes = 0;
  /** Refusals of the next commits, the first one first. */
  readonly refusals: (ErrorCode | undefined)[] = [];
  /** What each growth is refused with before anything is written. */
  refusal: ErrorCode | undefined;
  /** The part that throws. */
  broken: "refusal" | "write" | "commit" | "cut" | undefined;
  writes = 0;
  /** What should never have happened; asked for at the end, since errors here are the disk's. */
  readonly faults: string[] = [];
  /** Resolved by the test; each write waits for it. */
  gate: Promise<void> = Promise.resolve();
  readonly timers = new Set<() => void>();
  maxBytes = 2 ** 40;

  open(): Upload {
    return new Upload(this.#blob(), this.#parts());
  }

  expire(): void {
    for (const act of [...this.timers]) act();
  }

  /** Nothing waits, and nothing lies on the disk that does not count. */
  assertSettled(): void {
    assert.deepEqual(this.faults, []);
    assert.equal(this.timers.size, 0);
    assert.equal(this.file.length, this.storedBytes);
  }

  #mayBreak(part: Disk["broken"]): void {
    if (this.broken === part) throw new Error(part);
  }

  #blob() {
    const { storedBytes, isComplete, claimedBytes } = this;
    return { name: "a blob", storedBytes, isComplete, claimedBytes, grownHour: 1 };
  }

  #parts(): UploadParts {
    return {
      limits: { blobBytes: this.maxBytes },
      refusal: async ({ from }) => {
        this.#mayBreak("refusal");
        if (from !== this.storedBytes) this.faults.push("asked for another place");
        return this.refusal;
      },
      write: async ({ at, parts }) => {
        this.writes += 1;
        await this.gate;
        this.#mayBreak("write");
        if (at !== this.storedBytes) this.faults.push("not one flush at a time, each from the end");
        this.file = Buffer.concat([this.file.subarray(0, at), ...parts]);
      },
      commit: async ({ from, to, isLast }) => {
        this.#mayBreak("commit");
        const refusal = this.refusals.shift();
        if (refusal !== undefined) return { ok: false, code: refusal };
        if (from !== this.storedBytes || this.isComplete)
          return { ok: false, code: "WRONG_OFFSET" };
        if (this.file.length < to) this.faults.push("counted before it is on disk");
        this.storedBytes = to;
        this.isComplete = isLast;
        return { ok: true, value: this.#blob() };
      },
      cut: async () => {
        this.#mayBreak("cut");
        this.file = this.file.subarray(0, this.storedBytes);
        return this.#blob();
      },
      codeOf: () => "STORAGE_FULL",
      after: (_ms, act) => {
        this.timers.add(act);
        return () => this.timers.delete(act);
      },
    };
  }
}

function piece(offset: number, bytes: Uint8Array, isLast = false, depositHash = ONE): Append {
  return { depositHash, offset, bytes, isLast };
}

const codeOf = (outcome: AppendOutcome): string => (outcome.ok ? "ok" : outcome.code);

async function codesOf(outcomes: readonly Promise<AppendOutcome>[]): Promise<readonly string[]> {
  return (await Promise.all(outcomes)).map(codeOf);
}

describe("upload of a blob", () => {
  it("takes pieces in any order, each once, and ends with all of them (property)", async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.infiniteStream(fc.double({ min: 0, max: 1 })), async (at, dice) => {
        const whole = systemRandom(1000);
        const ends = [...new Set(at), 1000].sort((a, b) => a - b);
        const pieces = ends.map((end, i) => {
          const from = ends[i - 1] ?? 0;
          return piece(from, whole.subarray(from, end), end === 1000, i % 2 === 0 ? ONE : OTHER);
        });
        const order = pieces
          .map((one) => [dice.next().value ?? 0, one] as const)
          .sort(([a], [b]) => a - b)
          .map(([, one]) => one);
        const disk = new Disk();
        const upload = disk.open();
        assert.ok((await codesOf(order.map((one) => upload.append(one)))).every((c) => c === "ok"));
        assert.deepEqual(Uint8Array.from(disk.file), whole);
        assert.deepEqual([disk.storedBytes, disk.isComplete], [1000, true]);
        disk.assertSettled();
      }),
      { numRuns: 100 },
    );
  });

  it("whatever comes, what was answered is stored, and nothing else counts (property)", async () => {
    const whole = systemRandom(400);
    const steps = fc.array(
      fc.record({
        offset: fc.integer({ min: 0, max: 20 }).map((n) => n * 20),
        length: fc.constantFrom(0, 20, 40, 60),
        isLast: fc.boolean(),
        refusal: fc.constantFrom(undefined, undefined, undefined, "QUOTA" as const),
        isAwaited: fc.boolean(),
      }),
      { minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const disk = new Disk();
        const upload = disk.open();
        const answers: Promise<void>[] = [];
        for (const { offset, length, isLast, refusal, isAwaited } of sequence) {
          disk.refusals.push(refusal);
          const end = Math.min(400, offset + length);
          const answer = upload
            .append(piece(offset, whole.subarray(offset, end), isLast))
            .then((outcome) => {
              if (!outcome.ok) return;
              assert.ok(outcome.blob.storedBytes >= end && disk.storedBytes >= end);
            });
          answers.push(answer);
          if (isAwaited) await Promise.race([answer, new Promise((done) => setImmediate(done))]);
        }
        for (let isOver = false; !isOver; ) {
          const all = Promise.all(answers).then(() => true);
          isOver = await Promise.race([all, new Promise<false>((no) => setImmediate(no, false))]);
          if (!isOver) disk.expire();
        }
        await new Promise((done) => setImmediate(done));
        assert.deepEqual(
          Uint8Array.from(disk.file.subarray(0, disk.storedBytes)),
          whole.subarray(0, disk.storedBytes),
        );
        disk.assertSettled();
      }),
      { numRuns: 150 },
    );
  });

  it("appends that come while a flush runs share the next one", async () => {
    const disk = new Disk();
    let open = () => {};
    disk.gate = new Promise((resolve) => {
      open = resolve;
    });
    const upload = disk.open();
    const first = upload.append(piece(0, new Uint8Array(10)));
    await new Promise((done) => setImmediate(done));
    const others = [1, 2, 3, 4].map((n) => upload.append(piece(n * 10, new Uint8Array(10))));
    assert.equal(disk.writes, 1);
    open();
    assert.deepEqual(await codesOf([first, ...others]), Array(5).fill("ok"));
    assert.equal(disk.writes, 2);
  });

  it("a copy of what is being written waits, and is told where to go on", async () => {
    const disk = new Disk();
    const upload = disk.open();
    const bytes = systemRandom(10);
    const outcomes = await Promise.all([
      upload.append(piece(0, bytes)),
      upload.append(piece(0, bytes)),
    ]);
    assert.ok(outcomes[0].ok);
    assert.deepEqual(outcomes[1], { ok: false, code: "WRONG_OFFSET", storedBytes: 10 });
  });

  it("a copy of what is stored waits for the flush that runs, not for those behind it", async () => {
    const disk = new Disk();
    const upload = disk.open();
    const gates: (() => void)[] = [];
    const shut = () => {
      disk.gate = new Promise((resolve) => gates.push(resolve));
    };
    shut();
    const first = upload.append(piece(0, new Uint8Array(10)));
    await new Promise((done) => setImmediate(done));
    shut();
    const second = upload.append(piece(10, new Uint8Array(10)));
    const copies = [upload.append(piece(0, new Uint8Array(10))), upload.append(piece(10, EMPTY))];
    gates[0]?.();
    assert.ok((await first).ok);
    assert.deepEqual(await copies[0], { ok: false, code: "WRONG_OFFSET", storedBytes: 10 });
    gates[1]?.();
    assert.ok((await second).ok);
    assert.deepEqual(await copies[1], { ok: false, code: "WRONG_OFFSET", storedBytes: 20 });
    disk.assertSettled();
  });

  it("of two that wait for one place the newer one is kept", async () => {
    const disk = new Disk();
    const upload = disk.open();
    const older = upload.append(piece(10, new Uint8Array(5).fill(1)));
    const newer = upload.append(piece(10, new Uint8Array(7).fill(2), true));
    assert.equal(codeOf(await older), "BLOB_SUPERSEDED");
    const first = upload.append(piece(0, new Uint8Array(10)));
    assert.deepEqual(await codesOf([first, newer]), ["ok", "ok"]);
    assert.deepEqual([disk.storedBytes, disk.file[10]], [17, 2]);
  });

  it("nobody waits for ever, and nobody from far ahead at all", async () => {
    const disk = new Disk();
    const upload = disk.open();
    const far = await upload.append(piece(MAX_AHEAD_BYTES, Uint8Array.of(1)));
    assert.deepEqual(far, { ok: false, code: "WRONG_OFFSET", storedBytes: 0 });
    const half = new Uint8Array(MAX_AHEAD_BYTES / 2);
    const [one, two] = [upload.append(piece(10, half)), upload.append(piece(20, half))];
    const tooMany = upload.append(piece(30, new Uint8Array(100)));
    assert.equal(codeOf(await tooMany), "WRONG_OFFSET");
    disk.expire();
    assert.deepEqual(await codesOf([one, two]), ["WRONG_OFFSET", "WRONG_OFFSET"]);
    disk.assertSettled();
  });

  it("of thousands that come ahead of their turn a few wait, and all are answered", async () => {
    const disk = new Disk();
    const upload = disk.open();
    const ahead = Array.from({ length: 3000 }, (_, i) =>
      upload.append(piece(i + 1, Uint8Array.of(i))),
    );
    assert.equal(disk.timers.size, MAX_AHEAD);
    assert.ok((await upload.append(piece(0, Uint8Array.of(255)))).ok);
    const codes = await codesOf(ahead);
    assert.deepEqual(codes.slice(0, MAX_AHEAD), Array(MAX_AHEAD).fill("ok"));
    assert.ok(codes.slice(MAX_AHEAD).every((code) => code === "WRONG_OFFSET"));
    assert.equal(disk.storedBytes, MAX_AHEAD + 1);
    disk.assertSettled();
  });

  it("what stands behind a refused piece is refused too, and can be brought again", async () => {
    const disk = new Disk();
    const upload = disk.open();
    disk.refusals.push("QUOTA");
    const pieces = [piece(0, new Uint8Array(10)), piece(10, new Uint8Array(10), true, OTHER)];
    const outcomes = pieces.map((one) => upload.append(one));
    assert.deepEqual(await codesOf(outcomes), ["QUOTA", "WRONG_OFFSET"]);
    disk.assertSettled();
    assert.deepEqual(await codesOf(pieces.map((one) => upload.append(one))), ["ok", "ok"]);
  });

  it("a disk that fails is told, and written to again from the same place", async () => {
    const disk = new Disk();
    const upload = disk.open();
    disk.gate = Promise.reject(new Error("no space"));
    disk.gate.catch(() => undefined);
    const failed = await upload.append(piece(0, Uint8Array.of(1)));
    assert.deepEqual(failed, { ok: false, code: "STORAGE_FULL", storedBytes: 0 });
    disk.gate = Promise.resolve();
    assert.ok((await upload.append(piece(0, Uint8Array.of(2), true))).ok);
    assert.deepEqual([...disk.file], [2]);
  });

  it("what would be refused is not written", async () => {
    const disk = new Disk();
    const upload = disk.open();
    disk.refusal = "QUOTA";
    const pieces = [piece(0, new Uint8Array(10)), piece(10, new Uint8Array(10), true)];
    const outcomes = pieces.map((one) => upload.append(one));
    assert.deepEqual(await codesOf(outcomes), ["QUOTA", "QUOTA"]);
    assert.deepEqual([disk.writes, disk.file.length], [0, 0]);
  });

  it("an end without bytes cuts off what a kill left behind it", async () => {
    const disk = new Disk();
    disk.file = systemRandom(30);
    disk.storedBytes = 10;
    assert.ok((await disk.open().append(piece(10, EMPTY, true))).ok);
    disk.assertSettled();
  });

  it("whatever breaks, everybody is answered, and the next one may try", async () => {
    for (const broken of ["refusal", "write", "commit", "cut"] as const) {
      const disk = new Disk();
      const upload = disk.open();
      disk.broken = broken;
      if (broken === "cut") disk.refusals.push("QUOTA");
      const pieces = [piece(0, new Uint8Array(10)), piece(10, new Uint8Array(10), true, OTHER)];
      const codes = await codesOf([...pieces, piece(0, EMPTY)].map((one) => upload.append(one)));
      assert.deepEqual(codes.slice(1), ["WRONG_OFFSET", "WRONG_OFFSET"], broken);
      disk.broken = undefined;
      assert.deepEqual(await codesOf(pieces.map((one) => upload.append(one))), ["ok", "ok"]);
      disk.assertSettled();
    }
  });

  it("claims and bounds are looked at before anything is written", async () => {
    const disk = new Disk();
    disk.claimedBytes = 10;
    const upload = disk.open();
    assert.equal(codeOf(await upload.append(piece(0, new Uint8Array(11)))), "WRONG_LENGTH");
    assert.equal(codeOf(await upload.append(piece(0, new Uint8Array(9), true))), "WRONG_LENGTH");
    const small = new Disk();
    small.maxBytes = 5;
    const large = await small.open().append(piece(0, new Uint8Array(6)));
    assert.deepEqual([codeOf(large), disk.writes, small.writes], ["BLOB_TOO_LARGE", 0, 0]);
  });
});
