/** The relays of one client by address, and the clock they share. */

import { EMPTY, type Random, utf8 } from "../../shared/crypto/bytes.ts";
import { H } from "../../shared/crypto/hash.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import {
  formatRelayAddress,
  type RelayAddress,
  type RelayHash,
} from "../../shared/e2ee/relay-address.ts";
import { type BackoffPolicy, DEFAULT_BACKOFF } from "./backoff.ts";
import type { ChoiceNumbers, Remembered } from "./choice-numbers.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { TransportKind } from "./connection.ts";
import {
  type ConnectionTimings,
  DEFAULT_MAX_BUFFERED_BYTES,
  DEFAULT_TIMINGS,
} from "./connection-context.ts";
import { RelayClock } from "./relay-clock.ts";
import { RelayLink } from "./relay-link.ts";
import type { Relay } from "./requests.ts";
import type { Transport } from "./transport.ts";
import { TransportChoice } from "./transport-choice.ts";

export const DEFAULT_IDLE_MS = 300_000;
export const DEFAULT_RESUBSCRIBE_MS = 5_000;

/** All but the transport has a default; tests pass a clock and randomness. */
export interface PoolEnvironment {
  readonly transport: Transport;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly timings?: Partial<ConnectionTimings>;
  readonly backoff?: Partial<BackoffPolicy>;
  /** The only kind of connection used; without it, what works. */
  readonly transportKind?: TransportKind;
  /** Without it, each run learns anew what works. */
  readonly memory?: TransportMemory;
  readonly choice?: Partial<ChoiceNumbers>;
  /** Shared by pools of one device: what one finds out about a network, the others need not. */
  readonly choices?: Map<string, TransportChoice>;
  /** Other ways to the relay with this key: what the user added, never what a contact said. */
  readonly doorsOf?: (relay: RelayHash) => readonly RelayAddress[];
  readonly idleMs?: number;
  readonly resubscribeMs?: number;
  readonly maxBufferedBytes?: number;
}

/**
 * What the client keeps of each relay between runs: the last announcement that each channel was shown,
 * by `owner https://host#k=…` and `sender https://host#k=…`. They must never meet (relay-link.ts).
 */
export interface AnnouncementStore {
  announcementOf(place: string): Uint8Array | undefined;
  /** Called seldom: when a relay shows a newer channel key. */
  keepAnnouncement(place: string, announcement: Uint8Array): void;
}

/** What worked with the relay at each address, of which `place` is a hash, in the network the device is in. */
export interface TransportMemory {
  recall(place: Uint8Array): Remembered | undefined;
  keep(place: Uint8Array, remembered: Omit<Remembered, "ageMs">): void;
}

const PLACE_BYTES = 16;

function placeOf(name: string): Uint8Array {
  return H(EMPTY, "transport-memory", utf8(name), PLACE_BYTES);
}

export class RelayPool {
  readonly clock: RelayClock;
  readonly #environment: PoolEnvironment;
  readonly #store: AnnouncementStore;
  readonly #links = new Map<string, RelayLink>();
  readonly #choices: Map<string, TransportChoice>;
  #isClosed = false;

  /** `newestHour` is the newest hour known from earlier runs. */
  constructor(environment: PoolEnvironment, store: AnnouncementStore, newestHour?: number) {
    this.#environment = environment;
    this.#choices = environment.choices ?? new Map();
    this.#store = store;
    this.clock = new RelayClock(newestHour);
  }

  /** The same object for the same address. Nothing is opened until something is asked of it. */
  relay(address: RelayAddress): Relay {
    const name = formatRelayAddress(address);
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const link = this.#newLink(name, address);
    this.#links.set(name, link);
    if (this.#isClosed) link.close();
    return link;
  }

  networkChanged(): void {
    for (const link of this.#links.values()) link.networkChanged();
  }

  /** What is asked of a relay from now on is LINK_CLOSED. */
  close(): void {
    this.#isClosed = true;
    for (const link of this.#links.values()) link.close();
  }

  /** One for each address: what stands elsewhere and names the relay's key says nothing of the relay's own. */
  #choiceFor(name: string): TransportChoice {
    const known = this.#choices.get(name);
    if (known !== undefined) return known;
    const { clock = systemClock, transportKind, memory, choice: numbers = {} } = this.#environment;
    const place = placeOf(name);
    const choice = new TransportChoice({
      clock,
      forced: transportKind,
      numbers,
      recall: () => memory?.recall(place),
      keep: (remembered) => memory?.keep(place, remembered),
    });
    this.#choices.set(name, choice);
    return choice;
  }

  #newLink(name: string, address: RelayAddress): RelayLink {
    const environment = this.#environment;
    return new RelayLink(address, {
      environment: {
        transport: environment.transport,
        clock: environment.clock ?? systemClock,
        random: environment.random ?? systemRandom,
        timings: { ...DEFAULT_TIMINGS, ...environment.timings },
        maxBufferedBytes: environment.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
      },
      backoff: { ...DEFAULT_BACKOFF, ...environment.backoff },
      choice: this.#choiceFor(name),
      doors: () => environment.doorsOf?.(address.hash) ?? [],
      idleMs: environment.idleMs ?? DEFAULT_IDLE_MS,
      resubscribeMs: environment.resubscribeMs ?? DEFAULT_RESUBSCRIBE_MS,
      announcementOf: (channel) => this.#store.announcementOf(`${channel} ${name}`),
      keepAnnouncement: (channel, announcement) =>
        this.#store.keepAnnouncement(`${channel} ${name}`, announcement),
      onHour: (hour) => this.clock.observe(name, hour),
    });
  }
}
