/**
 * Channel messages have one of five sizes, whatever they carry.
 *
 *     message   = kind byte ‖ Noise message          exactly one of CHANNEL_BUCKETS
 *     plaintext = content ‖ 0x80 ‖ 0x00*
 *
 * The largest is for a frame that fits no other, which only slices of blobs can be, and for the answer
 * to an exchange that asked for it. `packFrames` puts as many frames as fit into each message.
 */

import { concat } from "../crypto/bytes.ts";
import { PADDING_MARK } from "./codec.ts";
import {
  CHANNEL_BUCKETS,
  MAX_CHANNEL_MESSAGE_BYTES,
  MAX_ORDINARY_MESSAGE_BYTES,
} from "./limits.ts";
import { HANDSHAKE_OVERHEAD_BYTES, TRANSPORT_OVERHEAD_BYTES } from "./noise.ts";

/** Kind byte and padding mark. */
const FRAMING_BYTES = 2;
const EMPTY_EPOCH_ITEM_BYTES = 1;
const EPOCH_ITEM_BYTES = 17;

export type MessagePhase = "message1" | "message1WithoutEpoch" | "message2" | "transport";

/** Bytes of a message that carry no frame. */
const OVERHEAD: Readonly<Record<MessagePhase, number>> = {
  message1: FRAMING_BYTES + HANDSHAKE_OVERHEAD_BYTES + EPOCH_ITEM_BYTES,
  message1WithoutEpoch: FRAMING_BYTES + HANDSHAKE_OVERHEAD_BYTES + EMPTY_EPOCH_ITEM_BYTES,
  message2: FRAMING_BYTES + HANDSHAKE_OVERHEAD_BYTES,
  transport: FRAMING_BYTES + TRANSPORT_OVERHEAD_BYTES,
};

/** Bytes of encoded frames that fit into one message of `bucket` bytes. */
export function frameRoom(
  phase: MessagePhase,
  bucket: number = MAX_ORDINARY_MESSAGE_BYTES,
): number {
  return bucket - OVERHEAD[phase];
}

/** What fits an ordinary message, and the largest. */
export interface MessageRoom {
  readonly ordinary: number;
  readonly largest: number;
}

export function messageRoom(phase: MessagePhase): MessageRoom {
  return { ordinary: frameRoom(phase), largest: frameRoom(phase, MAX_CHANNEL_MESSAGE_BYTES) };
}

/** Head of a `deliver` frame at its longest: what a slice of an envelope needs beside its bytes. */
export const DELIVER_HEAD_BYTES = 65;
/** Head of a `record` frame at its longest. */
export const RECORD_HEAD_BYTES = 43;
/** A `pairs` frame without pairs, and what each pair adds to its sealed bytes, at their longest. */
export const PAIRS_HEAD_BYTES = 11;
export const PAIR_HEAD_BYTES = 38;
/** Heads of `blob.append` and `blob.slice` frames at their longest. */
export const BLOB_APPEND_HEAD_BYTES = 72;
export const BLOB_SLICE_HEAD_BYTES = 35;

export function isBucket(length: number): boolean {
  return CHANNEL_BUCKETS.includes(length);
}

/**
 * The plaintext of a message: `parts` one after the other, padded so that the message, with `overhead`
 * bytes of Noise and its kind byte, fills `bucket`, or the smallest bucket that holds them.
 * @throws RangeError when they do not fit, or only the largest bucket would hold them and no one part
 *   needs it: pack frames first.
 */
export function padContent(
  parts: readonly Uint8Array[],
  overhead: number,
  bucket?: number,
): Uint8Array {
  let [length, longest] = [0, 0];
  for (const part of parts) {
    length += part.length;
    longest = Math.max(longest, part.length);
  }
  const around = overhead + FRAMING_BYTES;
  const size = bucket ?? bucketFor(length + around, longest + around);
  if (size === undefined || size < length + around) {
    throw new RangeError("frames do not fit the message");
  }
  if (!isBucket(size)) throw new RangeError("not the size of a channel message");
  const out = new Uint8Array(size - overhead - 1);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  out[at] = PADDING_MARK;
  return out;
}

/** The smallest for so many bytes; the largest only when `longest`, of one frame, fits no other. */
function bucketFor(needed: number, longest: number): number | undefined {
  const size = CHANNEL_BUCKETS.find((candidate) => candidate >= needed);
  const isTooMuch = size === MAX_CHANNEL_MESSAGE_BYTES && longest <= MAX_ORDINARY_MESSAGE_BYTES;
  return isTooMuch ? undefined : size;
}

/**
 * Encoded frames in order, grouped so that each group fits one message: the first has the room
 * `first`, the others `room`. A frame that is too long for an ordinary message begins one of the
 * largest. A frame that fits none is a RangeError: frame bounds prevent it.
 */
export function packFrames(
  frames: readonly Uint8Array[],
  first: MessageRoom,
  room: MessageRoom = first,
): Uint8Array[][] {
  const groups: Uint8Array[][] = [[]];
  let next = first;
  let left = first.ordinary;
  for (const frame of frames) {
    const isEmpty = groups.at(-1)?.length === 0;
    if (frame.length > left) {
      if (!isEmpty || frame.length > next.largest) {
        groups.push([]);
        next = room;
      }
      left = frame.length > next.ordinary ? next.largest : next.ordinary;
      if (frame.length > left) throw new RangeError("frame does not fit a channel message");
    }
    groups.at(-1)?.push(frame);
    left -= frame.length;
  }
  return groups;
}

/** The message on the wire. */
export function withKind(kind: number, body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(kind), body);
}
