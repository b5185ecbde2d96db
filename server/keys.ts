/**
 * The relay's keys in its data directory: identity.key (Ed25519), store.key, and channel-HOUR.key
 * (X25519, named by the hour they begin).
 *
 * A new channel key each day, valid for 48 hours, then destroyed: who seizes the relay later cannot
 * open what was recorded before. Today's key survives a restart, so that first messages of clients
 * that know it still open. A key from the future (a clock that was wrong) stays the newest until its
 * hour has passed: clients take no key older than one they hold.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { compareBytes, type Random } from "../shared/crypto/bytes.ts";
import {
  DH_KEY_BYTES,
  type DhKeyPair,
  dhKeyPair,
  SIGNING_SEED_BYTES,
  type SigningKeyPair,
  signingKeyPair,
} from "../shared/crypto/sodium.ts";
import { CHANNEL_KEY_LIFE_HOURS, CHANNEL_KEY_PERIOD_HOURS } from "../shared/wire/limits.ts";
import {
  destroyKeyFile,
  KEY_FILE_BYTES,
  type KeyFile,
  type KeyFileKind,
  keyPath,
  openKeyDirectory,
  readKeyFile,
  writeKeyFile,
} from "./key-files.ts";

export interface ChannelKey {
  readonly pair: DhKeyPair;
  /** Hour from which it serves. */
  readonly notBefore: number;
}

/** Newest first; never empty. */
type ChannelKeys = readonly [ChannelKey, ...ChannelKey[]];

const CHANNEL_FILE = /^channel-\d{1,10}\.key$/;
const STORE_KEY_BYTES = 32;

export class Keyring {
  readonly identity: SigningKeyPair;
  readonly storeKey: Uint8Array;
  readonly #directory: string;
  readonly #random: Random;
  #channelKeys: ChannelKeys;

  private constructor(directory: string, random: Random, loaded: Loaded) {
    this.#directory = directory;
    this.#random = random;
    this.identity = loaded.identity;
    this.storeKey = loaded.storeKey;
    this.#channelKeys = loaded.channelKeys;
  }

  /** Makes what is missing. @throws TumarError KEY_FILE_DAMAGED, KEY_FILE_EXPOSED, DATA_UNUSABLE */
  static async open(directory: string, random: Random, hour: number): Promise<Keyring> {
    await openKeyDirectory(directory);
    const identity = await readOrMake(directory, "identity", random(SIGNING_SEED_BYTES));
    const storeKey = await readOrMake(directory, "store", random(STORE_KEY_BYTES));
    const found = await readChannelKeys(directory);
    const channelKeys = await renew(directory, found, random, hour);
    return new Keyring(directory, random, {
      identity: signingKeyPair(identity),
      storeKey,
      channelKeys,
    });
  }

  /** The key that new clients are given. */
  get channelKey(): ChannelKey {
    return this.#channelKeys[0];
  }

  /** Every key that still opens a first message, newest first. */
  get channelKeys(): readonly ChannelKey[] {
    return this.#channelKeys;
  }

  /** Makes today's key and destroys those past their time; true when a new one was made. */
  async rotate(hour: number): Promise<boolean> {
    const before = this.channelKey;
    this.#channelKeys = await renew(this.#directory, this.#channelKeys, this.#random, hour);
    return this.channelKey !== before;
  }
}

interface Loaded {
  readonly identity: SigningKeyPair;
  readonly storeKey: Uint8Array;
  readonly channelKeys: ChannelKeys;
}

async function readOrMake(
  directory: string,
  kind: KeyFileKind,
  fresh: Uint8Array,
): Promise<Uint8Array> {
  const path = keyPath(directory, kind);
  const found = await readKeyFile(path, kind);
  if (found !== undefined) return found.secret;
  await writeKeyFile(path, { kind, hour: 0, secret: fresh });
  return fresh;
}

async function readChannelKeys(directory: string): Promise<ChannelKey[]> {
  const names = (await readdir(directory)).filter((name) => CHANNEL_FILE.test(name));
  const files = await Promise.all(
    names.map((name) => readKeyFile(join(directory, name), "channel")),
  );
  return files.filter((file) => file !== undefined).map(toChannelKey);
}

function toChannelKey({ secret, hour }: KeyFile): ChannelKey {
  return { pair: dhKeyPair(secret), notBefore: hour };
}

async function renew(
  directory: string,
  keys: readonly ChannelKey[],
  random: Random,
  hour: number,
): Promise<ChannelKeys> {
  const valid = keys.filter(({ notBefore }) => isValid(notBefore, hour)).sort(newestFirst);
  for (const key of keys) {
    if (!valid.includes(key))
      await destroyKeyFile(channelPath(directory, key), random(KEY_FILE_BYTES));
  }
  const [newest, ...older] = valid;
  if (newest !== undefined && hour - newest.notBefore < CHANNEL_KEY_PERIOD_HOURS) {
    return [newest, ...older];
  }
  const key: ChannelKey = { pair: dhKeyPair(random(DH_KEY_BYTES)), notBefore: hour };
  await writeKeyFile(channelPath(directory, key), {
    kind: "channel",
    hour,
    secret: key.pair.secretKey,
  });
  return [key, ...valid];
}

function isValid(notBefore: number, hour: number): boolean {
  return hour - notBefore < CHANNEL_KEY_LIFE_HOURS;
}

function newestFirst(a: ChannelKey, b: ChannelKey): number {
  return b.notBefore - a.notBefore || compareBytes(a.pair.publicKey, b.pair.publicKey);
}

function channelPath(directory: string, { notBefore }: ChannelKey): string {
  return keyPath(directory, `channel-${notBefore}`);
}
