/** Section 9, what a ratchet frame carries: a head of 77 bytes and the body of its kind. */

import { decode, type Reader } from "./bytes.ts";
import { type Manifest, readManifest, readUpdate, type Update } from "./media.ts";
import { demand, Refused } from "./refused.ts";
import { type Grant, type RecordPlace, readGrantList, readRecordPlaces } from "./relay-address.ts";

export type MediaKind = "clip" | "photo" | "voice" | "file";

export type Body =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "read"; readonly messageIds: readonly Uint8Array[] }
  | { readonly kind: "grant"; readonly grants: readonly Grant[] }
  | { readonly kind: "status"; readonly places: readonly RecordPlace[] }
  | { readonly kind: "statements"; readonly statements: readonly Uint8Array[] }
  | { readonly kind: "reset"; readonly commitments: readonly Uint8Array[] }
  | { readonly kind: "alert"; readonly text: string }
  | { readonly kind: MediaKind; readonly manifest: Manifest }
  | { readonly kind: "media-update"; readonly update: Update }
  | { readonly kind: "unsupported"; readonly number: number; readonly bytes: Uint8Array };

export interface Content {
  readonly messageId: Uint8Array;
  readonly deviceId: Uint8Array;
  readonly seq: number;
  readonly hour: number;
  /** Set hash of the sender's own statements, and of the reader's. */
  readonly ownSet: Uint8Array;
  readonly readerSet: Uint8Array;
  readonly body: Body;
}

export function openContent(bytes: Uint8Array): Content {
  return decode(bytes, (reader) => {
    const head = {
      messageId: reader.take(16),
      deviceId: reader.take(16),
      seq: reader.u64(),
      hour: reader.u32(),
      ownSet: reader.take(16),
      readerSet: reader.take(16),
    };
    demand(head.seq >= 1, "seq begins with 1");
    return { ...head, body: openBody(reader.u8(), reader.rest()) };
  });
}

/** Body of a kind, by its number. */
export function openBody(number: number, bytes: Uint8Array): Body {
  demand(number !== 0, "kind 0");
  switch (number) {
    case 1:
      return { kind: "text", text: utf8(bytes) };
    case 2:
      demand(bytes.length <= 48 * 16, "more than 48 ids");
      return { kind: "read", messageIds: several(bytes, (reader) => reader.take(16)) };
    case 3:
      return { kind: "grant", grants: decode(bytes, readGrantList) };
    case 4:
      return { kind: "status", places: decode(bytes, readRecordPlaces) };
    case 5:
      return { kind: "statements", statements: several(bytes, (reader) => reader.part()) };
    case 6:
      return { kind: "reset", commitments: several(bytes, (reader) => reader.take(32)) };
    case 7:
      return { kind: "alert", text: utf8(bytes) };
    case 8:
      return { kind: "clip", manifest: decode(bytes, readManifest) };
    case 9:
      return { kind: "photo", manifest: decode(bytes, readManifest) };
    case 10:
      return { kind: "voice", manifest: decode(bytes, readManifest) };
    case 11:
      return { kind: "file", manifest: decode(bytes, readManifest) };
    case 12:
      return { kind: "media-update", update: decode(bytes, readUpdate) };
    default:
      return { kind: "unsupported", number, bytes };
  }
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Refused("MALFORMED", "UTF-8", { cause });
  }
}

/** One or more of the same thing, up to the end. */
function several<T>(bytes: Uint8Array, read: (reader: Reader) => T): T[] {
  return decode(bytes, (reader) => {
    const found = [read(reader)];
    while (reader.left > 0) found.push(read(reader));
    return found;
  });
}
