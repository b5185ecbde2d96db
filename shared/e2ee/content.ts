/**
 * What is inside a ratchet frame: one message with its head.
 *
 *      0            16          32        40        44            60            76      77
 *     +------------+-----------+---------+---------+-------------+-------------+-------+--------+
 *     | message id | device id | seq u64 | hour u32| sender's set| reader's set| kind  | body   |
 *     +------------+-----------+---------+---------+-------------+-------------+-------+--------+
 *
 * The device is the sender's; seq counts from 1 per (sending device, recipient identity) and
 * outlives sessions. The sets are the hashes of the statements the sender knows about both sides.
 * A kind of a later version, and a body that does not have its form, is kept as it came, not lost:
 * `readContent` gives it as `unsupported`, and `decodeBody` is for a version that knows it.
 * Normative text: docs/CRYPTOGRAPHY.md 9.
 */

import {
  ByteReader,
  type Bytes,
  concat,
  copyExact,
  fromUtf8,
  lp,
  u8,
  u32,
  u64,
  utf8,
} from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { DEVICE_ID_BYTES, type DeviceId, parseDeviceId } from "./device.ts";
import { encodeGrantList, type GrantPlace, readGrantList } from "./grant.ts";
import {
  decodeMedia,
  decodeMediaUpdate,
  encodeMedia,
  encodeMediaUpdate,
  type Media,
  type MediaUpdate,
} from "./media.ts";
import { COMMITMENT_BYTES } from "./ratchet-keys.ts";
import { decodeStatusPlaces, encodeStatusPlaces, type StatusPlace } from "./status-record.ts";

export type MessageId = Bytes<"MessageId">;

export const MESSAGE_ID_BYTES = 16;
export const SET_HASH_BYTES = 16;
/** 16 + 16 + 8 + 4 + 16 + 16 + 1 */
export const CONTENT_HEAD_BYTES = 77;
/** 48 × 16 = 768 of the 776 bytes in the smallest envelope: a receipt looks like a short text. */
export const MAX_READ_IDS = 48;

export const KINDS = {
  text: 1,
  read: 2,
  grant: 3,
  status: 4,
  statements: 5,
  reset: 6,
  alert: 7,
  clip: 8,
  photo: 9,
  voice: 10,
  file: 11,
  "media-update": 12,
} as const;

export type MediaKind = "clip" | "photo" | "voice" | "file";

export type MessageBody =
  | { readonly kind: "text"; readonly text: string }
  /** Text that shall be seen now: goes first, and waits for no gap. */
  | { readonly kind: "alert"; readonly text: string }
  /** A person has read these messages of the reader of this one; 1 to `MAX_READ_IDS`. */
  | { readonly kind: "read"; readonly messageIds: readonly MessageId[] }
  /** Where to write to the sending device from now on; replaces the earlier list. */
  | { readonly kind: "grant"; readonly places: readonly GrantPlace[] }
  /** Where the sender's status record is now; replaces the earlier list. */
  | { readonly kind: "status"; readonly places: readonly StatusPlace[] }
  /** Statements the reader lacks, each in its own canonical encoding, unverified. */
  | { readonly kind: "statements"; readonly statements: readonly Uint8Array[] }
  /** Clear commitments of frames that could not be opened. */
  | { readonly kind: "reset"; readonly commitments: readonly Uint8Array[] }
  /** Something in a blob; a file is never shown, only saved. */
  | { readonly kind: MediaKind; readonly media: Media }
  /** Where a blob is now, or its end. */
  | { readonly kind: "media-update"; readonly update: MediaUpdate }
  /** A kind or form this version does not know: kept for one that does. */
  | { readonly kind: "unsupported"; readonly number: number; readonly bytes: Uint8Array };

/** What a person wrote. */
export type WrittenBody = Extract<MessageBody, { readonly text: string }>;
/** What a person sent from a file or a camera. */
export type MediaBody = Extract<MessageBody, { readonly media: Media }>;

export interface Content {
  readonly messageId: MessageId;
  readonly deviceId: DeviceId;
  readonly seq: number;
  /** Hours since 1970-01-01T00:00Z by the sender's relay time. */
  readonly hour: number;
  readonly senderSet: Uint8Array;
  readonly readerSet: Uint8Array;
  readonly body: MessageBody;
}

export function parseMessageId(bytes: Uint8Array): MessageId {
  return copyExact(bytes, MESSAGE_ID_BYTES, "message id");
}

export function isWritten(body: MessageBody): body is WrittenBody {
  return body.kind === "text" || body.kind === "alert";
}

export function isMedia(body: MessageBody): body is MediaBody {
  return "media" in body;
}

export function encodeContent(content: Content): Uint8Array {
  const { messageId, deviceId, seq, hour, senderSet, readerSet, body } = content;
  const head = concat(messageId, deviceId, u64(seq), u32(hour), senderSet, readerSet);
  if (head.length + 1 !== CONTENT_HEAD_BYTES) throw new RangeError("a field of the head is wrong");
  return concat(head, u8(kindNumber(body)), encodeBody(body));
}

