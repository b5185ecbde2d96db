/**
 * What waits to be sent on one connection, in order: what must go out again first, then the rest, and
 * parts of blobs behind all of it. Each item knows the proof it depends on and whether it has used its
 * one repetition.
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

/** Bytes of frames that one message holds: an ordinary one, and the largest. */
export interface Room {
  readonly ordinary: number;
  readonly largest: number;
  /** It is message 1, and the next one has to wait for its answer. */
  readonly isFirst: boolean;
}

export class SendQueue {
  #again: Item[] = [];
  #items: Item[] = [];
  #bulk: Item[] = [];

  get isEmpty(): boolean {
    return this.#again.length + this.#items.length + this.#bulk.length === 0;
  }

  /** Nothing waits but parts of blobs. */
  get isBulkNext(): boolean {
    return this.#again.length + this.#items.length === 0 && this.#bulk.length > 0;
  }

  push(item: Item): void {
    const { isBulk = false, isAwaited = false } = item.outgoing;
    if (isBulk && isAwaited) this.#bulk.splice(this.#awaited, 0, item);
    else if (isBulk) this.#bulk.push(item);
    else this.#items.push(item);
  }

  /** Before all that was not sent yet, after what was repeated before it. */
  repeat(item: Item): void {
    this.#again.push(item);
  }

  /** The next items for one message: at most `count`. What is settled is dropped. */
  take(count: number, room: Room): Item[] {
    const taken: Item[] = [];
    let used = 0;
    while (taken.length < count) {
      const next = this.#next();
      if (next === undefined || !mayJoin(next.outgoing, taken, used, room)) break;
      this.#drop(next);
      used += next.outgoing.size;
      taken.push(next);
      // A slice fills its message; a second one would leave much of a larger one empty.
      if (next.outgoing.type === "blob.append") break;
    }
    return taken;
  }

  /** Empties the queue. */
  takeAll(): Item[] {
    const all = [...this.#again, ...this.#items, ...this.#bulk];
    this.#again = [];
    this.#items = [];
    this.#bulk = [];
    return all;
  }

  get #awaited(): number {
    const behind = this.#bulk.findIndex(({ outgoing }) => outgoing.isAwaited !== true);
    return behind < 0 ? this.#bulk.length : behind;
  }

  /** The first that is not settled. */
  #next(): Item | undefined {
    for (const lane of [this.#again, this.#items, this.#bulk]) {
      while (lane[0]?.outgoing.isSettled === true) lane.shift();
      if (lane[0] !== undefined) return lane[0];
    }
    return undefined;
  }

  #drop(first: Item): void {
    [this.#again, this.#items, this.#bulk].find((lane) => lane[0] === first)?.shift();
  }
}

/**
 * Parts of blobs have messages of their own, so that nothing waits for their bytes. In message 1 only
 * what needs no other bytes before it goes along: a question, or the beginning beside `blob.create`.
 */
function mayJoin(
  { size, type, isBulk = false }: Outgoing,
  taken: readonly Item[],
  used: number,
  { ordinary, largest, isFirst }: Room,
): boolean {
  if (used + size > (size > ordinary ? largest : ordinary)) return false;
  if (!isBulk || taken.every(({ outgoing }) => outgoing.isBulk === true)) return true;
  const isBeginning = taken.some(({ outgoing }) => outgoing.type === "blob.create");
  return isFirst && (type === "blob.get" || isBeginning);
}
