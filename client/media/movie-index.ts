/**
 * Cleans the index of an MP4, MOV or 3GP recording (`moov`, and the `moof` of a fragment) in place, by a list of what
 * is needed to play it: everything else becomes free room. Names, dates, makers and tracks with neither picture nor
 * sound go; sample tables, codec settings, edit lists and the turning of the picture stay as they are.
 */

import { type Box, blank, boxesIn, free, inside } from "./boxes.ts";
import { ascii } from "./bytes.ts";
import { notRemovable } from "./cleaner.ts";
import { type Chunk, chunksOf } from "./movie-chunks.ts";

export interface MovieIndex {
  readonly isFound: boolean;
  readonly droppedTracks: number;
  readonly hasPicture: boolean;
  readonly durationMs: number;
  /** Where the kept tracks have their chunks, if the index says so (not in a fragmented recording). */
  readonly chunks: readonly Chunk[];
  readonly isFragmented: boolean;
}

const KEPT: Readonly<Record<string, ReadonlySet<string>>> = {
  moov: new Set(["mvhd", "trak", "mvex", "iods"]),
  trak: new Set(["tkhd", "edts", "mdia", "tapt", "load", "clip", "matt"]),
  mdia: new Set(["mdhd", "hdlr", "minf", "elng"]),
  minf: new Set(["vmhd", "smhd", "gmhd", "nmhd", "hdlr", "dinf", "stbl"]),
  stbl: new Set([
    ...["stsd", "stts", "stss", "stps", "ctts", "cslg", "stsc", "stsz", "stz2", "stco", "co64"],
    ...["stsh", "sdtp", "sgpd", "sbgp", "subs", "padb"],
  ]),
  moof: new Set(["mfhd", "traf"]),
  traf: new Set(["tfhd", "tfdt", "trun", "sdtp", "sgpd", "sbgp", "subs"]),
};
const KEPT_HANDLERS = new Set(["vide", "soun", "auxv"]);
/** What nearly every writer says, and so tells nothing. */
const COMMON_NAMES = new Set(["VideoHandler\0", "SoundHandler\0"]);
/** So many tables and boxes are more than hours of recording have. */
const MAX_CHUNKS = 2_000_000;

/** `bytes` is the whole box with its header and is changed. @throws TumarError METADATA_NOT_REMOVABLE */
export function cleanMovie(bytes: Uint8Array): MovieIndex {
  return new MovieCleaner(bytes).clean();
}

/** The same for one fragment: true if something was removed. */
export function cleanFragment(bytes: Uint8Array): boolean {
  let isFound = false;
  for (const moof of boxesIn(bytes, 0, bytes.length)) {
    for (const child of keptIn(bytes, moof, "moof", () => (isFound = true))) {
      if (child.type !== "traf") continue;
      const kept = keptIn(bytes, child, "traf", () => (isFound = true));
      while (kept.next().done !== true);
    }
  }
  return isFound;
}

/** The kept boxes; the others are freed on the way. */
function* keptIn(
  bytes: Uint8Array,
  parent: Box,
  type: string,
  onFound: () => void,
): Generator<Box> {
  for (const child of inside(bytes, parent)) {
    if (KEPT[type]?.has(child.type) === true) yield child;
    else if (free(bytes, child)) onFound();
  }
}

class MovieCleaner {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #isFound = false;
  #droppedTracks = 0;
  #hasPicture = false;
  #isFragmented = false;
  #durationMs = 0;
  readonly #chunks: Chunk[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  clean(): MovieIndex {
    for (const moov of boxesIn(this.#bytes, 0, this.#bytes.length)) {
      for (const child of this.#kept(moov, "moov")) {
        if (child.type === "mvhd") this.#movieHeader(child);
        if (child.type === "trak") this.#track(child);
        if (child.type === "mvex") this.#isFragmented = true;
      }
    }
    return {
      isFound: this.#isFound,
      droppedTracks: this.#droppedTracks,
      hasPicture: this.#hasPicture,
      durationMs: this.#durationMs,
      chunks: this.#chunks,
      isFragmented: this.#isFragmented,
    };
  }

