/** A page whose relay is gone for a while: it says nothing is lost, and nothing is. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lastFirst, reload, servePage, startChromium } from "../support/browser.ts";
import { bundle } from "../support/browser-bundle.ts";
import { aigulAndBek, open, receivedTexts, sendAll, sentTexts } from "../support/browser-people.ts";
import { relayProcess, temporaryDirectory } from "../support/relay.ts";
import { AIGUL_WRITES } from "./texts.ts";

/** Chromium reports each failed attempt to connect; the library cannot keep it from that. */
const expected =
  /WebSocket connection to 'ws:\/\/127\.0\.0\.1:\d+\/\S*' failed|^Failed to load resource: net::ERR_/;

describe("a page without its relay", { timeout: 240_000 }, () => {
  it("opens, keeps what is written, and sends it when the relay is back", async (test) => {
    const t = lastFirst(test);
    const address = await servePage(t, await bundle(t, "test/support/browser-page.ts"));
    const directory = await temporaryDirectory(t);
    const relay = await relayProcess(t, { directory });
    const scene = { browser: await startChromium(t), address, relay: relay.address };
    const { aigul, bek } = await aigulAndBek(t, scene, { expected });
    await sendAll(aigul, "Бек", ["Бірінші"]);
    assert.deepEqual(await receivedTexts(bek, 1), ["Бірінші"]);

    await relay.end("SIGKILL");
    const states = await aigul.evaluate(async (texts) => {
      const sent = [];
      for (const text of texts) sent.push(await window.tumar.client.send("Бек", text));
      return sent.map(({ state }) => state);
    }, AIGUL_WRITES);
    assert.ok(states.every((state) => state === "written"));
    await reload(aigul);
    await open(aigul);
    assert.deepEqual(await sentTexts(aigul), ["Бірінші", ...AIGUL_WRITES]);
    const outbox = await aigul.evaluate(() => window.tumar.client.outbox());
    assert.deepEqual(
      outbox.map(({ text }) => text),
      AIGUL_WRITES,
    );

    await relayProcess(t, { directory, port: relay.port });
    await sendAll(aigul, "Бек", ["Соңғы"]);
    const all = ["Бірінші", ...AIGUL_WRITES, "Соңғы"];
    assert.deepEqual(await receivedTexts(bek, all.length), all);
    assert.deepEqual(await aigul.evaluate(() => window.tumar.client.outbox()), []);
  });
});
