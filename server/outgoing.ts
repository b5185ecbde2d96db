/**
 * Frames that wait to be sent on one connection, already encoded, and how they are grouped into
 * channel messages: as few as fit, but none padded to more than three times what it holds when a
 * smaller bucket would carry the beginning. The largest is for a frame that fits no other.
 */

import {
  CHANNEL_BUCKETS,
  MAX_CHANNEL_MESSAGE_BYTES,
  MAX_ORDINARY_MESSAGE_BYTES,
} from "../shared/wire/limits.ts";

const MOST_PADDING = 3;

/** Bytes of frames that fit into a message of that bucket. */
export type RoomOf = (bucket: number) => number;

export interface Group {
  readonly frames: readonly Uint8Array[];
  readonly bucket: number;
}

export class Outgoing {
  #frames: Uint8Array[] = [];
  #bytes = 0;
  /** Largest message the peer takes, slices of blobs apart. */
  maxBucket: number = MAX_ORDINARY_MESSAGE_BYTES;

  /** Bytes of frames that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  push(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
  }

  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
  }

  /** Takes everything out; `roomOf` is asked again for each group. */
  *groups(roomOf: RoomOf): Generator<Group> {
    let left = this.#frames;
    let bytes = this.#bytes;
    this.clear();
    while (left.length > 0) {
      const bucket = this.#bucketFor(bytes, left[0]?.length ?? 0, roomOf);
      const count = countFitting(left, roomOf(bucket));
      const frames = left.slice(0, count);
      left = left.slice(count);
      for (const frame of frames) bytes -= frame.length;
      yield { frames, bucket };
    }
  }

  /** The smallest that holds all, or the one below when that would be mostly padding. */
  #bucketFor(bytes: number, first: number, roomOf: RoomOf): number {
    const buckets = CHANNEL_BUCKETS.filter((bucket) => bucket <= this.maxBucket);
    const at = buckets.findIndex((bucket) => roomOf(bucket) >= bytes);
    const bucket = buckets.at(at) ?? MAX_ORDINARY_MESSAGE_BYTES;
    if (first > roomOf(bucket)) return MAX_CHANNEL_MESSAGE_BYTES;
    const below = buckets[at - 1];
    const isWasteful = below !== undefined && at > 0 && bytes * MOST_PADDING < bucket;
    return isWasteful && first <= roomOf(below) ? below : bucket;
  }
}

/** At least one: a frame that fits no message is the caller's mistake, which `seal` reports. */
function countFitting(frames: readonly Uint8Array[], room: number): number {
  let left = room;
  let count = 0;
  for (const frame of frames) {
    left -= frame.length;
    if (left < 0) break;
    count += 1;
  }
  return Math.max(1, count);
}
