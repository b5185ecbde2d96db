/** The frozen conversations: recomputed byte for byte from their seeds. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repositoryRoot } from "../../support/repository.ts";
import { sessionVectors } from "../../support/session-transcript.ts";

describe("session vectors", () => {
  it("are what this code makes", () => {
    const file = join(repositoryRoot, "test", "vectors", "session.json");
    assert.equal(sessionVectors(), readFileSync(file, "utf8"));
  });
});
