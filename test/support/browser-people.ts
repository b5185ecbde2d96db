/** People with a browser each: the client library in a page, driven from the test. */

import type { Browser, BrowserContext, Page } from "playwright-core";
import { type ContextOptions, newContext, openPage } from "./browser.ts";
import { PASSPHRASE } from "./people.ts";
import type { Cleanup } from "./relay.ts";

/** Where people come from: the page, the browser, the relay they register at. */
export interface Scene {
  readonly browser: Browser;
  /** The page's. */
  readonly address: string;
  /** The relay's. */
  readonly relay: string;
}

export interface BrowserPerson {
  readonly context: BrowserContext;
  readonly page: Page;
}

/** A new identity in a browser context of its own, started. */
export async function browserPerson(
  test: Cleanup,
  { browser, address, relay }: Scene,
  options: ContextOptions = {},
): Promise<BrowserPerson> {
  const context = await newContext(test, browser, options);
  const page = await openPage(context, address);
  await create(page, relay);
  return { context, page };
}

/** Aigul and Bek know each other's card; nothing was said yet. */
export async function aigulAndBek(
  test: Cleanup,
  scene: Scene,
  options: ContextOptions = {},
): Promise<{ readonly aigul: Page; readonly bek: Page }> {
  const { page: aigul } = await browserPerson(test, scene, options);
  const { page: bek } = await browserPerson(test, scene, options);
  await add(aigul, await card(bek), "Бек");
  await add(bek, await card(aigul), "Айгүл");
  return { aigul, bek };
}

export async function create(page: Page, relay: string): Promise<void> {
  const given = [relay, PASSPHRASE] as const;
  await page.evaluate(([at, passphrase]) => window.tumar.create(at, passphrase), given);
}

export async function open(page: Page): Promise<void> {
  await page.evaluate((passphrase) => window.tumar.open(passphrase), PASSPHRASE);
}

export function openFault(page: Page, passphrase: string): Promise<string> {
  return page.evaluate((given) => window.tumar.openFault(given), passphrase);
}

export function card(page: Page): Promise<string> {
  return page.evaluate(() => window.tumar.client.card());
}

export async function add(page: Page, link: string, name: string): Promise<void> {
  await page.evaluate(([of, as]) => window.tumar.client.addContact(of, as), [link, name] as const);
}

/** One after the other; resolves when the relay has signed for the last. */
export function sendAll(page: Page, to: string, texts: readonly string[]): Promise<void> {
  return page.evaluate(([name, all]) => window.tumar.sendAll(name, all), [to, texts] as const);
}

/** Everything received, in display order, once it is at least `count` messages. */
export function receivedTexts(page: Page, count: number): Promise<readonly string[]> {
  return page.evaluate((wanted) => window.tumar.receivedTexts(wanted), count);
}

export function sentTexts(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => window.tumar.sentTexts());
}

export function safetyNumber(page: Page, name: string): Promise<string> {
  return page.evaluate((of) => window.tumar.client.safetyNumber(of), name);
}
