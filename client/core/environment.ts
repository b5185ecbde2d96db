/**
 * What a client is given, and what is made of it once: pools of relays, the clock, and the list
 * of listeners, over one vault.
 */

import type { DeriveKey } from "../../shared/crypto/argon2id.ts";
import type { Random } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { RECORD_ID_BYTES } from "../../shared/e2ee/record-part.ts";
import { parseRelayAddress, type RelayHash } from "../../shared/e2ee/relay-address.ts";
import type { PhotoCopy } from "../media/photo-copy.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import type { TransportKind } from "../net/connection.ts";
import { type AnnouncementStore, type PoolEnvironment, RelayPool } from "../net/relay-pool.ts";
import type { Relay } from "../net/requests.ts";
import type { Transport } from "../net/transport.ts";
import type { BlobStorage } from "../vault/blob-storage.ts";
import type { VaultStorage } from "../vault/storage.ts";
import type { Vault, VaultOptions } from "../vault/vault.ts";
import type { Core } from "./context.ts";
import { isSilence } from "./deposit.ts";
import { Doors } from "./doors.ts";
import { NetworkMemory } from "./network-memory.ts";
import { PROGRAM_VERSION } from "./program-version.ts";
import { Progress } from "./progress.ts";
import { Recordings } from "./recording.ts";
import { RelayHealth } from "./relay-health.ts";
import { getHour, listAnnouncements, putAnnouncement } from "./state/relays.ts";
import { SetCache } from "./state/statements.ts";
import { CoreTime } from "./time.ts";
import type { ClientEvent } from "./types.ts";

/** How long a relay that was silent may take to show that it is back. */
const PROBE_MS = 10_000;

export interface ClientEnvironment {
  readonly storage: VaultStorage;
  /** Where media lies, sealed. */
  readonly blobs: BlobStorage;
  readonly passphrase: string;
  readonly transport: Transport;
  readonly random?: Random;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly clock?: Clock;
  /** The only kind of connection used; without it, what works. */
  readonly transportKind?: TransportKind;
  /** Tells one network from another, for what is remembered of each; only a keyed hash is kept. */
  readonly network?: () => string;
  /** The result stops the listening. */
  readonly onNetworkChange?: (listener: () => void) => () => void;
  /** Argon2id elsewhere, for example in a web worker: same input, same output. */
  readonly deriveKey?: DeriveKey;
  /** Of this program: what one version failed on is tried again by another. */
  readonly version?: string;
  /** Makes the small copy of a photo that goes first; without it none does. */
  readonly photoCopy?: PhotoCopy;
}

export interface ClientParts {
  readonly core: Core;
  readonly clock: Clock;
  readonly pools: readonly RelayPool[];
  /** The result stops the listening for changes of network. */
  watchNetwork(listener: () => void): () => void;
  readonly listeners: Set<(event: ClientEvent) => void>;
}

/**
 * A pool for each purpose, so that reads of our own records, what concerns others, and what others sent
 * to us never share a connection.
 */
export async function partsOf(environment: ClientEnvironment, vault: Vault): Promise<ClientParts> {
  const { network = () => "", random = systemRandom, now = Date.now } = environment;
  const doors = new Doors();
  await vault.read((view) => doors.load(view));
  const { announcements, hour, memory } = await vault.read((view) => ({
    announcements: new Map(listAnnouncements(view)),
    hour: getHour(view),
    memory: new NetworkMemory({ vault, network, random, now }, view),
  }));
  const storeOf = (pool: "home" | "peer" | "media" | "only"): AnnouncementStore => ({
    announcementOf: (place) => announcements.get(`${pool} ${place}`),
    keepAnnouncement: (place, bytes) => {
      // A lost one costs one round trip with the next connection.
      vault
        .transaction((tx) => putAnnouncement(tx, `${pool} ${place}`, bytes))
        .catch(() => undefined);
    },
  });
  const pools = {
    ...poolEnvironment(environment),
    memory,
    choices: new Map(),
    doorsOf: (relay: RelayHash) => doors.of(relay),
  };
  const home = new RelayPool(pools, storeOf("home"), hour);
  const peer = new RelayPool(pools, storeOf("peer"), hour);
  const oneWay = { ...pools, choices: new Map(), doorsOf: () => [] };
  const media = new RelayPool(pools, storeOf("media"), hour);
  const only = new RelayPool(oneWay, storeOf("only"), hour);
  const listeners = new Set<(event: ClientEvent) => void>();
  const clock = environment.clock ?? systemClock;
  const peerRelay = (address: string): Relay => peer.relay(parseRelayAddress(address));
  const core: Core = {
    version: environment.version ?? PROGRAM_VERSION,
    health: new RelayHealth(clock, (address) => probe(peerRelay(address), random)),
    doors,
    vault,
    blobs: environment.blobs,
    recordings: new Recordings(),
    progress: new Progress(),
    photoCopy: environment.photoCopy,
    relays: {
      home: (address) => home.relay(parseRelayAddress(address)),
      peer: peerRelay,
      media: (address) => media.relay(parseRelayAddress(address)),
      only: (address) => only.relay(parseRelayAddress(address)),
    },
    random,
    clock,
    time: new CoreTime(() => home.clock.hour() ?? peer.clock.hour(), now),
    sets: new SetCache(),
    emit: (event) => {
      for (const listener of listeners) callSafely(() => listener(event));
    },
  };
  const watchNetwork = environment.onNetworkChange ?? (() => () => undefined);
  return { core, clock, pools: [home, peer, media, only], watchNetwork, listeners };
}

/** Asks for a record that nobody has. */
async function probe(relay: Relay, random: Random): Promise<boolean> {
  const body = { type: "record.get", recordId: random(RECORD_ID_BYTES), offset: 0 } as const;
  try {
    await relay.sender.request(body, { timeoutMs: PROBE_MS });
    return true;
  } catch (error) {
    return error instanceof TumarError && !isSilence(error) && error.code !== "LINK_CLOSED";
  }
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

export function poolEnvironment(environment: ClientEnvironment): PoolEnvironment {
  const { transport, clock, random, transportKind } = environment;
  return {
    transport,
    ...(transportKind === undefined ? {} : { transportKind }),
    ...(clock === undefined ? {} : { clock }),
    ...(random === undefined ? {} : { random }),
  };
}

/** For the one connection made before there is a vault. */
export const NO_STORE: AnnouncementStore = {
  announcementOf: () => undefined,
  keepAnnouncement: () => undefined,
};
