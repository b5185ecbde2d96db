/** Two people with a browser each, and one without, through a real relay. */

import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Browser } from "playwright-core";
import { toBase32 } from "../../shared/crypto/bytes.ts";
import { lastFirst, openPage, reload, servePage, startChromium } from "../support/browser.ts";
import { bundle } from "../support/browser-bundle.ts";
import {
  add,
  aigulAndBek,
  browserPerson,
  card,
  open,
  openFault,
  receivedTexts,
  type Scene,
  safetyNumber,
  sendAll,
  sentTexts,
} from "../support/browser-people.ts";
import { person } from "../support/people.ts";
import { WITH_ARGON2ID } from "../support/quick-derive.ts";
import { type Cleanup, relayInProcess } from "../support/relay.ts";
import { AIGUL_WRITES, BEK_WRITES } from "./texts.ts";

const wholeFile = lastFirst({ after });
let address = "";
let browser: Browser;

before(async () => {
  address = await servePage(wholeFile, await bundle(wholeFile, "test/support/browser-page.ts"));
  browser = await startChromium(wholeFile);
});

async function newScene(t: Cleanup): Promise<Scene> {
  const { address: relay } = await relayInProcess(t);
  return { browser, address, relay };
}

describe("the library in a browser", { timeout: 240_000 }, () => {
  it("two browsers exchange messages; a reloaded page has them all and goes on", async (test) => {
    const t = lastFirst(test);
    const lap = laps(test);
    const scene = await newScene(t);
    const { aigul, bek } = await aigulAndBek(t, { ...scene, address: address + WITH_ARGON2ID });
    lap("two identities made");
    await sendAll(aigul, "Бек", AIGUL_WRITES);
    lap("10 first-contact messages stored");
    assert.deepEqual(await receivedTexts(bek, AIGUL_WRITES.length), AIGUL_WRITES);
    lap("and received");
    await sendAll(bek, "Айгүл", BEK_WRITES);
    assert.deepEqual(await receivedTexts(aigul, BEK_WRITES.length), BEK_WRITES);
    lap("10 answers stored and received");
    const number = await safetyNumber(aigul, "Бек");
    assert.equal(await safetyNumber(bek, "Айгүл"), number);

    await reload(aigul);
    lap("page loaded anew");
    assert.equal(await openFault(aigul, "wrong horse battery"), "VAULT_PASSPHRASE");
    lap("a wrong passphrase refused");
    await open(aigul);
    lap("vault opened");
    assert.deepEqual(await sentTexts(aigul), AIGUL_WRITES);
    assert.deepEqual(await receivedTexts(aigul, BEK_WRITES.length), BEK_WRITES);
    assert.equal(await safetyNumber(aigul, "Бек"), number);

    await sendAll(aigul, "Бек", ["Мен қайттым"]);
    const all = [...AIGUL_WRITES, "Мен қайттым"];
    assert.deepEqual(await receivedTexts(bek, all.length), all);
    await sendAll(bek, "Айгүл", ["خۇش كەلدىڭ"]);
    assert.deepEqual(await receivedTexts(aigul, 11), [...BEK_WRITES, "خۇش كەلدىڭ"]);
  });

  it("without WebSockets it exchanges them over HTTP, both ways", async (test) => {
    const t = lastFirst(test);
    const options = { isWithoutWebSocket: true };
    const { aigul, bek } = await aigulAndBek(t, await newScene(t), options);
    await Promise.all([sendAll(aigul, "Бек", AIGUL_WRITES), sendAll(bek, "Айгүл", BEK_WRITES)]);
    assert.deepEqual(await receivedTexts(bek, AIGUL_WRITES.length), AIGUL_WRITES);
    assert.deepEqual(await receivedTexts(aigul, BEK_WRITES.length), BEK_WRITES);
    await sendAll(aigul, "Бек", ["Тағы бір сөз"]);
    assert.equal((await receivedTexts(bek, AIGUL_WRITES.length + 1)).at(-1), "Тағы бір сөз");
  });

  it("both write first at the same moment", async (test) => {
    const t = lastFirst(test);
    const { aigul, bek } = await aigulAndBek(t, await newScene(t));
    await Promise.all([sendAll(aigul, "Бек", AIGUL_WRITES), sendAll(bek, "Айгүл", BEK_WRITES)]);
    assert.deepEqual(await receivedTexts(bek, AIGUL_WRITES.length), AIGUL_WRITES);
    assert.deepEqual(await receivedTexts(aigul, BEK_WRITES.length), BEK_WRITES);
  });

  it("a stranger on Node writes to a browser, gets a name there, and is answered", async (test) => {
    const t = lastFirst(test);
    const scene = await newScene(t);
    const { page } = await browserPerson(t, scene);
    const { client } = await person(t, scene.relay);
    await client.addContact(await card(page), "Айгүл");
    client.start();
    for (const text of BEK_WRITES) await client.send("Айгүл", text);
    assert.deepEqual(await receivedTexts(page, BEK_WRITES.length), BEK_WRITES);

    const [first] = await page.evaluate(() => window.tumar.client.received());
    assert.equal(first?.from, null);
    const identity = toBase32(client.identity);
    await page.evaluate((of) => window.tumar.client.nameContact(of, "Бек"), identity);
    await sendAll(page, "Бек", AIGUL_WRITES);
    const texts: string[] = [];
    for await (const { from, text } of client.messages()) {
      assert.equal(from, "Айгүл");
      if (texts.push(text) === AIGUL_WRITES.length) break;
    }
    assert.deepEqual(texts, AIGUL_WRITES);
    assert.equal(await safetyNumber(page, "Бек"), await client.safetyNumber("Айгүл"));
  });

  it("two tabs share a vault: no update of either is lost, both see what comes", async (test) => {
    const t = lastFirst(test);
    const scene = await newScene(t);
    const { context, page: one } = await browserPerson(t, scene);
    const two = await openPage(context, address);
    await open(two);
    const bek = await person(t, scene.relay);
    const dana = await person(t, scene.relay);
    bek.client.start();
    await bek.client.addContact(await card(one), "Айгүл");
    await Promise.all([
      add(one, await bek.client.card(), "Бек"),
      add(two, await dana.client.card(), "Дана"),
    ]);

    await Promise.all([sendAll(one, "Бек", AIGUL_WRITES), sendAll(two, "Бек", BEK_WRITES)]);
    const sent = await sentTexts(one);
    assert.deepEqual(await sentTexts(two), sent);
    assert.deepEqual(onlyOf(sent, AIGUL_WRITES), AIGUL_WRITES);
    assert.deepEqual(onlyOf(sent, BEK_WRITES), BEK_WRITES);
    assert.equal(sent.length, AIGUL_WRITES.length + BEK_WRITES.length);
    const arrived: string[] = [];
    for await (const { text } of bek.client.messages()) {
      if (arrived.push(text) === sent.length) break;
    }
    assert.deepEqual(arrived, sent);

    for (const text of ["Бір", "ئىككى", "三"]) await bek.client.send("Айгүл", text);
    for (const tab of [one, two]) {
      assert.deepEqual(await receivedTexts(tab, 3), ["Бір", "ئىككى", "三"]);
      const contacts = await tab.evaluate(() => window.tumar.client.contacts());
      assert.deepEqual(contacts.map(({ name }) => name).sort(), ["Бек", "Дана"]);
      assert.ok(!(await tab.evaluate(() => window.tumar.events)).includes("taken-over"));
    }
  });
});

function onlyOf(texts: readonly string[], some: readonly string[]): readonly string[] {
  return texts.filter((text) => some.includes(text));
}

/** Tells how long each step took, beside the result. */
function laps(test: TestContext): (what: string) => void {
  let last = performance.now();
  return (what) => {
    const now = performance.now();
    test.diagnostic(`${what}: ${Math.round(now - last)} ms`);
    last = now;
  };
}
