/**
 * One direction of one connection: what comes in goes out in order, each packet when the line has
 * brought it over. Knows no sockets; the end of the stream travels in it like a packet.
 */

import type { Clock } from "../../../client/net/clock.ts";
import type { Chance } from "./chance.ts";
import { type Direction, type Line, PACKET_BYTES } from "./line.ts";

/** Bytes, or how the sender's side ended. */
export type Item = Uint8Array | "end" | "reset";

export interface PipeParts {
  readonly direction: Direction;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Nothing leaves before: the connection is being made. */
  readonly readyAtMs: number;
  deliver(item: Item): void;
}

/** Timers fire a little early. */
const EARLY_MS = 0.01;

interface Waiting {
  readonly item: Item;
  readonly dueMs: number;
}

export class Pipe {
  readonly #parts: PipeParts;
  #line: Line;
  #waiting: Waiting[] = [];
  #cancel: () => void = () => {};
  /** Bytes on their way. */
  heldBytes = 0;
  /** Packets that were lost, and sent again. */
  losses = 0;

  constructor(line: Line, parts: PipeParts) {
    this.#line = line;
    this.#parts = parts;
  }

  push(item: Item): void {
    for (const packet of typeof item === "string" ? [item] : packets(item)) this.#send(packet);
    this.#deliverDue();
  }

  /** The network is another one: what is on its way goes on over that. */
  moveTo(line: Line): void {
    this.#line = line;
    const waiting = this.#waiting.splice(0);
    this.heldBytes = 0;
    for (const { item } of waiting) this.#send(item);
    this.#deliverDue();
  }

  /** Drops what is on its way. */
  close(): void {
    this.#cancel();
    this.#waiting = [];
    this.heldBytes = 0;
  }

  #send(item: Item): void {
    const { clock, direction, chance, readyAtMs } = this.#parts;
    const line = this.#line;
    const bytes = sizeOf(item);
    this.heldBytes += bytes;
    const lastMs = this.#waiting.at(-1)?.dueMs ?? 0;
    const nowMs = clock.now();
    if (line.isStraight) {
      this.#waiting.push({ item, dueMs: Math.max(nowMs, lastMs) });
      return;
    }
    const { atMs, losses } = line.pass(direction, bytes, Math.max(nowMs, readyAtMs), chance);
    this.losses += losses;
    this.#waiting.push({ item, dueMs: Math.max(atMs, lastMs) });
  }

  #deliverDue(): void {
    this.#cancel();
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const inMs = next.dueMs - this.#parts.clock.now();
      if (inMs > EARLY_MS) {
        this.#cancel = this.#parts.clock.after(inMs, () => this.#deliverDue());
        return;
      }
      this.#waiting.shift();
      this.heldBytes -= sizeOf(next.item);
      this.#parts.deliver(next.item);
    }
  }
}

function sizeOf(item: Item): number {
  return typeof item === "string" ? 0 : item.length;
}

function* packets(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PACKET_BYTES)
    yield bytes.subarray(at, at + PACKET_BYTES);
}
