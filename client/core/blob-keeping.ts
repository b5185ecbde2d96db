/**
 * What lies beside the vault and nobody needs any more, and what a process that died left unfinished:
 * looked through when a client starts.
 */

import { fromHex } from "../../shared/crypto/bytes.ts";
import { MESSAGE_ID_BYTES } from "../../shared/e2ee/content.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { giveUp, type SettledMessage } from "./settled-messages.ts";
import { addMessage } from "./state/messages.ts";
import { listReceivedParts } from "./state/received-media.ts";
import {
  deleteSealing,
  forgetKeys,
  getSentMedia,
  listSealing,
  listSentParts,
  putSentMedia,
  type SealingRow,
} from "./state/sent-media.ts";
import type { ClientEvent } from "./types.ts";

export async function keepBlobs(core: Core): Promise<void> {
  await tellInterrupted(core);
  await forgetExpired(core);
  for (const name of await core.blobs.list()) {
    if (!(await isNeeded(core, name))) await removeUnclaimed(core, name);
  }
}

/** A file whose sealing ended with its process: the person is told that it was not sent. */
async function tellInterrupted(core: Core): Promise<void> {
  for (const [spool, row] of await core.vault.read(listSealing)) {
    const claim = await core.blobs.claim(spool);
    if (claim === null) continue;
    try {
      const events = await core.vault.transaction((tx) => {
        const isStill = listSealing(tx).some(([name]) => name === spool);
        deleteSealing(tx, spool);
        return isStill ? [addLost(tx, core, row)] : [];
      });
      for (const event of events) core.emit(event);
    } finally {
      await claim.release();
    }
  }
}

/** A message that has no place in the order of sending: it was never sent. */
function addLost(tx: VaultTransaction, core: Core, { root, kind, name }: SealingRow): ClientEvent {
  const id = core.random(MESSAGE_ID_BYTES);
  putSentMedia(tx, id, {
    name,
    type: "",
    metadata: "none",
    durationMs: 0,
    isLive: false,
    isCutOff: false,
    isLost: true,
  });
  addMessage(tx, {
    direction: "out",
    root,
    id,
    kind,
    text: "",
    hour: core.time.hour(),
    seq: 0,
    state: "expired",
    writtenMs: core.time.nowMs(),
    receipt: null,
  });
  return { type: "expired", id };
}

/** Its sealed bytes are gone: it will not be sent. */
export function markLost(tx: VaultTransaction, id: Uint8Array): SettledMessage {
  const media = getSentMedia(tx, id);
  if (media !== undefined) putSentMedia(tx, id, { ...media, isLost: true });
  return giveUp(tx, id);
}

/** No relay keeps it any longer: nobody can read what its manifest names. */
async function forgetExpired(core: Core): Promise<void> {
  const today = core.time.day();
  const isOver = (view: VaultView): readonly Uint8Array[] =>
    listSentParts(view).flatMap(([id, , row]) =>
      row.isStored && row.key !== null && row.expiryDay < today ? [fromHex(id)] : [],
    );
  if ((await core.vault.read(isOver)).length === 0) return;
  await core.vault.transaction((tx) => {
    for (const id of isOver(tx)) forgetKeys(tx, id);
  });
}

async function removeUnclaimed(core: Core, name: string): Promise<void> {
  const claim = await core.blobs.claim(name);
  if (claim === null) return;
  try {
    // Whoever made it may have committed it before it was let go.
    if (!(await isNeeded(core, name))) await core.blobs.delete(name);
  } finally {
    await claim.release();
  }
}

async function isNeeded(core: Core, name: string): Promise<boolean> {
  return await core.vault.read(
    (view) =>
      listSentParts(view).some(([, , { spool }]) => spool === name) ||
      listReceivedParts(view).some(([, , { store }]) => store === name) ||
      listSealing(view).some(([spool]) => spool === name),
  );
}
