/** Sealing into a spool in pieces of any size, and going on after a process that died anywhere. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { scanBlob, storedChunks } from "../../../client/core/blob-scan.ts";
import { Spool, type SpoolEnd } from "../../../client/core/spool.ts";
import { MemoryBlobStorage } from "../../../client/vault/memory-blob-storage.ts";
import { concat } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { blake2b, systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  BLOB_CHUNK_BYTES,
  BLOB_CHUNK_DATA_BYTES,
  BLOB_HEADER_BYTES,
  type BlobKey,
  chunkOffset,
  generateBlobKey,
  openChunk,
  paddedBlobBytes,
} from "../../../shared/e2ee/blob.ts";
import { bytesOf } from "../../support/media-bytes.ts";

interface Scene {
  readonly blobs: MemoryBlobStorage;
  readonly random: typeof systemRandom;
  readonly key: BlobKey;
  readonly name: string;
}

async function emptyPlace(): Promise<Scene> {
  const blobs = new MemoryBlobStorage();
  const { name } = await blobs.create();
  return { blobs, random: systemRandom, key: generateBlobKey(systemRandom), name };
}

async function all({ blobs, name }: Scene): Promise<Uint8Array> {
  return await blobs.read(name, 0, (await blobs.length(name)) ?? 0);
}

/** As a receiver opens it. */
async function openedData({ blobs, name, key }: Scene): Promise<Uint8Array> {
  const data: Uint8Array[] = [];
  for await (const [index, sealed] of storedChunks(blobs, name)) {
    const chunk = openChunk(key, index, sealed);
    data.push(chunk.data);
    if (chunk.kind === "last") return concat(...data);
  }
  throw new Error("it has no end");
}

async function assertWhole(at: Scene, end: SpoolEnd, data: Uint8Array): Promise<void> {
  const sealed = await all(at);
  assert.equal(end.dataBytes, data.length);
  assert.equal(end.sealedBytes, sealed.length);
  assert.deepEqual(end.hash, blake2b(32, sealed));
  assert.deepEqual(await openedData(at), data);
  const found = await scanBlob(at.blobs, at.name, at.key);
  assert.deepEqual(
    [found.bytes, found.dataBytes, found.hasLast, found.hash.digest()],
    [sealed.length, data.length, true, end.hash],
  );
}

/** What happens to a spool: bytes are written, or it is flushed. */
const STEPS = fc.array(
  fc.oneof(
    fc.constantFrom(1, 100, BLOB_CHUNK_DATA_BYTES - 1, BLOB_CHUNK_DATA_BYTES, 40_000),
    fc.constant("flush" as const),
  ),
  { maxLength: 6 },
);