  #kept(parent: Box, type: string): Generator<Box> {
    return keptIn(this.#bytes, parent, type, () => {
      this.#isFound = true;
    });
  }

  #track(trak: Box): void {
    const handler = this.#handler(trak);
    if (!KEPT_HANDLERS.has(handler)) {
      this.#droppedTracks += 1;
      this.#isFound = free(this.#bytes, trak) || this.#isFound;
      return;
    }
    if (handler === "vide") this.#hasPicture = true;
    for (const child of this.#kept(trak, "trak")) {
      if (child.type === "tkhd") this.#times(child);
      if (child.type === "mdia") this.#media(child, handler);
    }
  }

  #handler(trak: Box): string {
    for (const mdia of inside(this.#bytes, trak)) {
      if (mdia.type !== "mdia") continue;
      for (const hdlr of inside(this.#bytes, mdia)) {
        if (hdlr.type === "hdlr") return ascii(this.#bytes, hdlr.body + 8, 4);
      }
    }
    return "";
  }

  #media(mdia: Box, handler: string): void {
    for (const child of this.#kept(mdia, "mdia")) {
      if (child.type === "mdhd") this.#times(child);
      if (child.type === "hdlr") this.#handlerName(child);
      if (child.type === "minf") this.#information(child, handler);
    }
  }

  #information(minf: Box, handler: string): void {
    for (const child of this.#kept(minf, "minf")) {
      if (child.type === "hdlr") this.#handlerName(child);
      if (child.type === "dinf") this.#dataReferences(child);
      if (child.type === "stbl") this.#sampleTable(child, handler);
    }
  }

  /** Version and flags, two places, handler, then maker, flags, mask and a name. */
  #handlerName(hdlr: Box): void {
    const name = ascii(this.#bytes, hdlr.body + 24, Math.min(hdlr.to - hdlr.body - 24, 32));
    if (!COMMON_NAMES.has(name)) this.#blank(hdlr.body + 12, hdlr.to);
  }

  /** A reference to another file is a path on the device; the data of these lies in the file itself. */
  #dataReferences(dinf: Box): void {
    for (const dref of inside(this.#bytes, dinf)) {
      if (dref.type !== "dref") continue;
      for (const entry of boxesIn(this.#bytes, Math.min(dref.body + 8, dref.to), dref.to)) {
        this.#blank(entry.body + 4, entry.to);
      }
    }
  }

  #sampleTable(stbl: Box, handler: string): void {
    const tables = new Map<string, Box>();
    for (const child of this.#kept(stbl, "stbl")) tables.set(child.type, child);
    const descriptions = tables.get("stsd");
    if (descriptions !== undefined) this.#descriptions(descriptions, handler);
    for (const chunk of chunksOf(this.#view, tables)) {
      if (this.#chunks.length >= MAX_CHUNKS) throw notRemovable("its index has no end");
      this.#chunks.push(chunk);
    }
  }

  /** Each codec's entry names its maker, and that of a picture the encoder (32 bytes). */
  #descriptions(stsd: Box, handler: string): void {
    for (const entry of boxesIn(this.#bytes, Math.min(stsd.body + 8, stsd.to), stsd.to)) {
      this.#blank(entry.body + 12, Math.min(entry.body + 16, entry.to));
      if (handler !== "soun") this.#blank(entry.body + 42, Math.min(entry.body + 74, entry.to));
    }
  }

  #movieHeader(mvhd: Box): void {
    const isLong = this.#bytes[mvhd.body] === 1;
    const at = mvhd.body + (isLong ? 20 : 12);
    if (at + 12 <= mvhd.to) {
      const scale = this.#view.getUint32(at);
      const duration = isLong
        ? Number(this.#view.getBigUint64(at + 4))
        : this.#view.getUint32(at + 4);
      const durationMs = Math.round((duration * 1000) / scale);
      const isUnknown = !isLong && duration === 0xffffffff;
      if (Number.isSafeInteger(durationMs) && !isUnknown) this.#durationMs = durationMs;
    }
    this.#times(mvhd);
    // Preview, poster, selection and current time: where somebody looked at it last.
    const tail = mvhd.body + (isLong ? 84 : 72);
    this.#blank(tail, Math.min(tail + 24, mvhd.to));
  }

  /** Creation and modification: two times of 32 bits, or of 64 in version 1. */
  #times(header: Box): void {
    const width = this.#bytes[header.body] === 1 ? 8 : 4;
    const from = header.body + 4;
    this.#blank(from, Math.min(from + 2 * width, header.to));
  }

  #blank(from: number, to: number): void {
    if (from < to && blank(this.#bytes, from, to)) this.#isFound = true;
  }
}
