/** Media as its sender and its receiver see it, from the rows in the vault and what this process knows besides. */

import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { mediaPercent, mediaState } from "./media-state.ts";
import { getReceivedMedia, type ReceivedPartRow, receivedPartsOf } from "./state/received-media.ts";
import { getSentMedia, isUploading, type SentPartRow, sentPartsOf } from "./state/sent-media.ts";
import type { ReceivedMedia, ReceivedMediaPart, SentMedia } from "./types.ts";

/** What of it has still to leave. */
export function uploadsOf(view: VaultView, id: Uint8Array): readonly SentPartRow[] {
  return sentPartsOf(view, id).flatMap(([, row]) => (isUploading(row) ? [row] : []));
}

export function describeSentMedia(
  view: VaultView,
  { progress, recordings }: Pick<Core, "progress" | "recordings">,
  id: Uint8Array,
): SentMedia | null {
  const row = getSentMedia(view, id);
  if (row === undefined) return null;
  const parts = sentPartsOf(view, id);
  const stored = parts.map(([place, part]) => progress.of(id, place, part.storedBytes));
  const sealed = parts.map(([, part], i) =>
    Math.max(
      part.sealedBytes,
      recordings.of(part.spool)?.availableBytes() ?? 0,
      // Another process records it: what is at the relay was sealed.
      stored[i] ?? 0,
    ),
  );
  const isSealed = parts.every(([, part]) => part.sealedBytes > 0);
  const sealedBytes = sum(sealed);
  return {
    ...row,
    isSealed,
    sealedBytes,
    storedBytes: sum(stored),
    totalBytes: isSealed ? sealedBytes : null,
  };
}

/** How far its upload is; null when something else is to be told, or nothing is there yet. */
export function uploadWords(
  view: VaultView,
  id: Uint8Array,
  { storedBytes, totalBytes }: SentMedia,
): string | null {
  const uploads = uploadsOf(view, id);
  const isHindered = uploads.some(({ lastFault }) => lastFault !== "");
  if (uploads.length === 0 || isHindered || storedBytes === 0) return null;
  if (totalBytes === null) return "It is being recorded; what is ready is sent.";
  return `${Math.floor((100 * storedBytes) / totalBytes)} % is on the relay.`;
}

export function describeReceivedMedia(
  view: VaultView,
  { progress }: Pick<Core, "progress">,
  id: Uint8Array,
): ReceivedMedia | null {
  const row = getReceivedMedia(view, id);
  const parts = receivedPartsOf(view, id).map(
    ([part, known]): ReceivedPartRow => ({
      ...known,
      fetchedBytes: fetchedOf(known, progress.of(id, part, known.fetchedBytes)),
    }),
  );
  const whole = parts.at(-1);
  if (row === undefined || whole === undefined) return null;
  const { name, type, metadata, durationMs } = row;
  const state = mediaState(whole);
  return {
    name,
    type,
    metadata,
    durationMs,
    dataBytes: whole.sealedBytes === 0 ? null : whole.dataBytes,
    parts: parts.map(describePart),
    state,
    percent: mediaPercent(whole),
    cutOffAtMs: state === "cut-off" ? cutOffAt(whole, durationMs) : null,
    isFetched: whole.sealedBytes > 0 && whole.fetchedBytes >= whole.sealedBytes,
  };
}

/** All of it only when the vault says so: what came while it grew is not checked before. */
function fetchedOf({ sealedBytes, fetchedBytes }: ReceivedPartRow, now: number): number {
  const isOpen = sealedBytes > 0 && fetchedBytes < sealedBytes;
  return isOpen ? Math.min(now, sealedBytes - 1) : now;
}

function describePart(part: ReceivedPartRow): ReceivedMediaPart {
  const { role, sealedBytes, dataBytes, storedBytes, fetchedBytes } = part;
  const isGrowing = sealedBytes === 0;
  return {
    role,
    dataBytes: isGrowing ? null : dataBytes,
    totalBytes: isGrowing ? null : sealedBytes,
    storedBytes,
    fetchedBytes,
    state: mediaState(part),
  };
}

/** The sender's word if it told the end, else the last chunk that was opened. */
function cutOffAt({ isCutOff, elapsedMs }: ReceivedPartRow, durationMs: number): number | null {
  if (isCutOff) return durationMs;
  return elapsedMs > 0 ? elapsedMs : null;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
