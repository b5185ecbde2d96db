/**
 * Story: who seizes the relay's disk finds blobs under names that say nothing: no id, no way to a
 * mailbox or grant, times to the hour, readable by nobody else; and nothing of those that expired.
 */

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import Database from "better-sqlite3";
import { toBase64Url, toHex, utf8 } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { depositHash } from "../../shared/wire/ids.ts";
import { BareUpload } from "../support/bare-blobs.ts";
import { BareClient } from "../support/bare-client.ts";
import { EXPIRY_DAY, newMailbox, register } from "../support/bare-mailbox.ts";
import { countInFiles } from "../support/raw-files.ts";
import { relayInProcess, temporaryDirectory } from "../support/relay.ts";

const DAY_MS = 86_400_000;

describe("blobs on the relay's disk", () => {
  it("tell no id and lead to nobody; what expired and what a kill left is gone", async (t) => {
    const DATA = await temporaryDirectory(t);
    let nowMs = Date.now();
    const first = await relayInProcess(t, { DATA }, { clock: () => nowMs });
    const owner = await BareClient.connect(first.address);
    const mailbox = await register(owner, newMailbox());
    const sender = await BareClient.connect(first.address);
    const blobs = [EXPIRY_DAY, EXPIRY_DAY + 5].map((expiryDay) => ({
      blob: new BareUpload((request) => sender.request(request), mailbox.depositId),
      bytes: systemRandom(120_000),
      expiryDay,
    }));
    for (const { blob, bytes, expiryDay } of blobs) {
      await blob.create({ expiryDay });
      await blob.upload(bytes);
    }
    const [early, later] = blobs.map(({ bytes }) => bytes);
    assert.ok(early && later);

    // The measurement sees what is there: the sealed bytes themselves.
    assert.equal(await countInFiles(DATA, [early, later]), 2);
    const ids = [mailbox.mailbox, mailbox.depositId, depositHash(mailbox.depositId)];
    ids.push(...blobs.flatMap(({ blob }) => [blob.uploadId, blob.blobId]));
    const texts = ids.flatMap((id) => [utf8(toHex(id)), utf8(toBase64Url(id))]);
    assert.equal(await countInFiles(DATA, [...ids, ...texts]), 0);

    const names = await readdir(join(DATA, "blobs"), { recursive: true });
    const files = names.filter((name) => name.length > 6);
    assert.equal(files.length, 2);
    for (const name of names) {
      const { mode, mtimeMs } = await stat(join(DATA, "blobs", name));
      const isFile = files.includes(name);
      assert.match(name, /^(?:[0-9a-f]{2}|([0-9a-f]{2})\/[0-9a-f]{2}(?:\/\1[0-9a-f]{46})?)$/);
      assert.equal(mode & 0o777, isFile ? 0o600 : 0o700);
      assert.equal(mtimeMs % 3_600_000, 0);
    }
    await first.close();

    // Rows: nothing leads from a blob to a grant, and the use of a grant is rounded.
    const database = new Database(join(DATA, "relay.sqlite"), { readonly: true });
    const columns = database.prepare("select name from pragma_table_info('blob')").pluck().all();
    assert.deepEqual(columns, [
      "id",
      "key",
      "size",
      "claimed",
      "complete",
      "grown_hour",
      "expiry_day",
    ]);
    const used = database.prepare("select blob_bytes from deposit_grant").pluck().all();
    assert.deepEqual(used, [1024 * 1024]);
    database.close();

    // A kill between the file and its row, and one in the middle of a name.
    const orphan = join(DATA, "blobs", "ab", "cd", `abcd${"0".repeat(44)}`);
    await mkdir(join(DATA, "blobs", "ab", "cd"), { recursive: true });
    await writeFile(orphan, "left over");
    nowMs += (EXPIRY_DAY + 1) * DAY_MS - nowMs;
    const second = await relayInProcess(t, { DATA }, { clock: () => nowMs });
    await assert.rejects(readFile(orphan), { code: "ENOENT" });
    await second.sweep();
    assert.equal(await countInFiles(DATA, [early]), 0);
    assert.equal(await countInFiles(DATA, [later]), 1);
    const reader = await BareClient.connect(second.address);
    const [gone, there] = blobs.map(
      ({ blob }) =>
        new BareUpload((request) => reader.request(request), mailbox.depositId, blob.uploadId),
    );
    await assert.rejects(gone?.head() ?? Promise.resolve(), { code: "REFUSED" });
    assert.deepEqual(await there?.download(), later);
    await second.close();
    const left = new Database(join(DATA, "relay.sqlite"), { readonly: true });
    assert.deepEqual(left.prepare("select blob_bytes from deposit_grant").pluck().all(), [0]);
    left.close();
  });
});
