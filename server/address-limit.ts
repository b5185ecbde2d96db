/**
 * Counts connections or exchanges per network address, in memory only.
 *
 * An address is kept under a name that is a keyed hash (address-names.ts); when the key changes, old
 * counts live only until what they count is over.
 */

import type { AddressNames } from "./address-names.ts";

/** Gives back the place it stands for; once. */
export type Release = () => void;

export class AddressLimit {
  readonly #perAddress: number;
  readonly #total: number;
  readonly #names: AddressNames;
  readonly #counts = new Map<string, number>();
  #open = 0;

  constructor(
    limits: { readonly perAddress: number; readonly total: number },
    names: AddressNames,
  ) {
    this.#perAddress = limits.perAddress;
    this.#total = limits.total;
    this.#names = names;
  }

  get open(): number {
    return this.#open;
  }

  get isFull(): boolean {
    return this.#open >= this.#total;
  }

  /** undefined when this address, or the relay, has as many open as it may. */
  enter(address: string): Release | undefined {
    const name = this.#names.nameOf(address);
    const count = this.#counts.get(name) ?? 0;
    if (count >= this.#perAddress || this.isFull) return undefined;
    this.#counts.set(name, count + 1);
    this.#open += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#leave(name);
      isHeld = false;
    };
  }

  #leave(name: string): void {
    const count = this.#counts.get(name) ?? 0;
    if (count <= 1) this.#counts.delete(name);
    else this.#counts.set(name, count - 1);
    this.#open -= 1;
  }
}