/** @throws TumarError MALFORMED */
export function decodeContent(bytes: Uint8Array): Content {
  const { head, number, rest } = split(bytes);
  return { ...head, body: decodeBody(number, rest) };
}

/**
 * As `decodeContent`, for what came over a session: a body that cannot be read is `unsupported`.
 * @throws TumarError MALFORMED when the head cannot be read
 */
export function readContent(bytes: Uint8Array): Content {
  const { head, number, rest } = split(bytes);
  try {
    return { ...head, body: decodeBody(number, rest) };
  } catch (error) {
    if (!(error instanceof TumarError)) throw error;
    return { ...head, body: { kind: "unsupported", number, bytes: rest } };
  }
}

/** The body of a kind by its number, also of what an earlier version kept. @throws TumarError MALFORMED */
export function decodeBody(number: number, bytes: Uint8Array): MessageBody {
  const reader = new ByteReader(bytes);
  const body = readBody(number, reader);
  reader.finish();
  return body;
}

interface Split {
  readonly head: Omit<Content, "body">;
  readonly number: number;
  readonly rest: Uint8Array;
}

function split(bytes: Uint8Array): Split {
  const reader = new ByteReader(bytes.slice());
  const messageId = parseMessageId(reader.take(MESSAGE_ID_BYTES));
  const deviceId = parseDeviceId(reader.take(DEVICE_ID_BYTES));
  const seq = reader.u64();
  if (seq === 0) throw new TumarError("MALFORMED", "seq counts from 1");
  const hour = reader.u32();
  const senderSet = reader.take(SET_HASH_BYTES);
  const readerSet = reader.take(SET_HASH_BYTES);
  const number = reader.u8();
  const head = { messageId, deviceId, seq, hour, senderSet, readerSet };
  return { head, number, rest: reader.rest() };
}

function kindNumber(body: MessageBody): number {
  return body.kind === "unsupported" ? body.number : KINDS[body.kind];
}

/** The body alone, without its kind. @throws RangeError for what its form cannot carry */
export function encodeBody(body: MessageBody): Uint8Array {
  switch (body.kind) {
    case "text":
    case "alert":
      return utf8(body.text);
    case "read":
      if (body.messageIds.length > MAX_READ_IDS) throw new RangeError("too many ids");
      return concat(...body.messageIds);
    case "grant":
      return encodeGrantList(body.places);
    case "status":
      return encodeStatusPlaces(body.places);
    case "statements":
      return lp(...body.statements);
    case "reset":
      return concat(...body.commitments);
    case "clip":
    case "photo":
    case "voice":
    case "file":
      return encodeMedia(body.media);
    case "media-update":
      return encodeMediaUpdate(body.update);
    case "unsupported":
      return body.bytes;
    default:
      return body satisfies never;
  }
}

function readBody(number: number, reader: ByteReader): MessageBody {
  switch (number) {
    case KINDS.text:
      return { kind: "text", text: fromUtf8(reader.rest()) };
    case KINDS.read:
      return { kind: "read", messageIds: readMessageIds(reader) };
    case KINDS.grant:
      return { kind: "grant", places: readGrantList(reader) };
    case KINDS.status:
      return { kind: "status", places: decodeStatusPlaces(reader.rest()) };
    case KINDS.statements:
      return { kind: "statements", statements: readStatements(reader) };
    case KINDS.reset:
      return { kind: "reset", commitments: readItems(reader, COMMITMENT_BYTES) };
    case KINDS.alert:
      return { kind: "alert", text: fromUtf8(reader.rest()) };
    case KINDS.clip:
      return { kind: "clip", media: decodeMedia(reader.rest()) };
    case KINDS.photo:
      return { kind: "photo", media: decodeMedia(reader.rest()) };
    case KINDS.voice:
      return { kind: "voice", media: decodeMedia(reader.rest()) };
    case KINDS.file:
      return { kind: "file", media: decodeMedia(reader.rest()) };
    case KINDS["media-update"]:
      return { kind: "media-update", update: decodeMediaUpdate(reader.rest()) };
    case 0:
      throw new TumarError("MALFORMED", "a kind is not 0");
    default:
      return { kind: "unsupported", number, bytes: reader.rest() };
  }
}

function readMessageIds(reader: ByteReader): MessageId[] {
  const ids = readItems(reader, MESSAGE_ID_BYTES);
  if (ids.length > MAX_READ_IDS) throw new TumarError("MALFORMED", "too many ids");
  return ids.map(parseMessageId);
}

/** At least one item of `size` bytes, up to the end. */
function readItems(reader: ByteReader, size: number): Uint8Array[] {
  const items: Uint8Array[] = [];
  do items.push(reader.take(size));
  while (reader.remaining > 0);
  return items;
}

function readStatements(reader: ByteReader): Uint8Array[] {
  const statements: Uint8Array[] = [];
  do {
    const statement = reader.part();
    if (statement.length === 0) throw new TumarError("MALFORMED", "empty statement");
    statements.push(statement);
  } while (reader.remaining > 0);
  return statements;
}
