/**
 * Channel messages have one of four sizes, whatever they carry; the answer to an exchange one of five.
 *
 *     message   = kind byte ‖ Noise message          exactly one of CHANNEL_BUCKETS (ANSWER_BUCKETS)
 *     plaintext = content ‖ 0x80 ‖ 0x00*
 *
 * `packFrames` puts as many frames as fit into each message.
 */

import { concat } from "../crypto/bytes.ts";
import { PADDING_MARK } from "./codec.ts";
import { ANSWER_BUCKETS, CHANNEL_BUCKETS, MAX_CHANNEL_MESSAGE_BYTES } from "./limits.ts";
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
export function frameRoom(phase: MessagePhase, bucket: number = MAX_CHANNEL_MESSAGE_BYTES): number {
  return bucket - OVERHEAD[phase];
}

/** Head of a `deliver` frame at its longest: what a slice of an envelope needs beside its bytes. */
export const DELIVER_HEAD_BYTES = 65;
/** Head of a `record` frame at its longest. */
export const RECORD_HEAD_BYTES = 43;
/** A `pairs` frame without pairs, and what each pair adds to its sealed bytes, at their longest. */
export const PAIRS_HEAD_BYTES = 11;
export const PAIR_HEAD_BYTES = 38;

export function isBucket(length: number): boolean {
  return CHANNEL_BUCKETS.includes(length);
}

/** Of message 2 in an exchange. */
export function isAnswerBucket(length: number): boolean {
  return ANSWER_BUCKETS.includes(length);
}

/**
 * The plaintext of a message: `parts` one after the other, padded so that the message, with `overhead`
 * bytes of Noise and its kind byte, fills `bucket`, or the smallest bucket that holds them.
 * @throws RangeError when they do not fit: pack frames first.
 */
export function padContent(
  parts: readonly Uint8Array[],
  overhead: number,
  bucket?: number,
): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const needed = length + overhead + FRAMING_BYTES;
  const size = bucket ?? CHANNEL_BUCKETS.find((candidate) => candidate >= needed);
  if (size === undefined || size < needed) throw new RangeError("frames do not fit the message");
  if (!isAnswerBucket(size)) throw new RangeError("not the size of a channel message");
  const out = new Uint8Array(size - overhead - 1);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  out[at] = PADDING_MARK;
  return out;
}

/**
 * Encoded frames in order, grouped so that each group fits one message: the first of `first` bytes,
 * the others of `room`. A frame that fits none is a RangeError: frame bounds prevent it.
 */
export function packFrames(
  frames: readonly Uint8Array[],
  first: number,
  room: number = first,
): Uint8Array[][] {
  const groups: Uint8Array[][] = [[]];
  let left = first;
  for (const frame of frames) {
    if (frame.length > left) {
      if (frame.length > room) throw new RangeError("frame does not fit a channel message");
      groups.push([]);
      left = room;
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
