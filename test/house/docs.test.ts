/** docs/ERRORS.md says of each code exactly what the table says, and names no other; the version is one. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { PROGRAM_VERSION } from "../../client/core/program-version.ts";
import { ERRORS } from "../../shared/crypto/errors.ts";
import { repositoryRoot } from "../support/repository.ts";

describe("docs", () => {
  it("ERRORS.md is what `npm run docs` would write", () => {
    const page = readFileSync(join(repositoryRoot, "docs", "ERRORS.md"), "utf8");
    const copy = mkdtempSync(join(tmpdir(), "tumar-docs-"));
    for (const path of ["docs", "scripts", "dist/shared", "package.json"]) {
      cpSync(join(repositoryRoot, path), join(copy, path), { recursive: true });
    }
    const { status, stderr } = spawnSync(process.execPath, [join(copy, "scripts", "docs.mjs")], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.equal(page, readFileSync(join(copy, "docs", "ERRORS.md"), "utf8"));
    rmSync(copy, { recursive: true });
  });

  it("the program names the version of package.json", () => {
    const text = readFileSync(join(repositoryRoot, "package.json"), "utf8");
    const { version } = JSON.parse(text) as { readonly version: string };
    assert.equal(PROGRAM_VERSION, version);
  });

  it("no error number is used twice, and every text is there", () => {
    const rows = Object.values(ERRORS);
    assert.equal(new Set(rows.map((row) => row.number)).size, rows.length);
    for (const row of rows) {
      assert.ok(row.meaning.endsWith("."), row.meaning);
      assert.ok(row.hint.endsWith("."), row.hint);
    }
  });
});
