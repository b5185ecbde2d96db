/** What the stories share: waiting with a deadline, texts that come, and what a vault says of sessions. */

import assert from "node:assert/strict";
import type { Client } from "../../client/core/client.ts";
import { type ClientEnvironment, vaultOptions } from "../../client/core/environment.ts";
import { listPeers } from "../../client/core/state/contacts.ts";
import type { SyncSummary } from "../../client/core/types.ts";
import type { Clock } from "../../client/net/clock.ts";
import type { VaultView } from "../../client/vault/draft.ts";
import { Vault } from "../../client/vault/vault.ts";
import { toHex } from "../../shared/crypto/bytes.ts";
import { decodePeer } from "../../shared/e2ee/device-peer.ts";
import { activeSession } from "../../shared/e2ee/sessions.ts";

/** Long enough for two busy cores; a story that needs it all has failed. */
export const DEADLINE_MS = 60_000;
const LOOK_MS = 20;
/** A look that takes long is repeated less often: what is looked at needs the processor too. */
const PAUSE_PER_LOOK = 4;
const MINUTE_MS = 60_000;

/** Rejects, naming what was waited for, when it has not come in time. */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Looks again and again until it holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + DEADLINE_MS;
  for (;;) {
    const beganMs = performance.now();
    if (await holds()) return;
    if (Date.now() > endMs) throw new Error(`not in time: ${what}`);
    const pauseMs = Math.max(LOOK_MS, PAUSE_PER_LOOK * (performance.now() - beganMs));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Longer than a gap in what a device sent is waited for. */
const GAP_MS = 120_000;

/** Until this text is there, with the clock turned now and then in case it waits behind a gap. */
export async function untilShown(
  client: Client,
  text: string,
  turnClock: (ms: number) => void,
): Promise<void> {
  let looks = 0;
  await until(text, async () => {
    if (looks++ % 50 === 49) turnClock(GAP_MS);
    return (await client.received()).some((message) => message.text === text);
  });
}

/** The texts in the vault once there are `count` of them, in the order they are shown. */
export async function textsOf(client: Client, count: number): Promise<readonly string[]> {
  let texts: readonly string[] = [];
  await until(`${count} messages`, async () => {
    texts = (await client.received()).flatMap(({ kind, text }) => (kind === "text" ? [text] : []));
    return texts.length >= count;
  });
  return texts;
}

export async function allStored(client: Client): Promise<void> {
  await until("everything stored", async () => {
    return (await client.sent()).every(({ state }) => state === "stored");
  });
}

export function numbered(who: string, count: number, from = 0): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${who} ${from + i}`);
}

export async function sendAll(client: Client, to: string, texts: readonly string[]): Promise<void> {
  for (const text of texts) await client.send(to, text);
}

/**
 * Each waits for the other's text before it answers; both must be started and know each other.
 * `first` numbers the texts, which must be new to both.
 */
export async function pingPong(
  [a, aName]: readonly [Client, string],
  [b, bName]: readonly [Client, string],
  count: number,
  first = 0,
): Promise<void> {
  for (let i = first; i < first + count; i++) {
    const [from, to, name] = i % 2 === 0 ? [a, b, bName] : [b, a, aName];
    const text = `ball ${i}`;
    await from.send(name, text);
    await until(text, async () => (await to.received()).some((message) => message.text === text));
  }
}

/** Ids of the sessions that messages to anybody go through, in hex; the vault may be in use. */
export async function activeSessionIds(environment: ClientEnvironment): Promise<readonly string[]> {
  const minute = Math.floor((environment.now ?? Date.now)() / MINUTE_MS);
  return await readVault(environment, (view) =>
    listPeers(view).flatMap(({ sessions }) => {
      const active = sessions === null ? undefined : activeSession(decodePeer(sessions), minute);
      return active === undefined ? [] : [toHex(active.id)];
    }),
  );
}

/** Opens the vault beside its client, looks, and lets go. */
export async function readVault<T>(
  environment: ClientEnvironment,
  look: (view: VaultView) => T,
): Promise<T> {
  const { storage, passphrase } = environment;
  const vault = await Vault.open(storage, passphrase, vaultOptions(environment));
  try {
    return await vault.read(look);
  } finally {
    await vault.close();
  }
}

/** Both ends of a conversation between two people use the same session. */
export async function assertOneSession(a: ClientEnvironment, b: ClientEnvironment): Promise<void> {
  const [ofA, ofB] = [await activeSessionIds(a), await activeSessionIds(b)];
  assert.equal(ofA.length, 1);
  assert.deepEqual(ofA, ofB);
}

const HURRY = 25;

/** A clock on which waits are so many times shorter, so that many retries fit into a story. */
export function clockHurriedBy(factor: number): Clock {
  return {
    now: () => performance.now() * factor,
    after: (ms, task) => {
      const timer = setTimeout(task, ms / factor);
      return () => clearTimeout(timer);
    },
  };
}

export const hurriedClock: Clock = clockHurriedBy(HURRY);

/** As `client.sync()`, with enough time also on a hurried clock. */
export async function synced(client: Client): Promise<SyncSummary> {
  return await client.sync({ timeoutMs: DEADLINE_MS * HURRY });
}
