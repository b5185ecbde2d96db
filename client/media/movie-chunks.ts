/** Where the samples of a track lie in an MP4: `stsc` (samples in each chunk), `stsz` (their sizes), `stco` (offsets). */

import type { Box } from "./boxes.ts";
import { notRemovable } from "./cleaner.ts";

/** A run of samples of one track, and where its offset is written in the index. */
export interface Chunk {
  readonly offset: number;
  /** Infinity: up to the next chunk. QuickTime counts sound in units of its own, with 1 for their size. */
  readonly bytes: number;
  readonly writtenAt: number;
  readonly width: 4 | 8;
}

/** @throws TumarError METADATA_NOT_REMOVABLE if a table is longer than its box */
export function* chunksOf(view: DataView, tables: ReadonlyMap<string, Box>): Generator<Chunk> {
  const offsets = tables.get("co64") ?? tables.get("stco");
  if (offsets === undefined) return;
  const width = offsets.type === "co64" ? 8 : 4;
  const count = rows(view, offsets, 4, width);
  const sizes = new SampleSizes(view, tables.get("stsz") ?? tables.get("stz2"));
  const perChunk = new SamplesPerChunk(view, tables.get("stsc"));
  for (let index = 0; index < count; index++) {
    const writtenAt = offsets.body + 8 + index * width;
    const offset = width === 8 ? Number(view.getBigUint64(writtenAt)) : view.getUint32(writtenAt);
    yield { offset, bytes: sizes.next(perChunk.of(index + 1)), writtenAt, width };
  }
}

/** The number of rows, which stands `at` bytes into the content; they follow it. */
function rows(view: DataView, { body, to }: Box, at: number, width: number): number {
  if (body + at + 4 > to) throw notRemovable("a table of its index is cut");
  const count = view.getUint32(body + at);
  if (body + at + 4 + count * width > to) throw notRemovable("a table of its index is cut");
  return count;
}

class SampleSizes {
  readonly #view: DataView;
  readonly #from: number;
  readonly #constant: number;
  readonly #bits: number;
  readonly #count: number;
  #index = 0;

  constructor(view: DataView, table: Box | undefined) {
    this.#view = view;
    if (table === undefined) throw notRemovable("its index has no sizes");
    if (table.body + 12 > table.to) throw notRemovable("a table of its index is cut");
    const isCompact = table.type === "stz2";
    this.#bits = isCompact ? view.getUint8(table.body + 7) : 32;
    this.#constant = isCompact ? 0 : view.getUint32(table.body + 4);
    this.#from = table.body + 12;
    if (this.#bits !== 32 && this.#bits !== 16 && this.#bits !== 8) {
      throw notRemovable("a table of its index has a form that is not known");
    }
    this.#count =
      this.#constant > 0 ? view.getUint32(table.body + 8) : rows(view, table, 8, this.#bits / 8);
  }

  /** Of so many samples together. */
  next(samples: number): number {
    const taken = Math.min(samples, this.#count - this.#index);
    if (this.#constant > 0) {
      this.#index += taken;
      return this.#constant === 1 ? Infinity : taken * this.#constant;
    }
    let bytes = 0;
    for (const end = this.#index + taken; this.#index < end; this.#index++) bytes += this.#size();
    return bytes;
  }

  #size(): number {
    const at = this.#from + (this.#index * this.#bits) / 8;
    if (this.#bits === 8) return this.#view.getUint8(at);
    return this.#bits === 16 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }
}

class SamplesPerChunk {
  readonly #view: DataView;
  readonly #from: number;
  readonly #count: number;
  #row = 0;

  constructor(view: DataView, table: Box | undefined) {
    this.#view = view;
    this.#from = (table?.body ?? 0) + 8;
    this.#count = table === undefined ? 0 : rows(view, table, 4, 12);
  }

  /** Chunks count from 1 and are asked for in order. */
  of(chunk: number): number {
    while (this.#row + 1 < this.#count && this.#first(this.#row + 1) <= chunk) this.#row += 1;
    return this.#row < this.#count ? this.#view.getUint32(this.#from + this.#row * 12 + 4) : 0;
  }

  #first(row: number): number {
    return this.#view.getUint32(this.#from + row * 12);
  }
}
