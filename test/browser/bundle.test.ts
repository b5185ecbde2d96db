/** The page's bundle: no Node module in it, and small enough to load over a bad connection. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { PAGE_POLICY } from "../support/browser.ts";
import { bundle, sizesOf } from "../support/browser-bundle.ts";
import { repositoryRoot } from "../support/repository.ts";

/** What a page loads before it can do anything: libsodium alone has 150 KiB of it. */
const FIRST_LOAD_GZIP_BYTES = 256 * 1024;
const ARGON2ID_GZIP_BYTES = 16 * 1024;

describe("the library's bundle for a browser", () => {
  it("has no Node module; Argon2id and the word lists come only when they are needed", async (t) => {
    const page = await bundle(t, "test/support/browser-page.ts");
    const sizes = await sizesOf(page);
    for (const { name, bytes, gzipBytes } of sizes) {
      t.diagnostic(`${name}: ${bytes} bytes, ${gzipBytes} gzipped`);
    }
    const [first] = sizes.filter(({ name }) => name === page.script);
    assert.ok(first !== undefined && first.gzipBytes < FIRST_LOAD_GZIP_BYTES);
    const later = sizes.filter(({ name }) => name !== page.script).map(({ name }) => name);
    for (const part of ["english", "korean", "simplified-chinese"]) {
      assert.ok(later.some((name) => name.startsWith(`${part}-`)));
    }
    const argon2id = sizes.filter(({ name }) => name.startsWith("index.esm-"));
    assert.equal(argon2id.length, 1);
    assert.ok(argon2id.every(({ gzipBytes }) => gzipBytes < ARGON2ID_GZIP_BYTES));
  });

  it("docs/ARCHITECTURE.md names its size and the policy its page is tested under", async () => {
    const page = await readFile(join(repositoryRoot, "docs", "ARCHITECTURE.md"), "utf8");
    assert.ok(page.includes(PAGE_POLICY));
    assert.ok(page.includes(`at most ${FIRST_LOAD_GZIP_BYTES / 1024} KiB gzipped`));
  });

  for (const entry of [
    "client/net/node/node-transport.ts",
    "client/vault/node/file-storage.ts",
    "client/cli/terminal.ts",
  ]) {
    it(`cannot be built from ${entry}`, async (t) => {
      await assert.rejects(bundle(t, entry), /imports node:\w+, which no browser has/);
    });
  }
});
