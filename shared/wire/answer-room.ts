/**
 * How many bytes of an exchange's one answer each client frame keeps for its own answer.
 *
 * The client puts only so many frames into an exchange that their reservations fit the answer; the
 * relay gives an elastic answer what the reservations of the frames still unanswered leave over. So
 * every frame of an exchange is answered, whatever the answers turn out to be.
 *
 *     fixed     the longest answer the frame table allows, or an `error` if that is longer
 *     elastic   record.get, prekeys.take, subscribe, blob.get: a least useful piece, and all that is left over
 *
 * Normative text: docs/PROTOCOL.md 7.
 */

import { ERRORS } from "../crypto/errors.ts";
import { headLength } from "./codec.ts";
import { encodeFrame, errorFrame, type FrameFault, MAX_REQUEST_ID } from "./frame-codec.ts";
import type { FieldSpec } from "./frame-fields.ts";
import { CLIENT_FRAMES, SPEC_BY_TYPE } from "./frame-table.ts";
import type { ClientFrame, FrameType } from "./frames.ts";
import {
  EPOCH_BYTES,
  MAX_CHANNEL_MESSAGE_BYTES,
  MAX_ORDINARY_MESSAGE_BYTES,
  MAX_SEALED_PAIR_BYTES,
  PUZZLE_SEED_BYTES,
} from "./limits.ts";
import {
  BLOB_SLICE_HEAD_BYTES,
  DELIVER_HEAD_BYTES,
  frameRoom,
  PAIR_HEAD_BYTES,
  PAIRS_HEAD_BYTES,
  RECORD_HEAD_BYTES,
} from "./padding.ts";

export interface AnswerRoom {
  /** Encoded bytes of the answer: at most, or of an elastic one at least. */
  readonly bytes: number;
  readonly isElastic: boolean;
}

/** Smaller slices of an envelope, a record or a blob are not worth their heads. */
export const LEAST_SLICE_BYTES = 256;

/** Numbers that an `error` frame of the relay protocol may carry; the text is the code itself. */
const RELAY_CODES = Object.entries(ERRORS)
  .filter(([, { number }]) => number < 100 || (number >= 200 && number < 300))
  .map(([code]) => code as keyof typeof ERRORS);
/** RETRY carries the epoch, PUZZLE_REQUIRED seed and bits. */
const LONGEST_ERROR_DATA = new Uint8Array(Math.max(EPOCH_BYTES, PUZZLE_SEED_BYTES + 1));

/** The longest `error` that answers a frame. */
export const ERROR_ROOM_BYTES: number = Math.max(
  ...RELAY_CODES.map(
    (code) => encodeFrame(errorFrame(MAX_REQUEST_ID, code, LONGEST_ERROR_DATA)).length,
  ),
);

/** `empty`, at its longest: kept beside the envelopes that a subscription hands out. */
export const EMPTY_FRAME_BYTES: number = longestFrame("empty");

const ELASTIC: ReadonlyMap<FrameType, number> = new Map<FrameType, number>([
  ["record.get", RECORD_HEAD_BYTES + LEAST_SLICE_BYTES],
  // one whole pair: pairs have no slices
  ["prekeys.take", PAIRS_HEAD_BYTES + PAIR_HEAD_BYTES + MAX_SEALED_PAIR_BYTES],
  ["blob.get", BLOB_SLICE_HEAD_BYTES + LEAST_SLICE_BYTES],
  ["subscribe", DELIVER_HEAD_BYTES + LEAST_SLICE_BYTES + EMPTY_FRAME_BYTES],
]);

const ROOMS: ReadonlyMap<string, AnswerRoom> = new Map(
  Object.entries(CLIENT_FRAMES).map(([type, { answers }]) => {
    const elastic = ELASTIC.get(type as FrameType);
    const bytes = Math.max(
      elastic ?? 0,
      ERROR_ROOM_BYTES,
      ...(elastic ? [] : answers.map(longestFrame)),
    );
    return [type, { bytes, isElastic: elastic !== undefined }];
  }),
);

/** A frame that cannot be read is answered with an `error`. */
const FAULT_ROOM: AnswerRoom = { bytes: ERROR_ROOM_BYTES, isElastic: false };

export function answerRoom(type: ClientFrame["type"] | FrameFault["type"]): AnswerRoom {
  return ROOMS.get(type) ?? FAULT_ROOM;
}

/** Bytes of frames that the answer of an exchange holds, if it has `bucket` bytes. */
export function exchangeRoom(bucket: number): number {
  return frameRoom("message2", bucket);
}

/** The longest answer that a `blob.get` of `length` bytes can use. */
export function blobAnswerBytes(length: number): number {
  const needed = BLOB_SLICE_HEAD_BYTES + length;
  return needed > exchangeRoom(MAX_ORDINARY_MESSAGE_BYTES)
    ? MAX_CHANNEL_MESSAGE_BYTES
    : MAX_ORDINARY_MESSAGE_BYTES;
}

/** A frame that waits to be sent, with the bytes `encodeFrame` made of it. */
export interface WaitingFrame {
  readonly type: ClientFrame["type"];
  readonly bytes: Uint8Array;
}

/**
 * How many of `frames`, from the first on, one exchange takes: `request` bytes hold the frames,
 * `answer` bytes their answers.
 */
export function countForExchange(
  frames: readonly WaitingFrame[],
  { request, answer }: { readonly request: number; readonly answer: number },
): number {
  let [requestLeft, answerLeft, count] = [request, answer, 0];
  for (const { type, bytes } of frames) {
    requestLeft -= bytes.length;
    answerLeft -= answerRoom(type).bytes;
    if (requestLeft < 0 || answerLeft < 0) break;
    count += 1;
  }
  return count;
}

/** The longest encoding of a frame of that type. */
function longestFrame(type: FrameType): number {
  const spec = SPEC_BY_TYPE.get(type);
  if (spec === undefined) throw new RangeError("no such frame");
  const fields = spec.fields.map(([, field]) => longestField(field));
  const head = headLength(fields.length + 2) + headLength(spec.number) + headLength(MAX_REQUEST_ID);
  return head + sum(fields);
}

function longestField(spec: FieldSpec): number {
  switch (spec.kind) {
    case "flag":
      return 1;
    case "uint":
      return headLength(spec.max);
    case "bytes":
    case "text":
      return headLength(spec.max) + spec.max;
    case "list":
      return headLength(spec.max) + spec.max * longestField(spec.of);
    case "tuple": {
      const items = Object.values(spec.fields).map(longestField);
      return headLength(items.length) + sum(items);
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
