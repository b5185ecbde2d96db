/**
 * The order of what each sending device wrote: which seq comes next, and what came too early and
 * waits for the gap before it (shared/e2ee/ordering.ts). Kept in the vault, so that a message that
 * waits is as safe as one that is shown.
 */

import { toHex } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import type { Order } from "../../../shared/e2ee/ordering.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../shared/wire/codec.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { type IncomingRow, MESSAGE_ROW } from "./messages.ts";
import { indexKey, RowReader, Table } from "./table.ts";

/** What waits; null for content that is not shown but counts in seq. */
export type HeldItem = IncomingRow | null;

interface HeldRow {
  readonly arrivedMs: number;
  readonly item: HeldItem;
}

const next = new Table<number>("next-seq", {
  encode: (seq) => [seq],
  decode: (fields) => fields.integer(),
});

const held = new Table<HeldRow>("held", {
  encode: ({ arrivedMs, item }) => [
    arrivedMs,
    item === null ? new Uint8Array(0) : encodeCbor(MESSAGE_ROW.encode(item)),
  ],
  decode: (fields) => {
    const arrivedMs = fields.integer();
    const bytes = fields.bytes();
    return { arrivedMs, item: bytes.length === 0 ? null : decodeIncoming(bytes) };
  },
});

export function getOrder(view: VaultView, root: Uint8Array, device: Uint8Array): Order<HeldItem> {
  const key = deviceKey(root, device);
  const waiting = held.list(view, `${key}/`).map(([rowKey, row]) => ({
    seq: Number(rowKey.slice(key.length + 1, rowKey.lastIndexOf("/"))),
    arrivedMs: row.arrivedMs,
    item: row.item,
  }));
  return { next: next.get(view, key) ?? 1, waiting };
}

export function putOrder(
  tx: VaultTransaction,
  root: Uint8Array,
  device: Uint8Array,
  order: Order<HeldItem>,
): void {
  const key = deviceKey(root, device);
  next.put(tx, key, order.next);
  const rows = new Map<string, HeldRow>();
  for (const { seq, arrivedMs, item } of order.waiting) {
    // Two messages with one seq may wait: a sender whose vault was rolled back counts on from there.
    const prefix = `${key}/${indexKey(seq)}/`;
    let nth = 0;
    while (rows.has(prefix + nth)) nth += 1;
    rows.set(prefix + nth, { arrivedMs, item });
  }
  for (const rowKey of held.keys(tx, `${key}/`)) {
    if (!rows.has(rowKey)) held.delete(tx, rowKey);
  }
  for (const [rowKey, row] of rows) held.put(tx, rowKey, row);
}

/** Devices of which something waits, as [root, device] in hex. */
export function listHeld(view: VaultView): readonly (readonly [root: string, device: string])[] {
  const devices = new Map<string, readonly [string, string]>();
  for (const key of held.keys(view)) {
    const [root = "", device = ""] = key.split("/");
    devices.set(`${root}/${device}`, [root, device]);
  }
  return [...devices.values()];
}

function decodeIncoming(bytes: Uint8Array): IncomingRow {
  const fields: CborValue = decodeCbor(bytes);
  const row = Array.isArray(fields) ? MESSAGE_ROW.decode(new RowReader(fields)) : undefined;
  if (row?.direction !== "in") throw new TumarError("VAULT_DAMAGED", "a held row has no form");
  return row;
}

function deviceKey(root: Uint8Array, device: Uint8Array): string {
  return `${toHex(root)}/${toHex(device)}`;
}
