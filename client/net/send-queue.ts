/**
 * What waits to be sent on one connection, in order: what must go out again first, then the rest.
 * Each item knows the proof it depends on and whether it has used its one repetition.
 */

import type { Outgoing } from "./outgoing.ts";
import type { ProveRequest } from "./prove-request.ts";

export interface Item {
  readonly outgoing: Outgoing;
  readonly proof: ProveRequest | undefined;
  wasInMessage1: boolean;
  wasRepeated: boolean;
  isUnanswered: boolean;
}

export function newItem(outgoing: Outgoing, proof: ProveRequest | undefined): Item {
  return { outgoing, proof, wasInMessage1: false, wasRepeated: false, isUnanswered: false };
}

export class SendQueue {
  #again: Item[] = [];
  #items: Item[] = [];

  get isEmpty(): boolean {
    return this.#again.length === 0 && this.#items.length === 0;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Before all that was not sent yet, after what was repeated before it. */
  repeat(item: Item): void {
    this.#again.push(item);
  }

  /** The next items: at most `count`, of at most `bytes` in all. What is settled is dropped. */
  take(count: number, bytes: number): Item[] {
    const taken: Item[] = [];
    let left = bytes;
    while (taken.length < count) {
      const lane = this.#again.length > 0 ? this.#again : this.#items;
      const [next] = lane;
      if (next === undefined) break;
      if (!next.outgoing.isSettled) {
        if (next.outgoing.size > left) break;
        left -= next.outgoing.size;
        taken.push(next);
      }
      lane.shift();
    }
    return taken;
  }

  /** Empties the queue. */
  takeAll(): Item[] {
    const all = [...this.#again, ...this.#items];
    this.#again = [];
    this.#items = [];
    return all;
  }
}
