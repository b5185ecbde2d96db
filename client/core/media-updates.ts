/** What is told of media after its manifest: that a blob is at another place, and how a live one ended. */

import { type MessageBody, parseMessageId } from "../../shared/e2ee/content.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { blobPlace } from "./manifest.ts";
import { draft } from "./seal.ts";
import { getContact } from "./state/contacts.ts";
import { findOutgoing } from "./state/messages.ts";
import { addUpdate, getSentMedia, getSentPart } from "./state/sent-media.ts";

/** Tells where a blob is now, and how a live one ended if it has. */
export function draftUpdate(tx: VaultTransaction, core: Core, id: Uint8Array, part: 0 | 1): void {
  const body = updateBody(tx, id, part);
  const [, message] = findOutgoing(tx, id) ?? [];
  const contact = message === undefined ? undefined : getContact(tx, message.root);
  if (body === undefined || contact === undefined) return;
  const { content } = draft(tx, core, contact, body);
  addUpdate(tx, content, { media: id, part });
}

/** As things are now, whatever an update said when it was written first; undefined when there is nothing to say. */
export function updateBody(view: VaultView, id: Uint8Array, part: 0 | 1): MessageBody | undefined {
  const media = getSentMedia(view, id);
  const row = getSentPart(view, id, part);
  if (media === undefined || row === undefined) return undefined;
  const { dataBytes, sealedBytes, hash } = row;
  const { durationMs, isCutOff } = media;
  const hasEnded = media.isLive && sealedBytes > 0;
  const end = hasEnded ? { dataBytes, sealedBytes, hash, durationMs, isCutOff } : null;
  const place = row.relay === "" ? null : blobPlace(row);
  if (end === null && place === null) return undefined;
  return { kind: "media-update", update: { messageId: parseMessageId(id), part, place, end } };
}
