/**
 * Chromium for tests: a server for the page on 127.0.0.1 and one headless browser, with a context
 * (its own storage, as another person's browser) for whoever asks.
 *
 * Anything a page reports as an error or a warning fails the test that opened it. The page gets the
 * strictest content security policy the library can live with: scripts of its own and WebAssembly.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import type { Bundle } from "./browser-bundle.ts";
import { atEnd, type Cleanup } from "./cleanup.ts";

/** All but where the relay is. */
export const PAGE_POLICY: string = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** A relay is reached by WebSocket, and by HTTP where that is blocked. */
const RELAY_POLICY = "connect-src ws://127.0.0.1:* http://127.0.0.1:*";

export const CHROMIUM_ARGUMENTS: readonly string[] = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Runs the cleanups in reverse, each even if another fails: pages are gone before the relay they
 * would otherwise report missing.
 */
export function lastFirst(test: Cleanup): Cleanup {
  const cleanups: (() => Promise<void>)[] = [];
  atEnd(test, async () => {
    const faults: unknown[] = [];
    for (const clean of cleanups.toReversed()) {
      await clean().catch((error: unknown) => faults.push(error));
    }
    if (faults.length > 0) throw faults[0];
  });
  return { after: (clean) => void cleanups.push(clean) };
}

/** The page's address. Closed when the test ends. */
export async function servePage(test: Cleanup, { directory, script }: Bundle): Promise<string> {
  const html = `<!doctype html><meta charset="utf-8"><title>smoke</title>
<script type="module" src="/${script}"></script>`;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    response.setHeader("content-security-policy", `${PAGE_POLICY}; ${RELAY_POLICY}`);
    if (pathname === "/favicon.ico") {
      response.writeHead(204).end();
    } else if (pathname === "/") {
      response.setHeader("content-type", "text/html; charset=utf-8").end(html);
    } else {
      readFile(join(directory, pathname)).then(
        (bytes) => response.setHeader("content-type", "text/javascript").end(bytes),
        () => response.writeHead(404).end(),
      );
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  atEnd(test, () => closed(server));
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === "object");
  return `http://127.0.0.1:${bound.port}/`;
}

export function chromiumPath(): string {
  const { TUMAR_CHROMIUM = "/usr/bin/chromium" } = process.env;
  return TUMAR_CHROMIUM;
}

/** Closed when the test ends. */
export async function startChromium(test: Cleanup): Promise<Browser> {
  const executablePath = chromiumPath();
  const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS] });
  atEnd(test, () => browser.close());
  return browser;
}

export interface ContextOptions {
  /** What the pages may report all the same. */
  readonly expected?: RegExp;
  /** The pages have no WebSocket. */
  readonly isWithoutWebSocket?: boolean;
}

/** Closed when the test ends, which fails if one of its pages reported an error. */
export async function newContext(
  test: Cleanup,
  browser: Browser,
  { expected, isWithoutWebSocket = false }: ContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext();
  if (isWithoutWebSocket)
    await context.addInitScript(() => Reflect.deleteProperty(globalThis, "WebSocket"));
  const faults: string[] = [];
  context.on("page", (page) => watch(page, faults));
  atEnd(test, async () => {
    await context.close();
    const unexpected = faults.filter((fault) => expected === undefined || !expected.test(fault));
    assert.deepEqual(unexpected, [], "what the pages reported");
  });
  return context;
}

/** A page in which `window.tumar` is there. */
export async function openPage(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await ready(page);
  return page;
}

/** The same page, loaded anew: nothing of its memory is left. */
export async function reload(page: Page): Promise<void> {
  await page.reload();
  await ready(page);
}

async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => window.tumar !== undefined);
}

function watch(page: Page, faults: string[]): void {
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("crash", () => faults.push("the page crashed"));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
}

async function closed(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
}
