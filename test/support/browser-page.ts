/**
 * Runs inside the page of test/browser: the client library over IndexedDB and the browser's own
 * sockets, handed to the test as `window.tumar`. Keys are derived quickly, unless the page was asked for
 * with `WITH_ARGON2ID`.
 */

import { Client } from "../../client/core/client.ts";
import type { ClientEnvironment } from "../../client/core/environment.ts";
import { browserNetwork, watchBrowserNetwork } from "../../client/net/browser-network.ts";
import { browserTransport } from "../../client/net/browser-transport.ts";
import { BrowserBlobStorage } from "../../client/vault/browser-blob-storage.ts";
import { BrowserStorage } from "../../client/vault/browser-storage.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { quickDerive, WITH_ARGON2ID } from "./quick-derive.ts";

export interface TumarPage {
  /** The open one. */
  readonly client: Client;
  /** Types of the events of this page's client, in order. */
  readonly events: readonly string[];
  /** How many calls of `send` were answered. */
  readonly answered: number;
  /** A new identity, started. */
  create(relay: string, passphrase: string): Promise<void>;
  /** What is in IndexedDB, started. */
  open(passphrase: string): Promise<void>;
  /** The code `open` fails with, or "none". */
  openFault(passphrase: string): Promise<string>;
  /** Sends one after the other; resolves when the relay has signed for the last. */
  sendAll(to: string, texts: readonly string[]): Promise<void>;
  /** Everything received, in display order, once it is at least `count` messages. */
  receivedTexts(count: number): Promise<readonly string[]>;
  sentTexts(): Promise<readonly string[]>;
}

declare global {
  interface Window {
    tumar: TumarPage;
  }
}

let current: Client | undefined;
let answered = 0;
const events: string[] = [];

function environment(passphrase: string): ClientEnvironment {
  return {
    storage: new BrowserStorage("smoke"),
    blobs: new BrowserBlobStorage("smoke"),
    passphrase,
    transport: browserTransport(),
    network: browserNetwork,
    onNetworkChange: watchBrowserNetwork,
    ...(location.search === WITH_ARGON2ID ? {} : { deriveKey: quickDerive }),
  };
}

function client(): Client {
  if (current === undefined) throw new TypeError("no vault is open");
  return current;
}

function start(opened: Client): void {
  current = opened;
  opened.on(({ type }) => events.push(type));
  opened.start();
}

async function create(relay: string, passphrase: string): Promise<void> {
  const created = await Client.create(environment(passphrase), { relay, wordList: "english" });
  start(created.client);
}

async function open(passphrase: string): Promise<void> {
  start(await Client.open(environment(passphrase)));
}

async function openFault(passphrase: string): Promise<string> {
  try {
    const opened = await Client.open(environment(passphrase));
    await opened.close();
    return "none";
  } catch (error) {
    if (error instanceof TumarError) return error.code;
    throw error;
  }
}

async function sendAll(to: string, texts: readonly string[]): Promise<void> {
  const ids: Uint8Array[] = [];
  for (const text of texts) {
    ids.push((await client().send(to, text)).id);
    answered += 1;
  }
  for (const id of ids) await client().stored(id);
}

async function receivedTexts(count: number): Promise<readonly string[]> {
  let seen = 0;
  for await (const _ of client().messages()) {
    seen += 1;
    if (seen >= count) break;
  }
  return (await client().received()).map(({ text }) => text);
}

async function sentTexts(): Promise<readonly string[]> {
  return (await client().sent()).map(({ text }) => text);
}

window.tumar = {
  get client() {
    return client();
  },
  events,
  get answered() {
    return answered;
  },
  create,
  open,
  openFault,
  sendAll,
  receivedTexts,
  sentTexts,
};
