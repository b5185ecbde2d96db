/** All blobs that are written at once, with real files and a store: one writer for each, faults told. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { BlobFiles, type Piece } from "../../../server/blobs/blob-files.ts";
import { FreeSpace } from "../../../server/blobs/free-space.ts";
import { Quiet } from "../../../server/blobs/quiet.ts";
import type { Append } from "../../../server/blobs/upload.ts";
import { Uploads } from "../../../server/blobs/uploads.ts";
import { systemClock } from "../../../server/clock.ts";
import { configOf } from "../../../server/config.ts";
import { Logger } from "../../../server/logger.ts";
import { Metrics } from "../../../server/metrics.ts";
import { GroupCommit } from "../../../server/store/group-commit.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import type { ReceiptProof } from "../../../shared/wire/receipt.ts";
import { temporaryDirectory } from "../../support/relay.ts";
import { createBlob } from "../store/blob-rules.ts";
import { createMailbox, HOUR, must, named, openIn, putGrant } from "../store/fixtures.ts";

class WatchedFiles extends BlobFiles {
  /** Writes at the same time, and the most there were. */
  now = 0;
  most = 0;
  onWrite: () => void = () => undefined;

  override async write(name: string, piece: Piece): Promise<void> {
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    try {
      this.onWrite();
      await super.write(name, piece);
    } finally {
      this.now -= 1;
    }
  }
}

interface Scene {
  readonly files: WatchedFiles;
  readonly log: readonly string[];
  append(bytes: Uint8Array, more?: Partial<Append>): ReturnType<Uploads["append"]>;
  read(length: number): Promise<Uint8Array>;
}

async function scene(t: TestContext): Promise<Scene> {
  const DATA = await temporaryDirectory(t);
  const config = configOf({ DATA, BLOB_MAX_BYTES: 1000 });
  const store = openIn(DATA);
  const files = new WatchedFiles(join(DATA, "blobs"), () => HOUR);
  t.after(async () => {
    await files.close();
    await store.close();
  });
  const log: string[] = [];
  const timer = () => performance.now();
  const uploads = new Uploads({
    config,
    clock: () => HOUR * 3_600_000,
    timer,
    store,
    commits: new GroupCommit<ReceiptProof>(store, { signReceipts: () => [] }),
    metrics: new Metrics(),
    logger: new Logger("info", { write: (line) => void log.push(line) }),
    files,
    free: new FreeSpace(DATA, 0, timer),
    quiet: new Quiet(systemClock, timer),
    state: (blobId) => store.blob(blobId),
  });
  await store.commit([createMailbox("m"), putGrant("m", "g")]);
  const { name } = await must(store, createBlob("g", "b"));
  return {
    files,
    log,
    append: (bytes, more = {}) => {
      const depositHash = named("g", 32);
      return uploads.append(named("b", 24), {
        depositHash,
        offset: 0,
        isLast: false,
        bytes,
        ...more,
      });
    },
    read: (length) => files.read(name, 0, length),
  };
}

describe("blobs that are written at once", () => {
  it("have one writer each, whatever is refused beside it", async (t) => {
    const { files, append, read } = await scene(t);
    const bytes = systemRandom(100);
    const writing = new Promise<void>((resolve) => {
      files.onWrite = resolve;
    });
    const refused = append(systemRandom(1001));
    const taken = append(bytes);
    await writing;
    assert.deepEqual(await refused, { ok: false, code: "BLOB_TOO_LARGE", storedBytes: 0 });
    const third = append(systemRandom(100));
    assert.ok((await taken).ok);
    assert.deepEqual(await third, { ok: false, code: "WRONG_OFFSET", storedBytes: 100 });
    assert.equal(files.most, 1);
    assert.deepEqual(await read(100), bytes);
  });

  it("a full disk is logged once while it lasts, a failing one each time", async (t) => {
    const { files, append, log } = await scene(t);
    const failWith = (code: string | undefined) => {
      files.onWrite = () => {
        if (code === undefined) return;
        const cause = Object.assign(new Error(code), { code });
        throw new TumarError("STORAGE_FULL", "as the files say it", { cause });
      };
    };
    const seen = async (code: string | undefined, expected: string) => {
      failWith(code);
      const outcome = await append(Uint8Array.of(1), { offset: 0 });
      assert.equal(outcome.ok ? "ok" : outcome.code, expected);
    };
    for (const code of ["ENOSPC", "EDQUOT", "ENOSPC"]) await seen(code, "STORAGE_FULL");
    assert.deepEqual(
      log.map((line) => JSON.parse(line).event),
      ["blobs-full"],
    );
    for (const code of ["EIO", "EROFS", "EIO"]) await seen(code, "STORAGE_FULL");
    assert.deepEqual(
      log.slice(1).map((line) => JSON.parse(line).code),
      ["EIO", "EROFS", "EIO"],
    );
    await seen(undefined, "ok");
    failWith("ENOSPC");
    const again = await append(Uint8Array.of(1), { offset: 1 });
    assert.deepEqual([again.ok, log.length], [false, 5]);
  });
});
