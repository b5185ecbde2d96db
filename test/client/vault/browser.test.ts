/** The vault in Chromium, over IndexedDB and Web Locks; a page closed in the middle of a commit. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { BLOB_STORAGE_CASES } from "./blob-storage-cases.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const IMPORTS = {
  "libsodium-wrappers": "/node_modules/libsodium-wrappers/dist/modules-esm/libsodium-wrappers.mjs",
  libsodium: "/node_modules/libsodium/dist/modules-esm/libsodium.mjs",
  "hash-wasm": "/node_modules/hash-wasm/dist/index.esm.js",
};
const PAGE = `<!doctype html><title></title><script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<body><script type="module" src="/dist/test/client/vault/browser-page.js"></script></body>`;

/** The page, and modules as they lie in the clone. */
function serve(): Server {
  return createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (path === "/") {
      response.setHeader("content-type", "text/html; charset=utf-8").end(PAGE);
      return;
    }
    readFile(join(ROOT, path)).then(
      (bytes) => response.setHeader("content-type", "text/javascript").end(bytes),
      () => response.writeHead(404).end(),
    );
  });
}

let server: Server;
let browser: Browser;
let context: BrowserContext;
let address = "";

before(async () => {
  server = serve().listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  assert.ok(bound && typeof bound === "object");
  address = `http://localhost:${bound.port}/`;
  const { TUMAR_CHROMIUM: executablePath = "/usr/bin/chromium" } = process.env;
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  context = await browser.newContext();
});

after(async () => {
  await browser.close();
  server.close();
});

async function openPart(part: string): Promise<Page> {
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(error));
  await page.goto(`${address}#${part}`);
  return page;
}

async function resultOf(page: Page): Promise<unknown> {
  await page.waitForFunction(() => document.body.textContent?.startsWith("{"));
  return JSON.parse((await page.textContent("body")) ?? "");
}

describe("vault in a browser", () => {
  it("does all it does elsewhere", async () => {
    assert.deepEqual(await resultOf(await openPart("whole")), {
      missing: "VAULT_MISSING",
      exists: "VAULT_EXISTS",
      busy: "VAULT_BUSY",
      wrong: "VAULT_PASSPHRASE",
      counts: [12, 12, 12],
      gone: "VAULT_MISSING",
      generation: 0,
    });
  });

  it("keeps blobs as every other place does", async () => {
    const count = Object.keys(BLOB_STORAGE_CASES).length;
    assert.deepEqual(await resultOf(await openPart("blobs")), { failed: {}, count });
  });

  it("a page closed while it commits leaves what was answered, and frees the lock", async () => {
    const page = await openPart("commit");
    await page.waitForFunction(() => Number(document.title) >= 5);
    const answered = Number(await page.title());
    await page.close();
    const found = await resultOf(await openPart("recount"));
    assert.ok(found && typeof found === "object" && "count" in found && "generation" in found);
    assert.ok(Number(found.count) >= answered);
    assert.equal(found.count, found.generation);
  });
});
