/** What blobs leave on the relay's disk: no more than counts, no time but the hour, and room for texts. */

import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { DEFAULT_STORE_LIMITS } from "../../server/store/limits.ts";
import { MemoryStore } from "../../server/store/memory/memory-engine.ts";
import { EMPTY } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { type Ask, BareUpload } from "../support/bare-blobs.ts";
import { BareClient } from "../support/bare-client.ts";
import { depositFrame, newMailbox, register } from "../support/bare-mailbox.ts";
import { LyingStore } from "../support/lying-store.ts";
import { relayInProcess, type TestRelay, temporaryDirectory } from "../support/relay.ts";

const MOST = 900_000_000_000_000;

async function asking(relay: TestRelay): Promise<Ask> {
  const client = await BareClient.connect(relay.address);
  return (request) => client.request(request);
}

interface Found {
  readonly isFile: boolean;
  readonly size: number;
  readonly times: readonly number[];
}

async function found(t: TestContext, { directory }: TestRelay): Promise<readonly Found[]> {
  const folder = join(directory, "blobs");
  const names = await readdir(folder, { recursive: true }).catch(() => [] as string[]);
  t.diagnostic(`${names.length} files and folders`);
  return await Promise.all(
    [".", ...names].map(async (name) => {
      const found = await stat(join(folder, name));
      const times = [found.mtimeMs, found.atimeMs];
      return { isFile: found.isFile(), size: found.size, times };
    }),
  );
}

const sizes = (all: readonly Found[]) => all.filter(({ isFile }) => isFile).map(({ size }) => size);

describe("blobs on a disk", () => {
  it("leave nothing of what was refused: no grant, no quota left", async (t) => {
    const relay = await relayInProcess(t, { BLOB_GRANT_BYTES: 65_536 });
    const owner = await BareClient.connect(relay.address);
    const mailbox = await register(owner, newMailbox());
    const ask = await asking(relay);
    const blob = new BareUpload(ask, mailbox.depositId);
    await blob.create();
    await blob.append(0, systemRandom(40_000));
    const stranger = new BareUpload(ask, systemRandom(24), blob.uploadId);
    await assert.rejects(stranger.append(40_000, systemRandom(50_000)), { code: "REFUSED" });
    await assert.rejects(blob.append(40_000, systemRandom(50_000)), { code: "QUOTA" });
    assert.deepEqual(sizes(await found(t, relay)), [40_000]);
    const other = new BareUpload(ask, mailbox.depositId);
    await other.create();
    const byStranger = new BareUpload(ask, systemRandom(24), other.uploadId);
    await assert.rejects(byStranger.append(0, systemRandom(50_000)), { code: "REFUSED" });
    assert.deepEqual(sizes(await found(t, relay)), [40_000]);
    await blob.append(40_000, EMPTY, true);
  });

  it("tell the hour only: files and folders, written, read and removed", async (t) => {
    const relay = await relayInProcess(t);
    const { depositId } = await register(await BareClient.connect(relay.address), newMailbox());
    const ask = await asking(relay);
    for (let i = 0; i < 3; i++) {
      const blob = new BareUpload(ask, depositId);
      await blob.create();
      await blob.upload(systemRandom(20_000));
      await blob.download();
    }
    const all = await found(t, relay);
    assert.equal(sizes(all).length, 3);
    for (const { times, isFile } of all) {
      const [written = 0, read = 0] = times;
      assert.equal(written % 3_600_000, 0);
      if (isFile) assert.equal(read % 3_600_000, 0);
    }
  });

  it("go together when they expire, and a refusal is logged", async (t) => {
    const store = new LyingStore(new MemoryStore(DEFAULT_STORE_LIMITS));
    let nowMs = Date.now();
    const relay = await relayInProcess(t, {}, { store, clock: () => nowMs });
    const { depositId } = await register(await BareClient.connect(relay.address), newMailbox());
    const ask = await asking(relay);
    const blobs = Array.from({ length: 30 }, () => new BareUpload(ask, depositId));
    await Promise.all(blobs.map((blob) => blob.create()));
    nowMs += 15 * 86_400_000;
    let commits = 0;
    store.lies = {
      commit: async (operations, keep) => {
        if (operations[0]?.type !== "dropBlob") return await keep(operations);
        commits += 1;
        return operations.map(() => ({ ok: false, code: "STORAGE_FULL" }));
      },
    };
    await relay.sweep();
    assert.equal(commits, 1);
    assert.ok(relay.log.some((line) => /"code":"STORAGE_FULL".*"sweep-failed"/.test(line)));
    store.lies = {};
    await relay.sweep();
    assert.equal((await store.counts()).blobs, 0);
  });

  it("leave free what is for texts, and say once that they do", async (t) => {
    const DATA = await temporaryDirectory(t);
    const first = await relayInProcess(t, { DATA });
    const mailbox = await register(await BareClient.connect(first.address), newMailbox());
    const before = new BareUpload(await asking(first), mailbox.depositId);
    await before.create();
    await before.append(0, systemRandom(1000));
    await first.close();
    const relay = await relayInProcess(t, { DATA, BLOB_FREE_BYTES: MOST });
    const ask = await asking(relay);
    const blob = new BareUpload(ask, mailbox.depositId);
    await assert.rejects(blob.create(), { code: "STORAGE_FULL" });
    const same = new BareUpload(ask, mailbox.depositId, before.uploadId);
    assert.equal((await same.create()).storedBytes, 1000);
    for (let i = 0; i < 3; i++) {
      await assert.rejects(same.append(1000, Uint8Array.of(1)), { code: "STORAGE_FULL" });
    }
    assert.ok((await same.append(1000, EMPTY, true)).isComplete);
    assert.equal((await same.download()).length, 1000);
    assert.equal((await ask(depositFrame(mailbox, systemRandom(1024)))).type, "receipt");
    assert.equal((await fetch(`http://127.0.0.1:${relay.port}/readyz`)).status, 200);
    assert.equal(relay.log.filter((line) => line.includes("blobs-full")).length, 1);
  });
});
