/**
 * What a message says of a clip, photo, voice message or file: the manifest. It leaves before the first
 * chunk of the blob it names, and holds the only key.
 *
 *     media   u8 ‖ name, u8 ‖ type, metadata u8, durationMs u32, count u8 (1 or 2), part × count
 *     part    role u8, place, key 32, end
 *     place   relay address ‖ blob id 24
 *     end     dataBytes u64 ‖ sealedBytes u64 ‖ hash 32        of a blob that is sealed to its end
 *             16 × 00                                          of one that still grows
 *     update  message id 16, part u8, flags u8, [place], [end, durationMs u32]
 *
 * An update names another place (bit 0) or the end (bit 1) of part 0 or 1 of a message already sent; of a
 * live recording it says how long it was, and whether it broke off instead of being closed (bit 2).
 * All of it is the sender's word: a name may be anything, and lengths and hash are checked against
 * what comes (`BLOB_MISMATCH`). Normative text: docs/CRYPTOGRAPHY.md 10.
 */

import {
  ByteReader,
  type Bytes,
  concat,
  copyExact,
  EMPTY,
  fromUtf8,
  u8,
  u32,
  u64,
  utf8,
} from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { BLOB_HASH_BYTES, BLOB_KEY_BYTES, type BlobKey, isBlobSize, parseBlobKey } from "./blob.ts";
import { encodeRelayAddress, type RelayAddress, readRelayAddress } from "./relay-address.ts";

/** Whoever knows it may read the sealed bytes at the relay. */
export type BlobId = Bytes<"BlobId">;

/** What was done about data inside the file that tells where and with what it was taken. */
export type MetadataState = (typeof METADATA_STATES)[number];
export type PartRole = keyof typeof ROLES;

export interface BlobPlace {
  readonly relay: RelayAddress;
  readonly blobId: BlobId;
}

/** Of a blob that is sealed to its end. */
export interface BlobEnd {
  /** Of what is inside. */
  readonly dataBytes: number;
  /** Header, chunks and padding: what the relay has when it is complete. */
  readonly sealedBytes: number;
  /** BLAKE2b-256 of all of them. */
  readonly hash: Uint8Array;
}

/** Of a live recording, told when it is over. */
export interface MediaEnd extends BlobEnd {
  /** 0 = not known. */
  readonly durationMs: number;
  /** It broke off: whoever recorded it did not end it. */
  readonly isCutOff: boolean;
}

/** `dataBytes`, `sealedBytes` 0 and `hash` empty while it grows. */
export interface MediaPart extends BlobEnd {
  readonly role: PartRole;
  readonly place: BlobPlace;
  readonly key: BlobKey;
}

export interface Media {
  /** Untrusted; at most 255 bytes of UTF-8, may be empty. */
  readonly name: string;
  /** Lower-case MIME type without parameters, or "". Untrusted. */
  readonly type: string;
  readonly metadata: MetadataState;
  /** 0 = not known. */
  readonly durationMs: number;
  /** The whole, or a preview, which has its end, and then the whole. */
  readonly parts: readonly MediaPart[];
}

export interface MediaUpdate {
  /** Of the message with the manifest. */
  readonly messageId: Bytes<"MessageId">;
  readonly part: 0 | 1;
  /** At least one of the two. */
  readonly place: BlobPlace | null;
  readonly end: MediaEnd | null;
}

export const BLOB_ID_BYTES = 24;
export const MAX_MEDIA_NAME_BYTES = 255;
export const MAX_MEDIA_TYPE_BYTES = 64;
/** 49 days. */
export const MAX_DURATION_MS = 0xffff_ffff;
export const METADATA_STATES = ["none", "stripped", "kept"] as const;
const ROLES = { whole: 1, preview: 2 } as const;
const MESSAGE_ID_BYTES = 16;
const HAS_PLACE = 1;
const HAS_END = 2;
const IS_CUT_OFF = 4;
/** RFC 6838 4.2, lower case. */
const TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;

export function parseBlobId(bytes: Uint8Array): BlobId {
  return copyExact(bytes, BLOB_ID_BYTES, "blob id");
}

/** True while its sender still adds to it, or has not told the end yet. */
export function isGrowing({ sealedBytes }: Pick<BlobEnd, "sealedBytes">): boolean {
  return sealedBytes === 0;
}

/** As far as form goes: a `type` that a manifest can carry. */
export function isMediaType(type: string): boolean {
  return type === "" || (type.length <= MAX_MEDIA_TYPE_BYTES && TYPE.test(type));
}

/** @throws RangeError for what the form cannot carry */
export function encodeMedia(media: Media): Uint8Array {
  const { name, type, metadata, durationMs, parts } = media;
  checkDuration(durationMs);
  const bytes = concat(
    shortText(name, MAX_MEDIA_NAME_BYTES),
    shortText(type, MAX_MEDIA_TYPE_BYTES),
    u8(METADATA_STATES.indexOf(metadata)),
    u32(durationMs),
    u8(parts.length),
    ...parts.map(encodePart),
  );
  return checked(bytes, decodeMedia, "not a manifest");
}

