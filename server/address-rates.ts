/**
 * How fast one network address may make exchanges and send frames in them, in memory only. On a
 * WebSocket each connection has its own buckets; an exchange has nothing but its address.
 */

import type { AddressNames } from "./address-names.ts";
import type { Clock } from "./clock.ts";
import { TokenBucket } from "./rate.ts";

/** About 2 MB; beyond it the one that asked longest ago begins anew. Names change every hour. */
export const MAX_ADDRESSES = 10_000;

export interface Rates {
  readonly exchanges: TokenBucket;
  readonly frames: TokenBucket;
}

export class AddressRates {
  readonly #perSecond: { readonly exchanges: number; readonly frames: number };
  readonly #names: AddressNames;
  readonly #timer: Clock;
  readonly #rates = new Map<string, Rates>();

  constructor(
    perSecond: { readonly exchanges: number; readonly frames: number },
    names: AddressNames,
    timer: Clock,
  ) {
    this.#perSecond = perSecond;
    this.#names = names;
    this.#timer = timer;
  }

  of(address: string): Rates {
    const name = this.#names.nameOf(address);
    const rates = this.#rates.get(name) ?? this.#full();
    // A map keeps the order of insertion: who asks moves to the end.
    this.#rates.delete(name);
    this.#rates.set(name, rates);
    if (this.#rates.size > MAX_ADDRESSES) this.#forgetOldest();
    return rates;
  }

  #forgetOldest(): void {
    const [oldest] = this.#rates.keys();
    if (oldest !== undefined) this.#rates.delete(oldest);
  }

  #full(): Rates {
    return {
      exchanges: new TokenBucket(this.#perSecond.exchanges, this.#timer),
      frames: new TokenBucket(this.#perSecond.frames, this.#timer),
    };
  }
}
