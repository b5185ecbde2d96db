/**
 * Frames to bytes and back, by the frame table.
 *
 *     frame   = CBOR [number, request id, fields of the table in order]
 *     content = frame* ‖ 0x80 ‖ 0x00*          (a CBOR sequence and its padding)
 *
 * Content that is not canonical CBOR is MALFORMED as a whole and ends the connection. A well-formed
 * frame of an unknown type or with a field out of bounds is a `FrameFault`: it gets an `error`
 * answer and the frames around it are taken as if it were not there.
 */

import { utf8 } from "../crypto/bytes.ts";
import { type ErrorCode, errorRow, TumarError } from "../crypto/errors.ts";
import { type CborValue, decodeCbor, decodePaddedSequence, encodeCbor } from "./codec.ts";
import type { AnyListSpec, AnyTupleSpec, BytesSpec, FieldSpec, UintSpec } from "./frame-fields.ts";
import { type FrameSpec, SPEC_BY_NUMBER, SPEC_BY_TYPE } from "./frame-table.ts";
import type { ClientFrame, ErrorFrame, Frame, RelayFrame, RequestId } from "./frames.ts";

export const MAX_REQUEST_ID = 0xffff_ffff;

export interface FrameFault {
  readonly type: "fault";
  /** 0 when the faulty frame has none. */
  readonly requestId: RequestId;
  readonly error: TumarError;
}

/** @throws RangeError when a field is out of the bounds of the table: the caller's mistake. */
export function encodeFrame(frame: Frame): Uint8Array {
  const spec = SPEC_BY_TYPE.get(frame.type);
  if (spec === undefined) throw new RangeError("no such frame");
  checkRequestId(frame);
  const body = frame as unknown as Readonly<Record<string, unknown>>;
  const items: CborValue[] = [spec.number, frame.requestId];
  for (const [name, field] of spec.fields) items.push(fieldToCbor(name, field, body[name]));
  return encodeCbor(items);
}

/** One frame of that sender. @throws TumarError MALFORMED, UNKNOWN_FRAME, BAD_FRAME */
export function decodeFrame(bytes: Uint8Array, from: "client"): ClientFrame;
export function decodeFrame(bytes: Uint8Array, from: "relay"): RelayFrame;
export function decodeFrame(bytes: Uint8Array, from: "client" | "relay"): Frame {
  const frame = parseFrame(decodeCbor(bytes), from);
  if (frame.type === "fault") throw frame.error;
  return frame;
}

/** What a relay reads from a client. @throws TumarError MALFORMED */
export function decodeClientContent(content: Uint8Array): (ClientFrame | FrameFault)[] {
  return decodePaddedSequence(content).map(parseClientFrame);
}

/** As `decodeClientContent`, with the frame given as CBOR items. */
export function parseClientFrame(item: CborValue): ClientFrame | FrameFault {
  return parseFrame(item, "client") as ClientFrame | FrameFault;
}

/** What a client reads from a relay. @throws TumarError MALFORMED, UNKNOWN_FRAME, BAD_FRAME */
export function decodeRelayContent(content: Uint8Array): RelayFrame[] {
  return decodePaddedSequence(content).map((item) => {
    const frame = parseFrame(item, "relay");
    if (frame.type === "fault") throw frame.error;
    return frame as RelayFrame;
  });
}

/** The answer to a request that failed; `data` as the table says for the code. */
export function errorFrame(
  requestId: RequestId,
  code: ErrorCode,
  data: Uint8Array = new Uint8Array(0),
): ErrorFrame {
  const { number } = errorRow(code);
  return { type: "error", requestId, number, message: code, data };
}

function checkRequestId(frame: Frame): void {
  const least = frame.type === "error" ? 0 : 1;
  const { requestId } = frame;
  if (!Number.isInteger(requestId) || requestId < least || requestId > MAX_REQUEST_ID) {
    throw new RangeError("request id out of range");
  }
}

