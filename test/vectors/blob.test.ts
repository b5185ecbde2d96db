/** The frozen blob vectors come out of the code byte for byte. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { blobVectors } from "../support/blob-vectors.ts";
import { repositoryRoot } from "../support/repository.ts";

describe("blob vectors", () => {
  it("are what the code makes", () => {
    const path = join(repositoryRoot, "test", "vectors", "blob.json");
    const frozen: unknown = JSON.parse(readFileSync(path, "utf8"));
    assert.deepEqual(JSON.parse(JSON.stringify(blobVectors())), frozen);
  });
});
