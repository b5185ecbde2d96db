/**
 * What both kinds of lane share. A lane is one sender and one receiver, each with its own connection:
 *
 *     lane.send(dueMs)     a new 1 KiB envelope; those of one turn leave together
 *     lane.onDelivered     (dueMs) when it has arrived
 *     lane.onDone          (count) when the acknowledgement of so many has come through
 *
 * An envelope begins with the time it was due; the rest is its number and noise.
 */

import { randomFillSync } from "node:crypto";

export const ENVELOPE_BYTES = 1024;
let made = 0;

export function newEnvelope(dueMs) {
  const envelope = new Uint8Array(ENVELOPE_BYTES);
  randomFillSync(envelope, 16, 64);
  const view = new DataView(envelope.buffer);
  view.setFloat64(0, dueMs);
  view.setUint32(8, made++);
  return envelope;
}

export function dueMsOf(envelope) {
  return new DataView(envelope.buffer, envelope.byteOffset).getFloat64(0);
}

/** Collects items and hands them over together at the end of the turn. */
export class EachTurn {
  #items = [];
  #take;

  constructor(take) {
    this.#take = take;
  }

  add(item) {
    this.#items.push(item);
    if (this.#items.length === 1) setImmediate(() => this.#flush());
  }

  #flush() {
    const items = this.#items;
    this.#items = [];
    this.#take(items);
  }
}
