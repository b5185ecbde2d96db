/**
 * The order in which messages of one sending device are shown: by seq, where a gap holds back what
 * follows it for at most 60 seconds. What comes after its turn is shown at once. Nothing is ever
 * dropped here; doubles are found by message id before.
 */

export const MAX_GAP_WAIT_MS = 60_000;

export interface Waiting<Item> {
  readonly seq: number;
  readonly arrivedMs: number;
  readonly item: Item;
}

export interface Order<Item> {
  /** The seq whose turn it is. */
  readonly next: number;
  /** Ascending by seq. */
  readonly waiting: readonly Waiting<Item>[];
}

export interface Ordered<Item> {
  readonly order: Order<Item>;
  /** To be shown now, in this order. */
  readonly ready: readonly Item[];
}

export const FIRST_ORDER: Order<never> = { next: 1, waiting: [] };

/** A message came in. */
export function arrive<Item>(
  order: Order<Item>,
  seq: number,
  item: Item,
  nowMs: number,
): Ordered<Item> {
  if (seq < order.next) return { order, ready: [item] };
  const at = order.waiting.findIndex((other) => other.seq > seq);
  const place = at < 0 ? order.waiting.length : at;
  const waiting = order.waiting.toSpliced(place, 0, { seq, arrivedMs: nowMs, item });
  return release({ next: order.next, waiting }, nowMs);
}

/** Time passed: gaps older than MAX_GAP_WAIT_MS are given up, up to the message that waited for them. */
export function release<Item>(order: Order<Item>, nowMs: number): Ordered<Item> {
  let { next } = order;
  let count = 0;
  order.waiting.forEach((message, i) => {
    // Or before it came: the clock was set back, and nobody knows how long it waited.
    const waited = Math.abs(nowMs - message.arrivedMs) >= MAX_GAP_WAIT_MS;
    const inTurn = count === i && message.seq <= next;
    if (!waited && !inTurn) return;
    next = Math.max(next, message.seq + 1);
    count = i + 1;
  });
  const ready = order.waiting.slice(0, count).map(({ item }) => item);
  return { order: { next, waiting: order.waiting.slice(count) }, ready };
}

/** When `release` has something to do next; undefined when nothing waits. */
export function nextReleaseMs<Item>(order: Order<Item>): number | undefined {
  const arrivals = order.waiting.map((message) => message.arrivedMs);
  return arrivals.length === 0 ? undefined : Math.min(...arrivals) + MAX_GAP_WAIT_MS;
}
