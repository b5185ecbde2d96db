/**
 * The journal of a slot: which cells of its lane hold which commits.
 *
 *     cell: tag 16 | from u64 | to u64 | part u8 | parts u8 | length u16 | changes | zeros
 *
 * Small commits share a cell: a *run* holds the changes of all generations `from` to `to`. It grows
 * by being written again, longer, into a free cell, so that a torn write loses only the commit that
 * was being made; the shorter copy is then free. A commit too large for one cell takes up to four.
 * Always the lowest free cells are written. Pure: bytes in, bytes out.
 */

import { ByteReader, concat, type Random, toHex, u8, u16, u64 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { CELL_PLAIN_BYTES, CELLS, MAX_COMMIT_CELLS } from "./layout.ts";
import { checkZeros } from "./state.ts";

const TAG_BYTES = 16;
const CELL_FIXED_BYTES: number = TAG_BYTES + 8 + 8 + 1 + 1 + 2;
export const CELL_CHANGES_BYTES: number = CELL_PLAIN_BYTES - CELL_FIXED_BYTES;

/** What one cell holds. */
export interface CellContent {
  /** Random, the same in all parts of one write: parts of two writes never mix. */
  readonly tag: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly part: number;
  readonly parts: number;
  readonly changes: Uint8Array;
}

/** Committed changes of the generations `from` to `to`, and the cells they lie in. */
export interface Run {
  readonly from: number;
  readonly to: number;
  readonly changes: Uint8Array;
  readonly cells: readonly number[];
}

/** The committed runs of a lane, in order. */
export type Lane = readonly Run[];

export interface CellWrite {
  readonly cell: number;
  readonly plain: Uint8Array;
}

export function encodeCell(content: CellContent): Uint8Array {
  const { tag, from, to, part, parts, changes } = content;
  const out = new Uint8Array(CELL_PLAIN_BYTES);
  out.set(concat(tag, u64(from), u64(to), u8(part), u8(parts), u16(changes.length), changes));
  return out;
}

/** @throws TumarError MALFORMED */
export function decodeCell(plain: Uint8Array): CellContent {
  const reader = new ByteReader(plain);
  const tag = reader.take(TAG_BYTES);
  const from = reader.u64();
  const to = reader.u64();
  const part = reader.u8();
  const parts = reader.u8();
  const changes = reader.take(reader.u16());
  checkZeros(reader.rest());
  if (from > to || part >= parts || parts > MAX_COMMIT_CELLS || (parts > 1 && from !== to)) {
    throw new TumarError("MALFORMED", "a journal cell contradicts itself");
  }
  return { tag, from, to, part, parts, changes };
}

/**
 * The runs that continue `generation` without a gap. A run cut by a crash is left out: it was never
 * answered. `cells[i]` is undefined where cell i does not open.
 * @throws TumarError VAULT_DAMAGED when a later commit is there and an earlier one is not: commits
 * are made one after the other, so no crash leaves that.
 */
export function recoverLane(cells: readonly (CellContent | undefined)[], generation: number): Lane {
  const runs = collectRuns(cells);
  const lane: Run[] = [];
  let reached = generation;
  for (;;) {
    const next = longest(runs.filter((run) => run.from === reached + 1));
    if (!next) break;
    lane.push(next);
    reached = next.to;
  }
  if (cells.some((content) => content !== undefined && content.from > reached + 1)) {
    throw new TumarError("VAULT_DAMAGED", "the journal of the vault has a gap");
  }
  return lane;
}

/** The lowest cells that hold nothing committed. */
export function freeCells(lane: Lane): number[] {
  const used = new Set(lane.flatMap((run) => run.cells));
  return Array.from({ length: CELLS }, (_, cell) => cell).filter((cell) => !used.has(cell));
}

/** What to write to commit `changes` as `generation`; undefined when it takes a checkpoint. */
export function planCommit(
  lane: Lane,
  changes: Uint8Array,
  generation: number,
  random: Random,
): { readonly writes: readonly CellWrite[]; readonly lane: Lane } | undefined {
  const last = lane.at(-1);
  const isGrowing = last?.cells.length === 1 && fitsOneCell(last.changes.length + changes.length);
  const run = isGrowing
    ? { from: last.from, to: generation, changes: concat(last.changes, changes) }
    : { from: generation, to: generation, changes };
  const kept = isGrowing ? lane.slice(0, -1) : lane;
  const parts = Math.ceil(run.changes.length / CELL_CHANGES_BYTES);
  const cells = freeCells(lane).slice(0, parts);
  if (parts > MAX_COMMIT_CELLS || cells.length < parts) return undefined;
  return { writes: encodeRun(run, cells, random), lane: [...kept, { ...run, cells }] };
}

function encodeRun(run: Omit<Run, "cells">, cells: readonly number[], random: Random): CellWrite[] {
  const tag = random(TAG_BYTES);
  return cells.map((cell, part) => {
    const start = part * CELL_CHANGES_BYTES;
    const changes = run.changes.subarray(start, start + CELL_CHANGES_BYTES);
    const { from, to } = run;
    return { cell, plain: encodeCell({ tag, from, to, part, parts: cells.length, changes }) };
  });
}

/** Complete runs only. */
function collectRuns(cells: readonly (CellContent | undefined)[]): Run[] {
  const byTag = new Map<string, { readonly cell: number; readonly content: CellContent }[]>();
  for (const [cell, content] of cells.entries()) {
    if (!content) continue;
    const key = toHex(content.tag);
    byTag.set(key, [...(byTag.get(key) ?? []), { cell, content }]);
  }
  const runs: Run[] = [];
  for (const parts of byTag.values()) {
    parts.sort((a, b) => a.content.part - b.content.part);
    const first = parts[0]?.content;
    if (!first || parts.length !== first.parts) continue;
    const changes = concat(...parts.map(({ content }) => content.changes));
    runs.push({ from: first.from, to: first.to, changes, cells: parts.map(({ cell }) => cell) });
  }
  return runs;
}

function longest(runs: readonly Run[]): Run | undefined {
  return runs.reduce<Run | undefined>(
    (best, run) => (best && best.to >= run.to ? best : run),
    undefined,
  );
}

function fitsOneCell(length: number): boolean {
  return length <= CELL_CHANGES_BYTES;
}
