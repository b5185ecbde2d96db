/**
 * Read receipts. Ours go out by a person's act alone, to people chosen before, once for each message;
 * theirs move only messages that went to them. Nothing here is ever said by software on its own: a
 * receipt tells its reader that somebody is at this device now.
 */

import { equalBytes, toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { MAX_READ_IDS, type MessageId, parseMessageId } from "../../shared/e2ee/content.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { draftCourtesies } from "./courtesies.ts";
import { shownContent } from "./describe.ts";
import { isMediaKind } from "./manifest.ts";
import { advance } from "./message-state.ts";
import { draft } from "./seal.ts";
import { getContact, isChosen } from "./state/contacts.ts";
import {
  findOutgoing,
  getMessage,
  type IncomingRow,
  messageIndex,
  putMessage,
} from "./state/messages.ts";
import { addRead } from "./state/reads.ts";
import { forgetKeys } from "./state/sent-media.ts";
import type { ClientEvent, ReadSummary } from "./types.ts";

interface Marked extends ReadSummary {
  /** Whose drafts may be sealed now. */
  readonly roots: readonly Uint8Array[];
}

/**
 * Marks messages as read and drafts what their senders are told: for each sender one receipt for
 * every `MAX_READ_IDS` messages. All or nothing.
 * @throws TumarError MESSAGE_UNKNOWN
 */
export function markRead(tx: VaultTransaction, core: Core, ids: readonly Uint8Array[]): Marked {
  const bySender = new Map<string, [index: number, row: IncomingRow][]>();
  const [told, toldBefore, untold]: Uint8Array[][] = [[], [], []];
  for (const id of distinct(ids)) {
    const [index, row] = received(tx, id);
    if (row.isRead) toldBefore?.push(id);
    else if (!mayBeTold(tx, row)) untold?.push(id);
    else {
      told?.push(id);
      const key = toHex(row.root);
      bySender.set(key, [...(bySender.get(key) ?? []), [index, row]]);
    }
  }
  const roots = [...bySender.values()].flatMap(([first]) => first?.[1].root ?? []);
  for (const root of roots) tell(tx, core, root, bySender.get(toHex(root)) ?? []);
  return { told: told ?? [], toldBefore: toldBefore ?? [], untold: untold ?? [], roots };
}

/** A contact says that a person has read these. Ids that are not of messages to them change nothing. */
export function takeRead(
  tx: VaultTransaction,
  root: Uint8Array,
  ids: readonly MessageId[],
): readonly ClientEvent[] {
  return ids.flatMap((id): readonly ClientEvent[] => {
    const [index, row] = findOutgoing(tx, id, root) ?? [];
    if (index === undefined || row === undefined) return [];
    const state = advance(row.state, "read");
    if (state === row.state) return [];
    putMessage(tx, index, { ...row, state });
    forgetKeys(tx, row.id);
    return [{ type: "read", id: row.id }];
  });
}

function received(
  tx: VaultTransaction,
  id: Uint8Array,
): readonly [index: number, row: IncomingRow] {
  const index = messageIndex(tx, id);
  const row = index === undefined ? undefined : getMessage(tx, index);
  if (index === undefined || row?.direction !== "in") {
    throw new TumarError("MESSAGE_UNKNOWN", "no such message");
  }
  return [index, row];
}

/** Only what a person can have read, and only to whom a person of this side has chosen. */
function mayBeTold(tx: VaultTransaction, row: IncomingRow): boolean {
  const contact = getContact(tx, row.root);
  const { kind } = shownContent(row);
  const isReadable = kind === "text" || kind === "alert" || isMediaKind(kind);
  return isReadable && contact !== undefined && isChosen(contact) && !contact.isIdentityChanged;
}

function tell(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  rows: readonly (readonly [index: number, row: IncomingRow])[],
): void {
  draftCourtesies(tx, core, root, false);
  for (let at = 0; at < rows.length; at += MAX_READ_IDS) {
    const some = rows.slice(at, at + MAX_READ_IDS);
    const contact = getContact(tx, root);
    if (contact === undefined) return;
    const messageIds = some.map(([, { id }]) => parseMessageId(id));
    const { content } = draft(tx, core, contact, { kind: "read", messageIds });
    addRead(tx, root, content, messageIds);
    for (const [index, row] of some) putMessage(tx, index, { ...row, isRead: true });
  }
}

function distinct(ids: readonly Uint8Array[]): readonly Uint8Array[] {
  return ids.filter((id, i) => ids.findIndex((other) => equalBytes(other, id)) === i);
}
