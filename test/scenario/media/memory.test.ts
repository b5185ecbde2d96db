/** A file larger than what is allowed passes, and nobody holds it. With ten of 200 MB it is `npm run test:memory`. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memoryWhile } from "../../support/client-load.ts";

const MIB = 1_048_576;
const MOST_BYTES = 64 * MIB;
const FILE_BYTES = 70 * MIB;

describe("memory while a file passes", () => {
  it("of sender, reader and relay is at most 64 MiB above idle", async (t) => {
    for (const { process, aboveBytes } of await memoryWhile(t, { count: 1, bytes: FILE_BYTES })) {
      t.diagnostic(`${process}: ${(aboveBytes / MIB).toFixed(1)} MiB above idle`);
      assert.ok(aboveBytes < MOST_BYTES, `${process}: ${(aboveBytes / MIB).toFixed(1)} MiB`);
    }
  });
});
