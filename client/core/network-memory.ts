/**
 * The vault's memory of what works in which network, as client/net asks for it. Held in memory; each
 * change is written to the vault in its own time, and a lost one costs one attempt more.
 */

import type { Random } from "../../shared/crypto/bytes.ts";
import { toHex } from "../../shared/crypto/bytes.ts";
import type { Remembered } from "../net/choice-numbers.ts";
import type { TransportMemory } from "../net/relay-pool.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Vault } from "../vault/vault.ts";
import {
  getNetworkKey,
  listWorked,
  networkName,
  putWorked,
  type WorkedRow,
} from "./state/networks.ts";

export interface NetworkMemoryOptions {
  readonly vault: Vault;
  /** Tells one network from another; the same text for the same one. */
  readonly network: () => string;
  readonly random: Random;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class NetworkMemory implements TransportMemory {
  readonly #options: NetworkMemoryOptions;
  /** By network and the relay's place: what this process learned, or has read. */
  readonly #rows = new Map<string, WorkedRow | undefined>();
  readonly #key: Uint8Array | undefined;
  readonly #stored: ReadonlyMap<string, readonly WorkedRow[]>;

  /** What other processes of this vault learn later is known with the next start. */
  constructor(options: NetworkMemoryOptions, view: VaultView) {
    this.#options = options;
    this.#key = getNetworkKey(view);
    this.#stored = new Map(listWorked(view));
  }

  recall(relay: Uint8Array): Remembered | undefined {
    const network = this.#options.network();
    const key = keyOf(network, relay);
    if (!this.#rows.has(key)) this.#rows.set(key, this.#storedRow(network, relay));
    const row = this.#rows.get(key);
    if (row === undefined) return undefined;
    const { kind, loweredBy, learnedAt } = row;
    return { kind, loweredBy, ageMs: this.#options.now() - learnedAt * 1000 };
  }

  keep(relay: Uint8Array, { kind, loweredBy }: Omit<Remembered, "ageMs">): void {
    const { vault, network, random, now } = this.#options;
    const place = network();
    const row = { relay, kind, loweredBy, learnedAt: Math.floor(now() / 1000) };
    this.#rows.set(keyOf(place, relay), row);
    vault.transaction((tx) => putWorked(tx, place, row, random)).catch(() => undefined);
  }

  #storedRow(network: string, relay: Uint8Array): WorkedRow | undefined {
    if (this.#key === undefined) return undefined;
    const worked = this.#stored.get(networkName(this.#key, network)) ?? [];
    return worked.find((row) => toHex(row.relay) === toHex(relay));
  }
}

function keyOf(network: string, relay: Uint8Array): string {
  return `${toHex(relay)}/${network}`;
}
