/**
 * Numbers drawn from a seed (mulberry32 after an FNV-1a hash): the same seed and label give the same
 * run of numbers on every machine. Nothing here is secret or fit for keys.
 */

export class Chance {
  #state: number;

  /** Each label has a run of its own, whatever others draw in between. */
  constructor(seed: number | string, label: string) {
    this.#state = fnv1a(`${seed}\n${label}`);
  }

  /** From 0 up to and without 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  happens(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0;
}
