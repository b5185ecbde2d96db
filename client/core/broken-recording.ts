/** How a live recording ends in the vault: told by whoever recorded it, or found by whoever comes after. */

import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { draftUpdate } from "./media-updates.ts";
import { Spool, type SpoolEnd } from "./spool.ts";
import {
  getSentMedia,
  getSentPart,
  putSentMedia,
  putSentPart,
  type SentPartRow,
} from "./state/sent-media.ts";

/** The process that recorded it is gone: it ends at what is in the spool, cut off unless it was closed. */
export async function endRecording(
  core: Core,
  id: Uint8Array,
  part: 0 | 1,
  { spool: name, key }: SentPartRow,
): Promise<void> {
  if (key === null) return;
  const { spool, found } = await Spool.resume(core, name, key);
  if (!found.hasLast) await core.vault.transaction((tx) => noteBroken(tx, id));
  const end = found.hasLast ? await spool.pad() : await spool.end();
  const recording = { durationMs: found.elapsedMs, isCutOff: !found.hasLast };
  await core.vault.transaction((tx) => noteEnd(tx, core, id, part, end, recording));
}

/** It breaks off: known before its spool has an end, which would look like that of a whole one. */
export function noteBroken(tx: VaultTransaction, id: Uint8Array): void {
  const media = getSentMedia(tx, id);
  if (media !== undefined) putSentMedia(tx, id, { ...media, isCutOff: true });
}

/** The recipient is told. */
export function noteEnd(
  tx: VaultTransaction,
  core: Core,
  id: Uint8Array,
  part: 0 | 1,
  { dataBytes, sealedBytes, hash }: SpoolEnd,
  recording: { readonly durationMs: number; readonly isCutOff: boolean },
): void {
  const [media, row] = [getSentMedia(tx, id), getSentPart(tx, id, part)];
  if (media === undefined || row === undefined || row.sealedBytes > 0) return;
  const isCutOff = media.isCutOff || recording.isCutOff;
  putSentMedia(tx, id, { ...media, durationMs: recording.durationMs, isCutOff });
  putSentPart(tx, id, part, { ...row, dataBytes, sealedBytes, hash });
  draftUpdate(tx, core, id, part);
}
