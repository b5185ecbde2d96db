/**
 * How a container is cleaned: a *cleaner* reads its structure, piece after piece, and says what becomes of each:
 * copied, overwritten with zeros, left out, or replaced. What it does not know it does not copy.
 *
 *      head ──step──> take n, put these instead, then a run of m bytes: copy | zero | drop
 *
 * The same cleaner cleans a stream while it grows and a file: a file is gone through once before (`scan`), without
 * reading what is only copied, so that it is known beforehand whether it can be cleaned, what there is to remove and how
 * long the result is.
 */

import { concat } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { fileBytes, type MediaFile } from "./source.ts";

export interface Run {
  readonly bytes: number;
  readonly how: "copy" | "zero" | "drop";
}

/** `need`: so many bytes are needed at once to decide. */
export type Step = { readonly need: number } | Change;

export interface Change {
  /** Bytes of the head that are done with. */
  readonly take: number;
  readonly put?: Uint8Array;
  readonly run?: Run;
  /** Here a segment begins that plays alone: what came before is worth sending. */
  readonly isSegment?: boolean;
}

export interface Findings {
  /** Something was, or will be, left out, overwritten or replaced. */
  readonly isFound: boolean;
  /** Tracks with neither picture nor sound: subtitles, timecode, traces of positions. */
  readonly droppedTracks: number;
  readonly hasPicture: boolean;
  readonly durationMs: number;
}

export interface Cleaner extends Findings {
  /**
   * `head` begins where the last run ended. It is shorter than what was needed only at the end of the input, and never
   * empty. @throws TumarError METADATA_NOT_REMOVABLE
   */
  step(head: Uint8Array, isEnd: boolean): Step;
  /** True once it is known which tracks there are, so that the rest can be cleaned on the way. */
  readonly isBegun: boolean;
}

/** No structure that is kept whole is larger: index, track list, one EXIF block. Attackers write larger ones. */
export const MAX_STRUCTURE_BYTES: number = 32 * 1024 * 1024;

export function notRemovable(why: string): TumarError {
  return new TumarError("METADATA_NOT_REMOVABLE", `metadata cannot be removed from this: ${why}`);
}

export interface Scan extends Findings {
  readonly size: number;
}

/** @throws TumarError METADATA_NOT_REMOVABLE */
export async function scan(file: MediaFile, cleaner: Cleaner): Promise<Scan> {
  let offset = 0;
  let size = 0;
  let need = LOOK_BYTES;
  let isHiding = false;
  while (offset < file.size) {
    const head = await file.read(offset, need);
    const isEnd = head.length < need || offset + head.length >= file.size;
    const step = cleaner.step(head, isEnd);
    if ("need" in step && isEnd) {
      isHiding = true;
      break;
    }
    if ("need" in step) {
      need = checkedNeed(step.need, head.length);
      continue;
    }
    need = LOOK_BYTES;
    offset += step.take;
    const run = runUpTo(step.run ?? NO_RUN, file.size - offset);
    isHiding ||= await hidesBytes(file, offset, run);
    offset += run.bytes;
    size += (step.put?.length ?? 0) + (run.how === "drop" ? 0 : run.bytes);
  }
  if (!cleaner.isBegun) throw notRemovable("it broke off before its first picture or sound");
  const { droppedTracks, hasPicture, durationMs } = cleaner;
  return { isFound: cleaner.isFound || isHiding, droppedTracks, hasPicture, durationMs, size };
}

function runUpTo({ bytes, how }: Run, left: number): Run {
  return { bytes: Math.min(bytes, left), how };
}

/** Room that is declared empty may hold what was there before. */
async function hidesBytes(file: MediaFile, from: number, { bytes, how }: Run): Promise<boolean> {
  if (how !== "zero") return how === "drop" && bytes > 0;
  for await (const part of fileBytes(file, from, from + bytes)) {
    if (part.some((byte) => byte !== 0)) return true;
  }
  return false;
}

const NO_RUN: Run = { bytes: 0, how: "copy" };

/** Enough for most headers, so that few are read twice. */
const LOOK_BYTES = 64;

function checkedNeed(need: number, held: number): number {
  if (need > MAX_STRUCTURE_BYTES)
    throw notRemovable("a part of it is larger than any camera makes");
  if (need <= held) throw new RangeError("a cleaner asked for what it had");
  return need;
}

/**
 * The cleaned stream. Pieces come out as they come in, without waiting for more than a header; an empty piece comes
 * where a segment begins, and where one came in.
 */
export async function* cleaned(
  source: AsyncIterable<Uint8Array>,
  cleaner: Cleaner,
): AsyncGenerator<Uint8Array> {
  const sieve = new Sieve(cleaner);
  for await (const piece of source) {
    if (piece.length === 0) yield piece;
    else yield* sieve.push(piece);
  }
  yield* sieve.end();
}

class Sieve {
  readonly #cleaner: Cleaner;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #need = 1;
  #run: Run = NO_RUN;

  constructor(cleaner: Cleaner) {
    this.#cleaner = cleaner;
  }

  *push(piece: Uint8Array): Generator<Uint8Array> {
    this.#held.push(piece);
    this.#heldBytes += piece.length;
    yield* this.#sift(false);
  }

  /** A structure that was cut in its middle does not come out: nobody can tell what it was to be. */
  *end(): Generator<Uint8Array> {
    this.#need = 1;
    yield* this.#sift(true);
  }

  *#sift(isEnd: boolean): Generator<Uint8Array> {
    if (this.#run.bytes === 0 && this.#heldBytes < this.#need) return;
    for (let rest = this.#takeHeld(); rest.length > 0; ) {
      if (this.#run.bytes > 0) {
        const part = rest.subarray(0, Math.min(rest.length, this.#run.bytes));
        rest = rest.subarray(part.length);
        yield* this.#passed(part);
        continue;
      }
      const step = this.#cleaner.step(rest, isEnd);
      if ("need" in step) {
        this.#hold(rest, checkedNeed(step.need, isEnd ? 0 : rest.length));
        return;
      }
      this.#need = 1;
      this.#run = step.run ?? NO_RUN;
      rest = rest.subarray(step.take);
      yield* shown(step);
    }
  }

  #hold(rest: Uint8Array, need: number): void {
    this.#need = need;
    this.#held = [rest];
    this.#heldBytes = rest.length;
  }

  *#passed(part: Uint8Array): Generator<Uint8Array> {
    this.#run = { ...this.#run, bytes: this.#run.bytes - part.length };
    if (this.#run.how === "copy") yield part;
    if (this.#run.how === "zero") yield new Uint8Array(part.length);
  }

  #takeHeld(): Uint8Array {
    const held = this.#held.length === 1 ? this.#held[0] : concat(...this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return held ?? new Uint8Array();
  }
}

function* shown({ isSegment, put }: Change): Generator<Uint8Array> {
  if (isSegment === true) yield new Uint8Array();
  if (put !== undefined && put.length > 0) yield put;
}