describe("a spool", () => {
  it("holds what was written, whatever the pieces", async () => {
    await fc.assert(
      fc.asyncProperty(STEPS, async (steps) => {
        const at = await emptyPlace();
        const spool = Spool.begin(at, at.name, at.key);
        const written: Uint8Array[] = [];
        for (const step of steps) {
          if (step === "flush") await spool.flush();
          else {
            written.push(bytesOf(step, written.length + 1));
            await spool.write(written.at(-1) ?? new Uint8Array(), 1_000 * written.length);
          }
        }
        assert.equal(spool.dataBytes, concat(...written).length);
        await assertWhole(at, await spool.end(), concat(...written));
      }),
      { numRuns: 25 },
    );
  });

  it("has no more chunks than it needs, and the size of its padding", async () => {
    for (const length of [0, 1, BLOB_CHUNK_DATA_BYTES, BLOB_CHUNK_DATA_BYTES + 1, 100_000]) {
      const at = await emptyPlace();
      const spool = Spool.begin(at, at.name, at.key);
      await spool.write(bytesOf(length));
      const { sealedBytes } = await spool.end();
      const chunks = Math.max(1, Math.ceil(length / BLOB_CHUNK_DATA_BYTES));
      assert.equal(sealedBytes, paddedBlobBytes(chunks));
    }
  });

  it("goes on where a process died, with nothing durable sealed twice", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(5),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (flushes, lost) => {
          const at = await emptyPlace();
          const dying = Spool.begin(at, at.name, at.key);
          const data = bytesOf(50_000);
          for (let i = 0; i < flushes; i++) {
            await dying.write(data.subarray(i * 10_000, (i + 1) * 10_000), i + 1);
            await dying.flush();
          }
          const durable = dying.durableBytes;
          const before = (await all(at)).slice(0, durable);
          await dying.write(bytesOf(60_000), 9);
          await dying.makeDurable();
          dying.giveUp();
          // A power cut leaves any part of what was not durable.
          const length = (await at.blobs.length(at.name)) ?? 0;
          const cut = durable + Math.floor((length - durable) * lost);
          await at.blobs.truncate(at.name, cut);

          const { spool, found } = await Spool.resume(at, at.name, at.key);
          assert.ok(found.bytes >= durable);
          assert.ok(found.bytes <= cut);
          assert.deepEqual((await all(at)).slice(0, durable), before);
          const end = await spool.end();
          const kept = await openedData(at);
          assert.deepEqual(kept.slice(0, 10_000 * flushes), data.slice(0, 10_000 * flushes));
          await assertWhole(at, end, kept);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("that was ended is only padded, wherever in its padding the process died", async () => {
    const at = await emptyPlace();
    const spool = Spool.begin(at, at.name, at.key);
    await spool.write(bytesOf(600_000), 7);
    const { dataBytes, sealedBytes } = await spool.end();
    const chunks = Math.ceil(600_000 / BLOB_CHUNK_DATA_BYTES);
    assert.ok(sealedBytes > chunkOffset(chunks), "there is padding");
    for (const left of [
      sealedBytes,
      sealedBytes - 1,
      chunkOffset(chunks) + 1,
      chunkOffset(chunks),
    ]) {
      await at.blobs.truncate(at.name, left);
      const { spool: next, found } = await Spool.resume(at, at.name, at.key);
      assert.deepEqual([found.hasLast, found.elapsedMs], [true, 7]);
      const end = await next.pad();
      assert.deepEqual([end.dataBytes, end.sealedBytes], [dataBytes, sealedBytes]);
      await assertWhole(at, end, bytesOf(600_000));
    }
  });

  it("whose storage fails once takes nothing more, and goes on from what opens (property)", async () => {
    const doing = fc.constantFrom("append", "sync");
    await fc.assert(
      fc.asyncProperty(doing, fc.integer({ min: 1, max: 8 }), async (what, nth) => {
        const at = await emptyPlace();
        failOnce(at.blobs, what, nth);
        const spool = Spool.begin(at, at.name, at.key);
        const data = bytesOf(10 * 20_000);
        const calls: boolean[] = [];
        for (let i = 0; i < 10; i++) {
          const write = spool.write(data.subarray(i * 20_000, (i + 1) * 20_000));
          calls.push(await succeeds(write.then(() => spool.makeDurable())));
        }
        assert.deepEqual(calls.indexOf(false), nth - 1);
        assert.ok(!calls.includes(true, nth - 1), "it took more after its storage failed");
        for (const call of [spool.flush(), spool.end(), spool.pad()]) {
          assert.equal(await succeeds(call), false);
        }
        spool.giveUp();
        const next = await Spool.resume(at, at.name, at.key);
        assert.ok(next.found.bytes >= spool.durableBytes);
        const rest = data.subarray(next.found.dataBytes);
        await next.spool.write(rest);
        await assertWhole(at, await next.spool.end(), data);
      }),
      { numRuns: 12 },
    );
  });

  it("with one bit changed is good up to there", async () => {
    const at = await emptyPlace();
    const spool = Spool.begin(at, at.name, at.key);
    await spool.write(bytesOf(100_000));
    await spool.end();
    const sealed = await all(at);
    for (const [place, good] of [
      [0, 0],
      [BLOB_HEADER_BYTES, BLOB_HEADER_BYTES],
      [chunkOffset(2) - 1, chunkOffset(1)],
      [chunkOffset(3) + 40, chunkOffset(3)],
    ] as const) {
      const { name } = await at.blobs.create();
      const changed = sealed.slice();
      changed[place] = (changed[place] ?? 0) ^ 1;
      await at.blobs.append(name, changed);
      const found = await scanBlob(at.blobs, name, at.key);
      found.hash.digest();
      assert.equal(found.bytes, good);
      assert.equal(found.chunks, Math.max(0, Math.floor((good - 32) / BLOB_CHUNK_BYTES)));
    }
  });
});

/** Half of what was to be appended lies there: a full disk, gone a moment later. */
function failOnce(blobs: MemoryBlobStorage, what: "append" | "sync", nth: number): void {
  const append = blobs.append.bind(blobs);
  let calls = 0;
  blobs.append = async (name, bytes) => {
    if (what !== "append" || ++calls !== nth) return await append(name, bytes);
    await append(name, bytes.subarray(0, bytes.length / 2));
    throw new TumarError("VAULT_STORAGE", "no space left");
  };
  blobs.sync = async () => {
    if (what === "sync" && ++calls === nth) throw new TumarError("VAULT_STORAGE", "no space left");
  };
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
