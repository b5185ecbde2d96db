/** A relay, an exchanging client and a mailbox with a grant, for tests of exchanges. */

import assert from "node:assert/strict";
import type { SettingValues } from "../../server/config-table.ts";
import type { RelayOptions } from "../../server/relay.ts";
import { DEFAULT_STORE_LIMITS } from "../../server/store/limits.ts";
import { MemoryStore } from "../../server/store/memory/memory-engine.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import type { Deliver, RelayFrame } from "../../shared/wire/frames.ts";
import { BareExchanger, type ExchangeOptions } from "./bare-exchange.ts";
import {
  type BareMailbox,
  createFrame,
  depositFrame,
  grantFrame,
  newMailbox,
  subscribeFrame,
} from "./bare-mailbox.ts";
import { LyingStore } from "./lying-store.ts";
import { relayInProcess, type TestRelay } from "./relay.ts";

export interface ExchangeScene {
  readonly relay: TestRelay;
  readonly client: BareExchanger;
  readonly mailbox: BareMailbox;
}

export async function exchangeScene(
  test: Parameters<typeof relayInProcess>[0],
  config: Partial<SettingValues> = {},
  options: Omit<RelayOptions, "config"> = {},
): Promise<ExchangeScene> {
  const relay = await relayInProcess(test, config, options);
  const client = await BareExchanger.open(relay.address);
  return { relay, client, mailbox: await makeMailbox(client) };
}

export interface HeldScene extends ExchangeScene {
  /** Begins an exchange, and resolves when the relay holds it because nothing waits. */
  hold<T>(begin: () => Promise<T>): Promise<{ readonly held: Promise<T> }>;
}

export async function heldScene(
  test: Parameters<typeof relayInProcess>[0],
  config: Partial<SettingValues> = {},
): Promise<HeldScene> {
  const store = new LyingStore(new MemoryStore(DEFAULT_STORE_LIMITS));
  const scene = await exchangeScene(test, config, { store });
  const hold: HeldScene["hold"] = async (begin) => {
    const isHeld = new Promise<void>((resolve) => {
      const waiting = <E>(found: readonly E[]) => {
        if (found.length === 0) setImmediate(resolve);
        return found;
      };
      store.lies = { waiting };
    });
    const held = begin();
    held.catch(() => undefined);
    await isHeld;
    store.lies = {};
    return { held };
  };
  return { ...scene, hold };
}

export async function makeMailbox(client: BareExchanger): Promise<BareMailbox> {
  const mailbox = newMailbox();
  const requests = [createFrame(mailbox), grantFrame(mailbox)];
  const made = await client.exchange(requests, { prove: [mailbox.key] });
  assert.deepEqual(typesOf(made), ["ok", "ok"]);
  return mailbox;
}

/** One exchange for each envelope; the envelopes in their order. */
export async function depositOver(
  client: BareExchanger,
  mailbox: BareMailbox,
  sizes: readonly number[],
): Promise<readonly Uint8Array[]> {
  const envelopes = sizes.map((size) => systemRandom(size));
  for (const envelope of envelopes) {
    assert.deepEqual(typesOf(await client.exchange([depositFrame(mailbox, envelope)])), [
      "receipt",
    ]);
  }
  return envelopes;
}

/** One subscription with its proof. */
export function poll(
  client: BareExchanger,
  mailbox: BareMailbox,
  subscribe: Parameters<typeof subscribeFrame>[1] = {},
  options: ExchangeOptions = {},
): Promise<readonly RelayFrame[]> {
  return client.exchange([subscribeFrame(mailbox, subscribe)], {
    prove: [mailbox.key],
    ...options,
  });
}

export const typesOf = (frames: readonly RelayFrame[]): RelayFrame["type"][] =>
  frames.map(({ type }) => type);

export const deliveriesIn = (frames: readonly RelayFrame[]): readonly Deliver[] =>
  frames.filter((frame): frame is Deliver => frame.type === "deliver");
