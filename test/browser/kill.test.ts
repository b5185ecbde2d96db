/**
 * A browser killed while its page writes messages: what `send` answered is in IndexedDB afterwards,
 * leaves with the next start, and arrives once. Nothing readable is in the browser's files.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { lastFirst, openPage, servePage } from "../support/browser.ts";
import { bundle } from "../support/browser-bundle.ts";
import { add, card, create, open, sendAll, sentTexts } from "../support/browser-people.ts";
import { browserProcess } from "../support/browser-process.ts";
import { PASSPHRASE, person } from "../support/people.ts";
import { countInFiles, rawFiles } from "../support/raw-files.ts";
import { type Cleanup, relayInProcess, temporaryDirectory } from "../support/relay.ts";
import { BEK_WRITES } from "./texts.ts";

const KILLS = 3;
const NAME = "Бек Сейітұлы";
/** The vault's, in the browser's own files. */
const DATABASE = "tumar-smoke";
/** More than a page sends before it is killed. */
const TEXTS = Array.from({ length: 2_000 }, (_, n) => `${n} ${BEK_WRITES[n % BEK_WRITES.length]}`);

/** A page of a new browser on the profile. */
async function start(
  t: Cleanup,
  profile: string,
  address: string,
): Promise<{ readonly page: Page; kill(): Promise<void> }> {
  const { context, kill } = await browserProcess(t, profile);
  return { page: await openPage(context, address), kill };
}

/** What the vault says was sent: a beginning of TEXTS, none missing, none twice. */
async function openAndCount(page: Page): Promise<number> {
  await open(page);
  const sent = await sentTexts(page);
  assert.deepEqual(sent, TEXTS.slice(0, sent.length));
  return sent.length;
}

/** Writes until the browser is killed; how many messages were answered for when that was decided. */
async function writeUntil(page: Page, from: number, kill: () => Promise<void>): Promise<number> {
  const writing = sendAll(page, NAME, TEXTS.slice(from)).catch((error: unknown) => error);
  const answered = await page.waitForFunction(
    () => window.tumar.answered > 2 && window.tumar.answered,
  );
  const count = Number(await answered.jsonValue());
  await kill();
  assert.ok((await writing) instanceof Error);
  return count;
}

describe("a browser that is killed", { timeout: 240_000 }, () => {
  it("loses nothing that was answered, and sends nothing twice", async (test) => {
    const t = lastFirst(test);
    const address = await servePage(t, await bundle(t, "test/support/browser-page.ts"));
    const relay = await relayInProcess(t);
    const { client: bek } = await person(t, relay.address);
    bek.start();
    const profile = await temporaryDirectory(t);

    const first = await start(t, profile, address);
    await create(first.page, relay.address);
    await add(first.page, await bek.card(), NAME);
    await bek.addContact(await card(first.page), "Айгүл");
    let least = await writeUntil(first.page, 0, first.kill);
    for (let kills = 1; kills < KILLS; kills++) {
      const { page, kill } = await start(t, profile, address);
      const sent = await openAndCount(page);
      assert.ok(sent >= least);
      least = sent + (await writeUntil(page, sent, kill));
    }

    const { page, kill } = await start(t, profile, address);
    const sent = await openAndCount(page);
    assert.ok(sent >= least);
    await sendAll(page, NAME, TEXTS.slice(sent, sent + 1));
    const arrived: string[] = [];
    for await (const { text } of bek.messages()) {
      if (arrived.push(text) > sent) break;
    }
    assert.deepEqual(arrived, TEXTS.slice(0, sent + 1));
    test.diagnostic(`${KILLS} kills, ${sent} messages written before the last start`);

    await kill();
    assert.ok((await rawFiles(profile)).includes(Buffer.from(DATABASE, "utf16le").swap16()));
    const secrets = [...arrived, NAME, PASSPHRASE].flatMap(bothEncodings);
    assert.equal(await countInFiles(profile, [...secrets, bek.identity]), 0);
  });
});

/** As the library writes text, and as a browser keeps it. */
function bothEncodings(text: string): readonly Uint8Array[] {
  return [Buffer.from(text, "utf8"), Buffer.from(text, "utf16le")];
}
