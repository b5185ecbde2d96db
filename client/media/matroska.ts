/**
 * Cleans Matroska and WebM in place: each element keeps its place and length, so that indexes, sizes and a stream that
 * is still growing stay valid. What is not needed to play becomes a Void element of zeros.
 *
 *     EBML header │ Segment │ SeekHead Info Tracks … │ Cluster: Timestamp SimpleBlock … │ Cluster … │ Cues
 *
 * Segment and Cluster are only entered, never measured: in a stream their length is not known. RFC 9559 has the elements.
 */

import { copyOf } from "./bytes.ts";
import { type Cleaner, notRemovable, type Step } from "./cleaner.ts";

const VOID = 0xec;
const CRC_32 = 0xbf;
const EBML_HEADER = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const INFO = 0x1549a966;
const TRACKS = 0x1654ae6b;
const TRACK_ENTRY = 0xae;
const TRACK_NUMBER = 0xd7;
const TRACK_TYPE = 0x83;
const SIMPLE_BLOCK = 0xa3;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;
const TIMESTAMP_SCALE = 0x2ad7b1;
const DURATION = 0x4489;

/** Copied as they are: SeekHead, Cues, and in a cluster its timestamp, position and previous size. */
const PLAIN = new Set([0x114d9b74, 0x1c53bb6b, 0xe7, 0xa7, 0xab]);
/** MuxingApp and WritingApp must be there; what they say need not. */
const APPS = new Set([0x4d80, 0x5741]);
const INFO_KEPT = new Set([TIMESTAMP_SCALE, DURATION]);
/** What a player needs of a track: numbers, codec, picture and sound; no names, no links. */
const TRACK_KEPT = new Set([
  ...[0xd7, 0x73c5, 0x83, 0xb9, 0x88, 0x55aa, 0x55ab, 0x55ac, 0x55ad, 0x55ae, 0x55af, 0x9c],
  ...[0x6de7, 0x6df8, 0x23e383, 0x234e7a, 0x23314f, 0x537f, 0x55ee, 0x22b59c, 0x22b59d, 0x86],
  ...[0x63a2, 0xaa, 0x56aa, 0x56bb, 0xe0, 0xe1, 0xe2, 0x6d80, 0x41e4],
]);
const TRACK_PICTURE = 1;
const TRACK_SOUND = 2;
/** ID (4) and size (8). */
const MAX_HEADER_BYTES = 12;
/** A track number takes one byte in nearly every file; eight at most. */
const BLOCK_LOOK_BYTES = 8;

interface Element {
  readonly id: number;
  readonly headerBytes: number;
  /** Null: not known, it ends where the next of its kind begins. */
  readonly bytes: number | null;
}

export class MatroskaCleaner implements Cleaner {
  isFound = false;
  isBegun = false;
  droppedTracks = 0;
  hasPicture = false;
  durationMs = 0;
  readonly #tracks = new Set<number>();

  step(head: Uint8Array, isEnd: boolean): Step {
    if (head.length < MAX_HEADER_BYTES && !isEnd) return { need: MAX_HEADER_BYTES };
    const element = readElement(head, 0);
    if (element === null) {
      // What is left is shorter than a header: the recording broke off in it.
      if (isEnd && head.length < MAX_HEADER_BYTES) return this.#left(head.length);
      throw notRemovable("it is no valid Matroska or WebM");
    }
    return this.#element(head, element, isEnd);
  }

