/** The frozen identity vectors come out of the code byte for byte. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeIdentityVectors } from "../support/identity-vectors.ts";
import { repositoryRoot } from "../support/repository.ts";

describe("identity vectors", () => {
  it("are what the code makes", async () => {
    const path = join(repositoryRoot, "test", "vectors", "identity.json");
    const frozen: unknown = JSON.parse(readFileSync(path, "utf8"));
    assert.deepEqual(JSON.parse(JSON.stringify(await makeIdentityVectors())), frozen);
  });
});
