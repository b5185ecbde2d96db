/** Small parts of blobs at the relay: handles, bytes in memory, quiet, files. */

import assert from "node:assert/strict";
import type { FileHandle } from "node:fs/promises";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { BlobFiles } from "../../../server/blobs/blob-files.ts";
import { ByteBudget } from "../../../server/blobs/byte-budget.ts";
import { FreeSpace } from "../../../server/blobs/free-space.ts";
import { OpenFiles } from "../../../server/blobs/open-files.ts";
import { Quiet } from "../../../server/blobs/quiet.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { temporaryDirectory } from "../../support/relay.ts";

const HOUR_MS = 3_600_000;
const NAME = "0123456789ab".repeat(4);

class Handles {
  readonly open = new Set<string>();
  opened = 0;

  of(name: string): () => Promise<FileHandle> {
    return async () => {
      this.opened += 1;
      this.open.add(name);
      const close = async () => void this.open.delete(name);
      return { close } as unknown as FileHandle;
    };
  }
}

describe("open files", () => {
  it("keeps those used last, and closes none that is in use", async () => {
    const handles = new Handles();
    const files = new OpenFiles(2);
    const use = (name: string) => files.use(name, handles.of(name), async () => name);
    let leave = () => {};
    const stay = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const staying = files.use("a", handles.of("a"), () => stay);
    for (const name of ["b", "c", "b", "d"]) assert.equal(await use(name), name);
    await files.use("d", handles.of("d"), async () => undefined);
    assert.deepEqual([...handles.open].sort(), ["a", "d"]);
    assert.equal(handles.opened, 5);
    leave();
    await staying;
    await files.close();
    assert.equal(handles.open.size, 0);
  });

  it("one handle for all at once; one that failed is opened anew; one dropped is closed after use", async () => {
    const handles = new Handles();
    const files = new OpenFiles(2);
    const use = () => files.use("a", handles.of("a"), async (file) => file);
    const [one, two] = await Promise.all([use(), use()]);
    assert.equal(one, two);
    const failing = files.use("a", handles.of("a"), async () => {
      throw new Error("disk");
    });
    await assert.rejects(failing, /disk/);
    await use();
    assert.equal(handles.opened, 2);
    const cannot = files.use("b", () => Promise.reject(new Error("none")), use);
    await assert.rejects(cannot, /none/);
    await files.use("a", handles.of("a"), async () => {
      files.drop("a");
      assert.ok(handles.open.has("a"));
    });
    await files.close();
    assert.equal(handles.open.size, 0);
  });
});

describe("bytes that wait for a disk", () => {
  it("are counted; who comes while they are too many waits, one after the other", async () => {
    const budget = new ByteBudget(100);
    const letGo = budget.hold(101);
    let came = 0;
    const taking = [1, 2, 3].map(async () => {
      const own = await budget.take(101);
      came += 1;
      return own;
    });
    await new Promise((done) => setImmediate(done));
    assert.deepEqual([came, budget.held], [0, 101]);
    letGo();
    letGo();
    for (const [i, one] of taking.entries()) {
      const own = await one;
      assert.deepEqual([came, budget.held], [i + 1, 101]);
      own();
    }
    await budget.room();
    assert.equal(budget.held, 0);
  });
});

describe("free space of a disk", () => {
  it("is told to all who ask at once, and is less by what was written since", async (t) => {
    const directory = await temporaryDirectory(t);
    const free = new FreeSpace(directory, 1, () => 0);
    const answers = await Promise.all([1, 2, 3].map(() => free.has(1)));
    assert.deepEqual(answers, [true, true, true]);
    assert.equal(await free.has(2 ** 60), false);
    free.wrote(2 ** 60);
    assert.equal(await free.has(1), false);
    assert.equal(await new FreeSpace(directory, 0, () => 0).has(2 ** 60), true);
  });
});

describe("how long a blob has been quiet", () => {
  const blob = { name: "a", storedBytes: 1, claimedBytes: 0, isComplete: false };

  it("to the second while the process remembers, never too much afterwards", () => {
    let nowMs = 1000 * HOUR_MS;
    const quiet = new Quiet(
      () => nowMs,
      () => nowMs,
      2,
    );
    quiet.grew("a");
    nowMs += 90_000;
    assert.equal(quiet.secondsOf({ ...blob, grownHour: 1000 }), 90);
    // another one, of which only the start of the process and the hour are known
    assert.equal(quiet.secondsOf({ ...blob, name: "x", grownHour: 1000 }), 90);
    assert.equal(quiet.secondsOf({ ...blob, name: "x", grownHour: 900 }), 99 * 3600 + 90);
    quiet.grew("b");
    quiet.grew("c");
    nowMs += 10_000;
    // forgotten: it has not grown since the last one that was forgotten
    assert.equal(quiet.secondsOf({ ...blob, grownHour: 1000 }), 100);
    assert.equal(quiet.secondsOf({ ...blob, name: "c", grownHour: 1000 }), 10);
    nowMs -= 50_000;
    assert.equal(quiet.secondsOf({ ...blob, name: "c", grownHour: 1000 }), 0);
  });
});

describe("files of blobs", () => {
  it("are written from any place that is there, read by many at once, and end where they end", async (t) => {
    const directory = await temporaryDirectory(t);
    const files = new BlobFiles(join(directory, "blobs"), () => 1);
    t.after(() => files.close());
    const bytes = systemRandom(3000);
    const part = (from: number, to: number) => bytes.subarray(from, to);
    await files.write(NAME, { at: 0, parts: [part(0, 10), part(10, 2000)], isEnd: false });
    // The second half of that was never counted: it is written again.
    await files.write(NAME, { at: 1000, parts: [part(1000, 1500)], isEnd: false });
    await files.write(NAME, { at: 1500, parts: [part(1500, 1600)], isEnd: true });
    const reads = Array.from({ length: 40 }, (_, i) => files.read(NAME, i * 40, 40));
    assert.deepEqual(Uint8Array.from(Buffer.concat(await Promise.all(reads))), part(0, 1600));
    await assert.rejects(files.read(NAME, 1590, 20), { code: "STORE_CORRUPT" });
    const beyond = { at: 1601, parts: [part(0, 1)], isEnd: false };
    await assert.rejects(files.write(NAME, beyond), { code: "STORE_CORRUPT" });
    await files.remove(NAME);
    await files.remove(NAME);
    await assert.rejects(files.read(NAME, 0, 1), { code: "STORE_CORRUPT" });
  });

  it("a disk that takes no more is STORAGE_FULL; a name that is none is refused", async (t) => {
    const directory = await temporaryDirectory(t);
    const files = new BlobFiles(join(directory, "blobs"), () => 1);
    t.after(() => files.close());
    const folder = join(directory, "blobs", NAME.slice(0, 2), NAME.slice(2, 4));
    await mkdir(folder, { recursive: true });
    await symlink("/dev/full", join(folder, NAME));
    const piece = { at: 0, parts: [Uint8Array.of(1)], isEnd: false };
    await assert.rejects(files.write(NAME, piece), { code: "STORAGE_FULL" });
    await assert.rejects(files.write("../../identity.key", piece), RangeError);
    const names: string[] = [];
    for await (const some of files.names()) names.push(...some);
    assert.deepEqual(names, [NAME]);
    assert.deepEqual(await readdir(directory), ["blobs"]);
  });
});