function parseFrame(item: CborValue, from: "client" | "relay"): Frame | FrameFault {
  if (!Array.isArray(item)) return fault(0, "BAD_FRAME", "a frame is an array");
  const [number, requestId] = item as readonly CborValue[];
  const least = from === "relay" && number === ERROR_NUMBER ? 0 : 1;
  if (typeof requestId !== "number" || requestId < least || requestId > MAX_REQUEST_ID) {
    return fault(0, "BAD_FRAME", "a frame has a request id");
  }
  const spec = typeof number === "number" ? SPEC_BY_NUMBER.get(number) : undefined;
  if (spec?.from !== from) return fault(requestId, "UNKNOWN_FRAME", "no such frame");
  return parseBody(spec, requestId, item);
}

const ERROR_NUMBER = SPEC_BY_TYPE.get("error")?.number;

function parseBody(
  spec: FrameSpec,
  requestId: RequestId,
  items: readonly CborValue[],
): Frame | FrameFault {
  if (items.length !== spec.fields.length + 2) {
    return fault(requestId, "BAD_FRAME", `${spec.type} has another number of fields`);
  }
  const frame: Record<string, unknown> = { type: spec.type, requestId };
  try {
    let at = 2;
    for (const [name, field] of spec.fields) frame[name] = fieldFromCbor(name, field, items[at++]);
  } catch (error) {
    if (error instanceof TumarError) return { type: "fault", requestId, error };
    throw error;
  }
  return frame as unknown as Frame;
}

function fault(requestId: RequestId, code: ErrorCode, message: string): FrameFault {
  return { type: "fault", requestId, error: new TumarError(code, message) };
}

function fieldToCbor(name: string, spec: FieldSpec, value: unknown): CborValue {
  switch (spec.kind) {
    case "flag":
      if (typeof value !== "boolean") break;
      return value ? 1 : 0;
    case "list":
      if (!Array.isArray(value) || !isCountAllowed(spec, value.length)) break;
      return value.map((item) => fieldToCbor(name, spec.of, item));
    case "tuple": {
      const body = value as Readonly<Record<string, unknown>>;
      return Object.entries(spec.fields).map(([key, field]) => fieldToCbor(key, field, body[key]));
    }
    default:
      if (!isScalarAllowed(spec, value)) break;
      return value as CborValue;
  }
  throw new RangeError(`field ${name} is out of bounds`);
}

function fieldFromCbor(name: string, spec: FieldSpec, value: CborValue | undefined): unknown {
  switch (spec.kind) {
    case "flag":
      if (value === 0 || value === 1) return value === 1;
      break;
    case "list":
      if (Array.isArray(value) && isCountAllowed(spec, value.length)) {
        return value.map((item) => fieldFromCbor(name, spec.of, item));
      }
      break;
    case "tuple":
      if (Array.isArray(value)) return tupleFromCbor(name, spec, value);
      break;
    default:
      if (isScalarAllowed(spec, value)) return value;
  }
  throw new TumarError("BAD_FRAME", `field ${name} is out of bounds`);
}

function tupleFromCbor(
  name: string,
  spec: AnyTupleSpec,
  items: readonly CborValue[],
): Readonly<Record<string, unknown>> {
  const fields = Object.entries(spec.fields);
  if (items.length !== fields.length) {
    throw new TumarError("BAD_FRAME", `field ${name} has another number of items`);
  }
  return Object.fromEntries(
    fields.map(([key, field], i) => [key, fieldFromCbor(key, field, items[i])]),
  );
}

function isCountAllowed(spec: AnyListSpec, count: number): boolean {
  return count >= spec.min && count <= spec.max;
}

function isScalarAllowed(
  spec: Exclude<FieldSpec, AnyListSpec | AnyTupleSpec>,
  value: unknown,
): boolean {
  switch (spec.kind) {
    case "uint":
      return typeof value === "number" && Number.isSafeInteger(value) && isInBounds(spec, value);
    case "bytes":
      return value instanceof Uint8Array && isInBounds(spec, value.length);
    case "text":
      return typeof value === "string" && utf8(value).length <= spec.max;
    default:
      return false;
  }
}

function isInBounds(spec: UintSpec | BytesSpec, value: number): boolean {
  return spec.oneOf === undefined
    ? value >= spec.min && value <= spec.max
    : spec.oneOf.includes(value);
}
