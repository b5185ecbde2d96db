/**
 * How fast one network address may make exchanges and send frames in them, in memory only. On a
 * WebSocket each connection has its own buckets; an exchange has nothing but its address.
 */

import type { AddressNames } from "./address-names.ts";
import type { Clock } from "./clock.ts";
import { TokenBucket } from "./rate.ts";

/** Then all begin anew with full buckets: about 2 MB. Names change every hour, so few stay long. */
const MAX_ADDRESSES = 10_000;

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
    const known = this.#rates.get(name);
    if (known !== undefined) return known;
    if (this.#rates.size >= MAX_ADDRESSES) this.#rates.clear();
    const rates = {
      exchanges: new TokenBucket(this.#perSecond.exchanges, this.#timer),
      frames: new TokenBucket(this.#perSecond.frames, this.#timer),
    };
    this.#rates.set(name, rates);
    return rates;
  }
}
