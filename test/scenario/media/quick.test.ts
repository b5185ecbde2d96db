/**
 * Clips through bad networks, the quick part: small ones through every network that needs no patience.
 * The rest, with 20 MB, is `npm run test:network -- clips`.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Cleanup } from "../../support/cleanup.ts";
import { relayProcess, temporaryDirectory } from "../../support/relay.ts";
import { clipCase } from "./cases.ts";

/** Of 1 MB, where finding out what gets through weighs; 20 MB are held to 1.3 (matrix.ts). */
const MAX_SENT = 1.5;

const ends: (() => Promise<void>)[] = [];
let relay = "";

describe("a clip through a bad network", { concurrency: 4 }, () => {
  before(async () => {
    const test: Cleanup = { after: (end) => void ends.push(end) };
    ({ address: relay } = await relayProcess(test, { directory: await temporaryDirectory(test) }));
  });
  after(async () => {
    for (const end of ends) await end();
  });

  it("lossy-3g: byte by byte", async (t) => {
    await clipCase(t, { relay, profile: "lossy-3g", container: "webm" });
  });

  it("edge: byte by byte", async (t) => {
    await clipCase(t, { relay, profile: "edge", container: "mp4" });
  });

  it("curtain16: byte by byte", async (t) => {
    await clipCase(t, { relay, profile: "curtain16", container: "webm", bytes: 300_000 });
  });

  it("reset-random: byte by byte, and little of it twice", async (t) => {
    const line = { relay, profile: "reset-random", container: "mp4", bytes: 800_000 } as const;
    const { sentUpBytes, bytes, resets } = await clipCase(t, line);
    assert.ok(resets > 4, "the network does its work");
    assert.ok(sentUpBytes < MAX_SENT * bytes, `${sentUpBytes} bytes sent of ${bytes}`);
  });

  it("ws-killed: byte by byte, over HTTP", async (t) => {
    await clipCase(t, { relay, profile: "ws-killed", container: "webm", bytes: 800_000 });
  });

  it("proxy-buffer: byte by byte, over HTTP, nothing streamed", async (t) => {
    await clipCase(t, { relay, profile: "proxy-buffer", container: "mp4", bytes: 800_000 });
  });

  it("none: byte by byte, WebM and MP4", async (t) => {
    for (const container of ["webm", "mp4"] as const) {
      await clipCase(t, { relay, profile: "none", container, bytes: 2_000_000 });
    }
  });
});
