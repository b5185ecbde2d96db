/**
 * What a client is given, and what is made of it once: two pools of relays, the clock, and the list
 * of listeners, over one vault.
 */

import type { DeriveKey } from "../../shared/crypto/argon2id.ts";
import type { Random } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import { type AnnouncementStore, type PoolEnvironment, RelayPool } from "../net/relay-pool.ts";
import type { Transport } from "../net/transport.ts";
import type { VaultStorage } from "../vault/storage.ts";
import type { Vault, VaultOptions } from "../vault/vault.ts";
import type { Core } from "./context.ts";
import { getHour, listAnnouncements, putAnnouncement } from "./state/relays.ts";
import { SetCache } from "./state/statements.ts";
import { CoreTime } from "./time.ts";
import type { ClientEvent } from "./types.ts";

export interface ClientEnvironment {
  readonly storage: VaultStorage;
  readonly passphrase: string;
  readonly transport: Transport;
  readonly random?: Random;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly clock?: Clock;
  /** Argon2id elsewhere, for example in a web worker: same input, same output. */
  readonly deriveKey?: DeriveKey;
}

export interface ClientParts {
  readonly core: Core;
  readonly clock: Clock;
  readonly pools: readonly RelayPool[];
  readonly listeners: Set<(event: ClientEvent) => void>;
}

/** Two pools, so that reads of our own records never share a connection with what concerns others. */
export async function partsOf(environment: ClientEnvironment, vault: Vault): Promise<ClientParts> {
  const { announcements, hour } = await vault.read((view) => ({
    announcements: new Map(listAnnouncements(view)),
    hour: getHour(view),
  }));
  const store: AnnouncementStore = {
    announcementOf: (address) => announcements.get(address),
    keepAnnouncement: (address, bytes) => {
      announcements.set(address, bytes);
      // A lost one costs one round trip with the next connection.
      vault.transaction((tx) => putAnnouncement(tx, address, bytes)).catch(() => undefined);
    },
  };
  const home = new RelayPool(poolEnvironment(environment), store, hour);
  const peer = new RelayPool(poolEnvironment(environment), store, hour);
  const now = environment.now ?? Date.now;
  const listeners = new Set<(event: ClientEvent) => void>();
  const core: Core = {
    vault,
    relays: {
      home: (address) => home.relay(parseRelayAddress(address)),
      peer: (address) => peer.relay(parseRelayAddress(address)),
    },
    random: environment.random ?? systemRandom,
    time: new CoreTime(() => home.clock.hour() ?? peer.clock.hour(), now),
    sets: new SetCache(),
    emit: (event) => {
      for (const listener of listeners) callSafely(() => listener(event));
    },
  };
  return { core, clock: environment.clock ?? systemClock, pools: [home, peer], listeners };
}

/** A listener that throws is its owner's fault and must not end up in ours. */
function callSafely(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export function vaultOptions({ random, deriveKey }: ClientEnvironment): VaultOptions {
  return {
    random: random ?? systemRandom,
    ...(deriveKey === undefined ? {} : { deriveKey }),
  };
}

export function poolEnvironment({ transport, clock, random }: ClientEnvironment): PoolEnvironment {
  return {
    transport,
    ...(clock === undefined ? {} : { clock }),
    ...(random === undefined ? {} : { random }),
  };
}

/** For the one connection made before there is a vault. */
export const NO_STORE: AnnouncementStore = {
  announcementOf: () => undefined,
  keepAnnouncement: () => undefined,
};
