/**
 * The boxes of MP4, MOV and 3GP in memory (ISO/IEC 14496-12): `size u32 │ type │ [size u64] │ content`.
 *
 * All is done in place: a box that goes becomes a `free` box of the same length, so that nothing else moves.
 */

import { ascii } from "./bytes.ts";
import { notRemovable } from "./cleaner.ts";

export interface Box {
  readonly type: string;
  /** Where the box begins, where its content begins, where both end. */
  readonly from: number;
  readonly body: number;
  readonly to: number;
}

/** Size, type and a size of 64 bits. */
export const MAX_BOX_HEADER_BYTES = 16;

/** Null if no valid header begins here. `bytes` is Infinity for a box that goes on to the end. */
export function readBoxHeader(
  head: Uint8Array,
  offset = 0,
): { readonly type: string; readonly headerBytes: number; readonly bytes: number } | null {
  if (offset + 8 > head.length) return null;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const type = ascii(head, offset + 4, 4);
  const size = view.getUint32(offset);
  if (size === 0) return { type, headerBytes: 8, bytes: Infinity };
  if (size !== 1) return size < 8 ? null : { type, headerBytes: 8, bytes: size - 8 };
  if (offset + 16 > head.length) return null;
  const large = Number(view.getBigUint64(offset + 8));
  if (large < 16 || !Number.isSafeInteger(large)) return null;
  return { type, headerBytes: 16, bytes: large - 16 };
}

/** @throws TumarError METADATA_NOT_REMOVABLE if the boxes do not fit into [from, to) */
export function* boxesIn(bytes: Uint8Array, from: number, to: number): Generator<Box> {
  let offset = from;
  while (offset + 8 <= to) {
    const header = readBoxHeader(bytes, offset);
    const end = header === null ? Infinity : offset + header.headerBytes + header.bytes;
    // QuickTime closes some lists of boxes with a zero.
    if (header?.bytes === Infinity) break;
    if (header === null || end > to) throw notRemovable("a box is longer than what it lies in");
    yield { type: header.type, from: offset, body: offset + header.headerBytes, to: end };
    offset = end;
  }
  bytes.fill(0, offset, to);
}

export function inside(bytes: Uint8Array, box: Box): Generator<Box> {
  return boxesIn(bytes, box.body, box.to);
}

/** True if there was anything but emptiness in it. */
export function blank(bytes: Uint8Array, from: number, to: number): boolean {
  const part = bytes.subarray(from, to);
  const isFound = part.some((byte) => byte !== 0);
  part.fill(0);
  return isFound;
}

/** The box becomes free room. True if it was none before, or not empty. */
export function free(bytes: Uint8Array, { type, from, body, to }: Box): boolean {
  const isFound = blank(bytes, body, to);
  if (type === "free" || type === "skip") return isFound;
  bytes.set([0x66, 0x72, 0x65, 0x65], from + 4);
  return true;
}
