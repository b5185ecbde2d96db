/**
 * Through bad networks, the quick part: every network that needs no patience, with fewer texts. The
 * rest, and all of it with 100 texts, is `npm run test:network`.
 */

import { describe, it } from "node:test";
import { captiveThenFree, everyCase, nights } from "./cases.ts";

const TEXTS = 10;

describe("through a bad network", { concurrency: 4 }, () => {
  it("curtain16, thrifty: not one stall", async (t) => {
    await everyCase(t, { profile: "curtain16", transport: "thrifty", texts: TEXTS, maxStalls: 0 });
  });

  it("curtain16: what works is found, after few stalls", async (t) => {
    // One who only receives notices a frozen connection after 40 s: texts are left to the matrix.
    await everyCase(t, { profile: "curtain16", transport: "auto", texts: 0, maxStalls: 4 });
  });

  it("reset-random: each once, in spite of resets", async (t) => {
    await everyCase(t, { profile: "reset-random", transport: "auto", texts: TEXTS });
  });

  it("ws-killed: over HTTP", async (t) => {
    await everyCase(t, { profile: "ws-killed", transport: "auto", texts: TEXTS });
  });

  it("proxy-buffer: over HTTP, nothing streamed", async (t) => {
    await everyCase(t, { profile: "proxy-buffer", transport: "auto", texts: TEXTS });
  });

  it("captive, then none: nothing is lost, and the page is named", async (t) => {
    await captiveThenFree(t, TEXTS);
  });

  it("nightly-off, and clocks that jump: nothing is lost", async (t) => {
    await nights(t, 1, TEXTS);
  });
});
