/**
 * Fetching one clip, photo, voice message or file and writing it down. What came is kept beside the vault,
 * verified, so that whatever ends the command, the next one goes on from there.
 */

import { setTimeout as pause } from "node:timers/promises";
import { toBase32 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { Client } from "../core/client.ts";
import type { ReceivedMedia, ReceivedMediaPart } from "../core/types.ts";
import { type FetchTarget, markedName, writeInto } from "./fetched-file.ts";
import { fetchedText } from "./human-text.ts";
import type { Invocation } from "./invocation.ts";
import { fetchedJson } from "./json-shapes.ts";
import {
  fileName,
  gapMark,
  gapText,
  INCOMPLETE,
  isMediaMessage,
  type MediaMessage,
  previewName,
} from "./media-text.ts";
import { Patience } from "./patience.ts";
import { ProgressShow } from "./progress.ts";

/** How often a relay is asked for more of what is still arriving. */
const ASK_AGAIN_MS = 2_000;

export interface FetchOrder {
  readonly part: ReceivedMediaPart["role"];
  readonly target: FetchTarget;
  readonly isForced: boolean;
  /** Writes what there is, though more is coming. */
  readonly isPartial: boolean;
  readonly timeoutMs: number;
  /** The name in a folder; the cleaned one of the sender unless given. */
  readonly nameOf?: (message: MediaMessage) => string;
}

/** What was written. */
export interface Fetched {
  readonly message: MediaMessage;
  readonly part: ReceivedMediaPart["role"];
  /** Null for standard output. */
  readonly path: string | null;
  readonly bytes: number;
}

/** @throws TumarError of the library, MEDIA_ARRIVING, FILE_NOT_WRITTEN */
export async function fetchOne(
  invocation: Invocation,
  client: Client,
  id: Uint8Array,
  order: FetchOrder,
): Promise<void> {
  await bring(invocation, client, id, order);
  const message = await client.receivedMessage(id);
  if (!isMediaMessage(message)) throw new TumarError("MEDIA_UNKNOWN", "nothing to fetch in it");
  const { path, bytes } = await write(invocation, client, message, order);
  await report(invocation, { message, part: order.part, path, bytes });
}

/** Everything there will be, or with `isPartial` everything there is now. */
async function bring(
  invocation: Invocation,
  client: Client,
  id: Uint8Array,
  { part, isPartial, timeoutMs }: FetchOrder,
): Promise<void> {
  const progress = new ProgressShow(invocation.terminal, invocation.isJson);
  await progress.begin();
  let isArriving = false;
  const patience = new Patience(timeoutMs, () =>
    isArriving
      ? new TumarError("MEDIA_ARRIVING", "more of it is expected, and nothing came for a while")
      : new TumarError("RELAY_TIMEOUT", "the relay sent nothing more in time; what came is kept"),
  );
  const { signal } = patience;
  const onProgress = (now: { fetchedBytes: number; totalBytes: number | null }): void => {
    patience.reached(now.fetchedBytes);
    const { fetchedBytes: doneBytes, totalBytes } = now;
    progress.show({ phase: "fetching", id: toBase32(id), doneBytes, totalBytes });
  };
  try {
    for (;;) {
      isArriving = isMoreToCome(await client.fetchMedia(id, { part, signal, onProgress }), part);
      if (!isArriving || isPartial) return;
      // An aborted pause is told with the reason for it.
      await pause(ASK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
      signal.throwIfAborted();
    }
  } finally {
    patience.end();
  }
}

/** That a relay says it has all of it is not enough: all of it is to be here, and found good. */
function isMoreToCome(media: ReceivedMedia, role: ReceivedMediaPart["role"]): boolean {
  const state = media.parts.find((part) => part.role === role)?.state;
  return state === "arriving" || (state === "complete" && !isHere(media, role));
}

function isHere({ parts }: ReceivedMedia, role: ReceivedMediaPart["role"]): boolean {
  const part = parts.find((one) => one.role === role);
  return part !== undefined && part.totalBytes !== null && part.fetchedBytes >= part.totalBytes;
}

async function write(
  invocation: Invocation,
  client: Client,
  message: MediaMessage,
  { part, target, isForced, nameOf }: FetchOrder,
): Promise<{ readonly path: string | null; readonly bytes: number }> {
  const content = client.openMedia(message.id, { part });
  if (target.kind === "stdout") return { path: null, bytes: await pour(invocation, content) };
  const name = target.kind === "file" ? target.name : nameIn(message, part, nameOf);
  const mark = markOf(message.media, part);
  const marked = mark === null ? name : markedName(name, mark);
  return await writeInto(target.folder, marked, content, { isForced });
}

function nameIn(
  message: MediaMessage,
  part: ReceivedMediaPart["role"],
  nameOf: FetchOrder["nameOf"],
): string {
  const name = nameOf?.(message) ?? fileName(message.media, message.kind);
  return part === "preview" ? previewName(name) : name;
}

function markOf(media: ReceivedMedia, role: ReceivedMediaPart["role"]): string | null {
  const gap = role === "whole" ? gapMark(media) : null;
  return gap ?? (isHere(media, role) ? null : INCOMPLETE);
}

/** The name that it will have when all that is there now was fetched: one that is not whole says so. */
export function withGap(name: string, media: ReceivedMedia): string {
  const mark = gapMark(media);
  return mark === null ? name : markedName(name, mark);
}

async function pour({ terminal }: Invocation, content: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of content) {
    await terminal.printBytes(piece);
    bytes += piece.length;
  }
  return bytes;
}

async function report(invocation: Invocation, fetched: Fetched): Promise<void> {
  const { terminal, isJson } = invocation;
  const { message, part, path } = fetched;
  const gap = part === "whole" ? gapText(message) : null;
  if (gap !== null) invocation.warn("BLOB_CUT_OFF", gap);
  if (path !== null) {
    await invocation.print(fetchedJson(fetched), () => fetchedText(fetched, terminal));
  } else if (isJson) {
    // Standard output is for the bytes alone.
    terminal.notice(JSON.stringify(fetchedJson(fetched)));
  }
}
