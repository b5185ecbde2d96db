/** Asking relays how much there is of what others sent: when somebody syncs, and while somebody follows. */

import { concat, fromHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { chunkOffset, openChunk } from "../../shared/e2ee/blob.ts";
import { blobState, downloadBlob } from "../net/blob-download.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { lastChunk, noteState } from "./fetch-media.ts";
import { mediaRelay } from "./media-relay.ts";
import { mediaState, presentBytes } from "./media-state.ts";
import { getMessage, messageIndex } from "./state/messages.ts";
import {
  getReceivedPart,
  listReceivedParts,
  putReceivedPart,
  type ReceivedPartRow,
  receivedPartsOf,
} from "./state/received-media.ts";

/** How often while something arrives; what is cut off may go on, and is asked for more seldom. */
const FOLLOW_MS = 5_000;
const CUT_OFF_EVERY = 12;
/** Its sender wrote that it comes, and has not begun since: it was interrupted before that. */
const NEVER_BEGUN_HOURS = 2;

/** Of one look at one blob, so that a slow relay does not keep the others waiting. */
const LOOK_MS = 20_000;
const LOOKS_AT_ONCE = 8;

type Open = readonly [id: Uint8Array, part: 0 | 1, row: ReceivedPartRow];

/** Of these messages, or of all. Never rejects for what a relay does. */
export async function refreshMedia(core: Core, ids?: readonly Uint8Array[]): Promise<void> {
  const parts = await core.vault.read((view) =>
    ids === undefined
      ? openParts(view)
      : ids.flatMap((id) =>
          receivedPartsOf(view, id).map(([part, row]) => [id, part, row] as const),
        ),
  );
  await refreshAll(
    core,
    parts.filter(([, , row]) => !isOver(row)),
  );
}

/** Until the result is called: what arrives is looked at every few seconds. */
export function followMedia(core: Core): () => void {
  let isStopped = false;
  let cancel: () => void = () => undefined;
  const look = async (round: number): Promise<void> => {
    const isWanted = ([, , row]: Open): boolean =>
      mediaState(row) === "arriving" || round % CUT_OFF_EVERY === 0;
    await core.vault
      .read((view) => openParts(view).filter(isWanted))
      .then((parts) => refreshAll(core, parts))
      // The vault is busy or closed: the next look finds the same.
      .catch(() => undefined);
    if (!isStopped) cancel = core.clock.after(FOLLOW_MS, () => void look(round + 1));
  };
  void look(0);
  return () => {
    isStopped = true;
    cancel();
  };
}

function openParts(view: VaultView): readonly Open[] {
  return listReceivedParts(view).flatMap(([id, part, row]): Open[] =>
    isOver(row) ? [] : [[fromHex(id), part, row]],
  );
}

/** All there will be is there. */
function isOver(row: ReceivedPartRow): boolean {
  return row.sealedBytes > 0 && presentBytes(row) >= row.sealedBytes;
}

async function refreshAll(core: Core, parts: readonly Open[]): Promise<void> {
  const left = parts.values();
  const lookAtNext = async (): Promise<void> => {
    for (const [id, part] of left) await refreshPart(core, id, part);
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, lookAtNext));
}

async function refreshPart(core: Core, id: Uint8Array, part: 0 | 1): Promise<void> {
  const row = await core.vault.read((view) => getReceivedPart(view, id, part));
  if (row === undefined) return;
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const late = new TumarError("RELAY_TIMEOUT", "the relay did not say in time how much there is");
  const stopWaiting = core.clock.after(LOOK_MS, () => giveUp.abort(late));
  try {
    const relay = await mediaRelay(core, row.relay);
    const said = await blobState({ relay, blobId: row.blobId, signal });
    const isNews = await noteState(core, id, part, row, said);
    if (isNews) core.emit({ type: "media", id });
    if (await noteWhere(core, id, part, signal)) core.emit({ type: "media", id });
  } catch (error) {
    if (!(error instanceof TumarError)) throw error;
    // Not there yet, not there any more, or not to be reached: nothing is known that was not before.
    if (error.code === "REFUSED" || error.code === "MEDIA_ELSEWHERE")
      await noteMissing(core, id, part);
  } finally {
    stopWaiting();
  }
}

/** Where a recording was cut off is in its last chunk, which opens alone. */
async function noteWhere(
  core: Core,
  id: Uint8Array,
  part: 0 | 1,
  signal: AbortSignal,
): Promise<boolean> {
  const row = await core.vault.read((view) => getReceivedPart(view, id, part));
  if (row === undefined || row.sealedBytes > 0 || mediaState(row) !== "cut-off") return false;
  const last = lastChunk(row);
  if (row.elapsedMs > 0 || last < 0 || row.fetchedBytes > chunkOffset(last)) return false;
  const pieces: Uint8Array[] = [];
  await downloadBlob({
    relay: await mediaRelay(core, row.relay),
    clock: core.clock,
    blobId: row.blobId,
    from: chunkOffset(last),
    to: chunkOffset(last + 1),
    signal,
    onSlice: async (_, bytes) => {
      pieces.push(bytes);
    },
  });
  const { elapsedMs } = openChunk(row.key, last, concat(...pieces));
  return await core.vault.transaction((tx) => {
    const held = getReceivedPart(tx, id, part);
    if (held?.storedBytes !== row.storedBytes || held.elapsedMs === elapsedMs) return false;
    putReceivedPart(tx, id, part, { ...held, elapsedMs });
    return true;
  });
}

async function noteMissing(core: Core, id: Uint8Array, part: 0 | 1): Promise<void> {
  const isNews = await core.vault.transaction((tx) => {
    const held = getReceivedPart(tx, id, part);
    const index = messageIndex(tx, id);
    const message = index === undefined ? undefined : getMessage(tx, index);
    if (held === undefined || message === undefined || held.isQuiet) return false;
    // What was there once is there no more: it has expired, and nothing is added to it.
    const mayBegin = held.storedBytes === 0 && core.time.hour() - message.hour < NEVER_BEGUN_HOURS;
    if (mayBegin) return false;
    putReceivedPart(tx, id, part, { ...held, isQuiet: true });
    return true;
  });
  if (isNews) core.emit({ type: "media", id });
}
