/**
 * Read receipts of ours: which messages each of them names, for as long as the other side may still
 * ask for it again (a session remembers its last 64 frames).
 */

import { toHex } from "../../../shared/crypto/bytes.ts";
import { type Content, type MessageId, parseMessageId } from "../../../shared/e2ee/content.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { Table } from "./table.ts";

/** As many as the frames a session remembers: an older one is never asked for. */
const KEPT_PER_CONTACT = 64;

export interface ReadRow {
  readonly seq: number;
  readonly hour: number;
  readonly messageIds: readonly MessageId[];
}

const reads = new Table<ReadRow>("read", {
  encode: (row) => [row.seq, row.hour, row.messageIds],
  decode: (fields) => ({
    seq: fields.integer(),
    hour: fields.integer(),
    messageIds: fields.bytesList().map(parseMessageId),
  }),
});

/** A receipt to this root; the oldest beyond those that are kept goes. */
export function addRead(
  tx: VaultTransaction,
  root: Uint8Array,
  { messageId, seq, hour }: Content,
  messageIds: readonly MessageId[],
): void {
  reads.put(tx, readKey(root, messageId), { seq, hour, messageIds });
  const all = reads.list(tx, readKey(root));
  if (all.length <= KEPT_PER_CONTACT) return;
  const [[oldest] = [""]] = all.sort(([, a], [, b]) => a.seq - b.seq);
  reads.delete(tx, oldest);
}

export function getRead(
  view: VaultView,
  root: Uint8Array,
  messageId: Uint8Array,
): ReadRow | undefined {
  return reads.get(view, readKey(root, messageId));
}

function readKey(root: Uint8Array, messageId?: Uint8Array): string {
  return `${toHex(root)}/${messageId === undefined ? "" : toHex(messageId)}`;
}