  #element(head: Uint8Array, element: Element, isEnd: boolean): Step {
    const { id, headerBytes } = element;
    if (id === SEGMENT || id === CLUSTER) {
      if (id === CLUSTER && !this.isBegun) throw notRemovable("its tracks are not told first");
      const isSegment = id === CLUSTER;
      return { take: headerBytes, put: copyOf(head, headerBytes), isSegment };
    }
    if (element.bytes === null) throw notRemovable("a part of it has no end");
    const whole = { ...element, bytes: element.bytes };
    if (id === EBML_HEADER || PLAIN.has(id)) return this.#copied(head, whole);
    if (id === INFO || id === TRACKS) return this.#rewritten(head, whole);
    if (id === SIMPLE_BLOCK || id === BLOCK_GROUP) return this.#block(head, whole, isEnd);
    return this.#voided(whole);
  }

  #copied(head: Uint8Array, { headerBytes, bytes }: WholeElement): Step {
    return {
      take: headerBytes,
      put: copyOf(head, headerBytes),
      run: { bytes, how: "copy" },
    };
  }

  #voided(element: WholeElement): Step {
    if (element.id !== VOID && element.id !== CRC_32) this.isFound = true;
    const { headerBytes, bytes } = element;
    const put = new Uint8Array(headerBytes);
    put.set(voidHeader(headerBytes, bytes));
    return { take: headerBytes, put, run: { bytes, how: "zero" } };
  }

  #rewritten(head: Uint8Array, element: WholeElement): Step {
    const { id, headerBytes, bytes } = element;
    if (head.length < headerBytes + bytes) return { need: headerBytes + bytes };
    const put = copyOf(head, headerBytes + bytes);
    const body = put.subarray(headerBytes);
    if (id === INFO) this.#cleanInfo(body);
    else this.#cleanTracks(body);
    return { take: put.length, put };
  }

  #cleanInfo(body: Uint8Array): void {
    let scale = 1_000_000;
    let duration = 0;
    for (const child of children(body)) {
      const value = body.subarray(child.from + child.headerBytes, child.to);
      if (child.id === TIMESTAMP_SCALE) scale = unsigned(value);
      if (child.id === DURATION) duration = float(value);
      if (INFO_KEPT.has(child.id)) continue;
      if (APPS.has(child.id)) this.#blank(value);
      else this.#voidInside(body, child);
    }
    const durationMs = Math.round((duration * scale) / 1_000_000);
    if (Number.isSafeInteger(durationMs) && durationMs > 0) this.durationMs = durationMs;
  }

  #cleanTracks(body: Uint8Array): void {
    for (const entry of children(body)) {
      const inside = body.subarray(entry.from + entry.headerBytes, entry.to);
      if (entry.id === TRACK_ENTRY && this.#isKeptTrack(inside)) this.#cleanTrack(inside);
      else {
        if (entry.id === TRACK_ENTRY) this.droppedTracks += 1;
        this.#voidInside(body, entry);
      }
    }
    this.isBegun = true;
  }

  #isKeptTrack(entry: Uint8Array): boolean {
    let track = 0;
    let type = 0;
    for (const { id, from, headerBytes, to } of children(entry)) {
      if (id === TRACK_NUMBER) track = unsigned(entry.subarray(from + headerBytes, to));
      if (id === TRACK_TYPE) type = unsigned(entry.subarray(from + headerBytes, to));
    }
    if (type !== TRACK_PICTURE && type !== TRACK_SOUND) return false;
    if (type === TRACK_PICTURE) this.hasPicture = true;
    this.#tracks.add(track);
    return true;
  }

  #cleanTrack(entry: Uint8Array): void {
    for (const child of children(entry)) {
      if (!TRACK_KEPT.has(child.id)) this.#voidInside(entry, child);
    }
  }

  #block(head: Uint8Array, element: WholeElement, isEnd: boolean): Step {
    if (this.droppedTracks === 0) return this.#copied(head, element);
    const { id, headerBytes } = element;
    const look = headerBytes + (id === SIMPLE_BLOCK ? 0 : MAX_HEADER_BYTES) + BLOCK_LOOK_BYTES;
    if (head.length < look && !isEnd) return { need: look };
    const track = blockTrack(head.subarray(headerBytes), id);
    return this.#tracks.has(track) ? this.#copied(head, element) : this.#voided(element);
  }

  #voidInside(body: Uint8Array, { id, from, to, headerBytes }: Child): void {
    if (id === VOID || id === CRC_32) {
      this.#blank(body.subarray(from + headerBytes, to), id === CRC_32);
      if (id === CRC_32) body[from] = VOID;
      return;
    }
    this.isFound = true;
    body.fill(0, from, to);
    body.set(voidHeader(headerBytes, to - from - headerBytes), from);
  }

  #blank(value: Uint8Array, isChecksum = false): void {
    if (!isChecksum && value.some((byte) => byte !== 0)) this.isFound = true;
    value.fill(0);
  }

  #left(bytes: number): Step {
    this.isFound = true;
    return { take: bytes };
  }
}

type WholeElement = Element & { readonly bytes: number };

interface Child {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly headerBytes: number;
}

/** @throws TumarError METADATA_NOT_REMOVABLE if the elements do not fill the body exactly */
function* children(body: Uint8Array): Generator<Child> {
  for (let from = 0; from < body.length; ) {
    const element = readElement(body, from);
    const to =
      element === null ? Infinity : from + element.headerBytes + (element.bytes ?? Infinity);
    if (element === null || to > body.length) throw notRemovable("a part of it has no end");
    yield { id: element.id, from, to, headerBytes: element.headerBytes };
    from = to;
  }
}

/** Null if there is none here. */
function readElement(bytes: Uint8Array, offset: number): Element | null {
  const idBytes = Math.clz32(bytes[offset] ?? 0) - 23;
  if (idBytes > 4 || offset + idBytes >= bytes.length) return null;
  let id = 0;
  for (let index = 0; index < idBytes; index++) id = id * 256 + (bytes[offset + index] ?? 0);
  const size = readSize(bytes, offset + idBytes);
  return size === null ? null : { id, headerBytes: idBytes + size.width, bytes: size.value };
}

function readSize(
  bytes: Uint8Array,
  offset: number,
): { readonly width: number; readonly value: number | null } | null {
  const first = bytes[offset] ?? 0;
  const width = Math.clz32(first) - 23;
  if (width > 8 || offset + width > bytes.length) return null;
  let value = first & (0xff >> width);
  let isUnknown = value === 0xff >> width;
  for (let index = 1; index < width; index++) {
    const byte = bytes[offset + index] ?? 0;
    value = value * 256 + byte;
    isUnknown &&= byte === 0xff;
  }
  if (isUnknown) return { width, value: null };
  return Number.isSafeInteger(value) ? { width, value } : null;
}

/** Takes the place of an element with this header and body: the rest of both becomes its content. */
function voidHeader(headerBytes: number, bodyBytes: number): Uint8Array {
  const width = Math.min(8, headerBytes - 1);
  let size = headerBytes + bodyBytes - 1 - width;
  const header = new Uint8Array(1 + width);
  for (let index = width; index > 0; index--) {
    header[index] = size % 256;
    size = Math.floor(size / 256);
  }
  header[0] = VOID;
  header[1] = (header[1] ?? 0) | (0x100 >> width);
  return header;
}

/** 0, which no track has, if it cannot be told. */
function blockTrack(body: Uint8Array, id: number): number {
  if (id === SIMPLE_BLOCK) return readSize(body, 0)?.value ?? 0;
  const first = readElement(body, 0);
  if (first?.id !== BLOCK) return 0;
  return readSize(body, first.headerBytes)?.value ?? 0;
}

function unsigned(value: Uint8Array): number {
  return value.reduce((sum, byte) => sum * 256 + byte, 0);
}

function float(value: Uint8Array): number {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (value.length === 4) return view.getFloat32(0);
  return value.length === 8 ? view.getFloat64(0) : 0;
}