/** @throws TumarError MALFORMED */
export function decodeMedia(bytes: Uint8Array): Media {
  const reader = new ByteReader(bytes);
  const name = fromUtf8(reader.take(reader.u8()));
  const type = fromUtf8(reader.take(reader.u8()));
  if (!isMediaType(type)) throw new TumarError("MALFORMED", "not a media type");
  const metadata = METADATA_STATES[reader.u8()];
  if (metadata === undefined) throw new TumarError("MALFORMED", "unknown state of metadata");
  const durationMs = reader.u32();
  const parts = readParts(reader);
  reader.finish();
  return { name, type, metadata, durationMs, parts };
}

/** @throws RangeError for what the form cannot carry */
export function encodeMediaUpdate({ messageId, part, place, end }: MediaUpdate): Uint8Array {
  const flags =
    (place === null ? 0 : HAS_PLACE) |
    (end === null ? 0 : HAS_END) |
    (end?.isCutOff ? IS_CUT_OFF : 0);
  if (end !== null) checkDuration(end.durationMs);
  const bytes = concat(
    messageId,
    u8(part),
    u8(flags),
    place === null ? EMPTY : encodePlace(place),
    end === null ? EMPTY : concat(encodeEnd(end), u32(end.durationMs)),
  );
  return checked(bytes, decodeMediaUpdate, "not an update");
}

/** @throws TumarError MALFORMED */
export function decodeMediaUpdate(bytes: Uint8Array): MediaUpdate {
  const reader = new ByteReader(bytes);
  const messageId: Bytes<"MessageId"> = copyExact(
    reader.take(MESSAGE_ID_BYTES),
    MESSAGE_ID_BYTES,
    "message id",
  );
  const part = reader.u8();
  const flags = reader.u8();
  if (part !== 0 && part !== 1) throw new TumarError("MALFORMED", "two parts at most");
  const isKnown = flags > 0 && flags <= (HAS_PLACE | HAS_END | IS_CUT_OFF);
  if (!isKnown || (flags & (HAS_END | IS_CUT_OFF)) === IS_CUT_OFF) {
    throw new TumarError("MALFORMED", "an update of nothing, or of what is not known");
  }
  const place = (flags & HAS_PLACE) === 0 ? null : readPlace(reader);
  const isCutOff = (flags & IS_CUT_OFF) !== 0;
  const end = (flags & HAS_END) === 0 ? null : readMediaEnd(reader, isCutOff);
  if (end !== null && isGrowing(end)) throw new TumarError("MALFORMED", "an end that is none");
  reader.finish();
  return { messageId, part, place, end };
}

function readMediaEnd(reader: ByteReader, isCutOff: boolean): MediaEnd {
  return { ...readEnd(reader), durationMs: reader.u32(), isCutOff };
}

function checkDuration(durationMs: number): void {
  if (!Number.isInteger(durationMs) || durationMs < 0 || durationMs > MAX_DURATION_MS) {
    throw new RangeError("durationMs is a u32");
  }
}

function readParts(reader: ByteReader): readonly MediaPart[] {
  const count = reader.u8();
  if (count !== 1 && count !== 2) throw new TumarError("MALFORMED", "one or two parts");
  const parts = Array.from({ length: count }, () => readPart(reader));
  const [first, second] = parts;
  const isInOrder =
    second === undefined
      ? first?.role === "whole"
      : first?.role === "preview" && second.role === "whole" && !isGrowing(first);
  if (!isInOrder) throw new TumarError("MALFORMED", "a preview comes first, whole, then the whole");
  return parts;
}

function encodePart(part: MediaPart): Uint8Array {
  return concat(u8(ROLES[part.role]), encodePlace(part.place), part.key, encodeEnd(part));
}

function readPart(reader: ByteReader): MediaPart {
  const role = roleOf(reader.u8());
  const place = readPlace(reader);
  const key = parseBlobKey(reader.take(BLOB_KEY_BYTES));
  return { role, place, key, ...readEnd(reader) };
}

function roleOf(number: number): PartRole {
  if (number === ROLES.whole) return "whole";
  if (number === ROLES.preview) return "preview";
  throw new TumarError("MALFORMED", "unknown role of a part");
}

function encodePlace({ relay, blobId }: BlobPlace): Uint8Array {
  return concat(encodeRelayAddress(relay), blobId);
}

function readPlace(reader: ByteReader): BlobPlace {
  const relay = readRelayAddress(reader);
  return { relay, blobId: parseBlobId(reader.take(BLOB_ID_BYTES)) };
}

function encodeEnd({ dataBytes, sealedBytes, hash }: BlobEnd): Uint8Array {
  return concat(u64(dataBytes), u64(sealedBytes), hash);
}

function readEnd(reader: ByteReader): BlobEnd {
  const dataBytes = reader.u64();
  const sealedBytes = reader.u64();
  const isPossible = sealedBytes === 0 ? dataBytes === 0 : isBlobSize(sealedBytes, dataBytes);
  if (!isPossible) throw new TumarError("MALFORMED", "lengths that no blob has");
  const hash = sealedBytes === 0 ? EMPTY : Uint8Array.from(reader.take(BLOB_HASH_BYTES));
  return { dataBytes, sealedBytes, hash };
}

function shortText(text: string, max: number): Uint8Array {
  const bytes = utf8(text);
  if (bytes.length > max) throw new RangeError("a name or type is too long");
  return concat(u8(bytes.length), bytes);
}

/** What we write, we can read: one encoding for each value, and no other value. */
function checked(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
  what: string,
): Uint8Array {
  try {
    decode(bytes);
    return bytes;
  } catch (cause) {
    throw new RangeError(what, { cause });
  }
}
