/**
 * What `record` slices carry: the parts of all writers of a record, as the relay joins them.
 *
 *     encoding = CBOR [[writer key 32, version, part bytes], …], sorted by writer key
 *     digest   = BLAKE2b-128 of the encoding
 */

import { compareBytes } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { blake2b, SIGNING_PUBLIC_KEY_BYTES } from "../crypto/sodium.ts";
import { type CborValue, decodeCbor, encodeCbor } from "./codec.ts";
import { MAX_RECORD_PART_BYTES, MAX_RECORD_WRITERS } from "./limits.ts";

export interface RecordPart {
  readonly writer: Uint8Array;
  readonly version: number;
  readonly bytes: Uint8Array;
}

export function encodeRecordParts(parts: readonly RecordPart[]): Uint8Array {
  const sorted = parts.toSorted((a, b) => compareBytes(a.writer, b.writer));
  return encodeCbor(sorted.map((part) => [part.writer, part.version, part.bytes]));
}

/** @throws TumarError MALFORMED, also when parts are not sorted or one writer comes twice. */
export function decodeRecordParts(encoding: Uint8Array): RecordPart[] {
  const items = decodeCbor(encoding);
  if (!Array.isArray(items) || items.length > MAX_RECORD_WRITERS) throw malformed();
  const parts = items.map(partOf);
  parts.forEach((part, i) => {
    const before = parts[i - 1];
    if (before !== undefined && compareBytes(before.writer, part.writer) >= 0) throw malformed();
  });
  return parts;
}

export function recordDigest(encoding: Uint8Array): Uint8Array {
  return blake2b(16, encoding);
}

function partOf(item: CborValue): RecordPart {
  if (!Array.isArray(item) || item.length !== 3) throw malformed();
  const [writer, version, bytes] = item as readonly CborValue[];
  const isPart =
    writer instanceof Uint8Array &&
    writer.length === SIGNING_PUBLIC_KEY_BYTES &&
    typeof version === "number" &&
    bytes instanceof Uint8Array &&
    bytes.length <= MAX_RECORD_PART_BYTES;
  if (!isPart) throw malformed();
  return { writer, version, bytes };
}

function malformed(): TumarError {
  return new TumarError("MALFORMED", "not the parts of a record");
}
