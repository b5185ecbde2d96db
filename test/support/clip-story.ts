/**
 * A clip that goes from one person to another, each behind a bad network of their own: what it cost to
 * store it, what to fetch it, and that it came out byte by byte as it went in.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Client } from "../../client/core/client.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { fileOf } from "./media-bytes.ts";
import type { NetworkStory, Side } from "./network-story.ts";

/** What one clip cost: the sender's line until it was stored, then the reader's until it was fetched. */
export interface ClipCost {
  readonly clip: string;
  readonly bytes: number;
  readonly upMs: number;
  readonly downMs: number;
  /** Put on the sender's line while it was stored, what a reset lost included. */
  readonly sentUpBytes: number;
  readonly downBytes: number;
  readonly connections: number;
  readonly stalls: number;
  readonly resets: number;
}

/** Sent with all that is in it; `limitMs` for each of the two ways. */
export async function clipThrough(
  story: NetworkStory,
  path: string,
  limitMs: number,
): Promise<ClipCost> {
  const { aigul, bek } = story;
  const bytes = await readFile(path);
  const clip = basename(path).replace(/^.*\./, "");
  const before = [lineOf(aigul), lineOf(bek)] as const;
  const fromMs = performance.now();
  const options = { kind: "clip", source: fileOf(bytes), name: basename(path) } as const;
  const { id } = await aigul.client.sendMedia(bek.name, { ...options, keepMetadata: true });
  await inTime(`${clip}: stored`, limitMs, async () => {
    return (await aigul.client.sentMessage(id)).state === "stored";
  });
  const storedMs = performance.now();
  await fetchWhole(bek.client, id, limitMs);
  const fetchedMs = performance.now();
  await assertSame(bek.client, id, bytes);
  await assertOnce(story, id);
  const up = since(before[0], lineOf(aigul));
  const down = since(before[1], lineOf(bek));
  return {
    clip,
    bytes: bytes.length,
    upMs: storedMs - fromMs,
    downMs: fetchedMs - storedMs,
    sentUpBytes: up.sentUpBytes,
    downBytes: down.downBytes,
    connections: up.connections + down.connections,
    stalls: up.stalls + down.stalls,
    resets: up.resets + down.resets,
  };
}

/** Again and again, in spite of what the network does, until all of it is here. */
export async function fetchWhole(client: Client, id: Uint8Array, limitMs: number): Promise<void> {
  await inTime("fetched", limitMs, async () => {
    const all = await client.received();
    if (!all.some((message) => sameId(message.id, id))) return false;
    try {
      return (await client.fetchMedia(id)).isFetched;
    } catch (error) {
      if (!(error instanceof TumarError) || !error.retryable) throw error;
      return false;
    }
  });
}

export async function assertSame(client: Client, id: Uint8Array, bytes: Uint8Array): Promise<void> {
  let at = 0;
  for await (const piece of client.openMedia(id)) {
    assert.ok(Buffer.compare(piece, bytes.subarray(at, at + piece.length)) === 0, `from ${at} on`);
    at += piece.length;
  }
  assert.equal(at, bytes.length);
}

/** The reader has exactly one message of this clip; the sender's folder holds nothing of it any more. */
async function assertOnce({ aigul, bek }: NetworkStory, id: Uint8Array): Promise<void> {
  const all = (await bek.client.received()).filter((message) => sameId(message.id, id));
  assert.deepEqual(
    all.map(({ kind, media }) => [kind, media?.state, media?.isFetched]),
    [["clip", "complete", true]],
  );
  assert.deepEqual(await aigul.person.environment.blobs.list(), []);
}

function sameId(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

const LOOK_MS = 50;

async function inTime(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

type Totals = Pick<
  ReturnType<Side["network"]["stats"]>,
  "sentUpBytes" | "downBytes" | "connections" | "stalls" | "resets"
>;

function lineOf({ network }: Side): Totals {
  return network.stats();
}

function since(before: Totals, now: Totals): Totals {
  return {
    sentUpBytes: now.sentUpBytes - before.sentUpBytes,
    downBytes: now.downBytes - before.downBytes,
    connections: now.connections - before.connections,
    stalls: now.stalls - before.stalls,
    resets: now.resets - before.resets,
  };
}

// --- the table ----------------------------------------------------------------------------------

export interface ClipRow extends ClipCost {
  readonly network: string;
}

/** For people to read, columns aligned. */
export function clipTable(rows: readonly ClipRow[]): string {
  const head = ["profile", "clip", "MB", "up s", "down s", "sent/size", "got/size"];
  const counts = ["conns", "stalls", "resets"];
  const cells = rows.map((row) => [
    row.network,
    row.clip,
    (row.bytes / 1e6).toFixed(1),
    (row.upMs / 1000).toFixed(1),
    (row.downMs / 1000).toFixed(1),
    (row.sentUpBytes / row.bytes).toFixed(3),
    (row.downBytes / row.bytes).toFixed(3),
    ...[row.connections, row.stalls, row.resets].map(String),
  ]);
  const lines = [[...head, ...counts], ...cells];
  const widths =
    lines[0]?.map((_, i) => Math.max(...lines.map((row) => row[i]?.length ?? 0))) ?? [];
  const aligned = (cell: string, i: number): string =>
    i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return lines.map((row) => row.map(aligned).join("  ")).join("\n");
}

export function clipTold(row: ClipCost): string {
  const { clip, bytes, upMs, downMs, sentUpBytes, connections, stalls } = row;
  const times = `${(upMs / 1000).toFixed(1)} s up, ${(downMs / 1000).toFixed(1)} s down`;
  const sent = (sentUpBytes / bytes).toFixed(3);
  return `${clip} of ${bytes}: ${times}, sent ${sent} of it, ${connections} connections, ${stalls} stalls`;
}
