/**
 * The messages of this device, both ways, in the order they were written or received, and the
 * index from message id to row that drops a message that came twice.
 */

import { equalBytes, toHex } from "../../../shared/crypto/bytes.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import type { OutgoingState } from "../types.ts";
import { flag, indexKey, type RowFormat, Table } from "./table.ts";

const KINDS = ["text", "reset", "unsupported", "alert", "clip", "photo", "voice", "file"] as const;
const WRITTEN_KINDS = ["text", "alert", "clip", "photo", "voice", "file"] as const;
const STATES = ["written", "stored", "expired", "read"] as const satisfies readonly OutgoingState[];

interface MessageBase {
  /** Root of the other side. */
  readonly root: Uint8Array;
  readonly id: Uint8Array;
  /** Empty for media, which has rows of its own (sent-media.ts, received-media.ts). */
  readonly text: string;
  /** Hour the sender wrote it, since 1970. */
  readonly hour: number;
  /** Per (sending device, recipient identity); what a device sent is shown in this order. */
  readonly seq: number;
}

export interface OutgoingRow extends MessageBase {
  readonly direction: "out";
  readonly kind: (typeof WRITTEN_KINDS)[number];
  readonly state: OutgoingState;
  /** When it was written, by this device's clock: for the person who waits, and never sent. */
  readonly writtenMs: number;
  /** Address of the relay that stored it and the bytes of its receipt; null before. */
  readonly receipt: {
    readonly relay: string;
    readonly hour: number;
    readonly envelopeId: Uint8Array;
    readonly proof: Uint8Array;
  } | null;
}

export interface IncomingRow extends MessageBase {
  readonly direction: "in";
  readonly kind: (typeof KINDS)[number];
  readonly device: Uint8Array;
  readonly isShown: boolean;
  /** Its sender was told, or is about to be. */
  readonly isRead: boolean;
  /** What this version could not read, for one that can: number of its kind (0: no kind) and bytes. */
  readonly kept: { readonly number: number; readonly bytes: Uint8Array } | null;
}

export type MessageRow = OutgoingRow | IncomingRow;

export const MESSAGE_ROW: RowFormat<MessageRow> = {
  encode: (row) =>
    row.direction === "out"
      ? [
          0,
          row.root,
          row.id,
          row.text,
          row.hour,
          row.seq,
          WRITTEN_KINDS.indexOf(row.kind),
          STATES.indexOf(row.state),
          row.writtenMs,
          row.receipt?.relay ?? "",
          row.receipt?.hour ?? 0,
          row.receipt?.envelopeId ?? new Uint8Array(0),
          row.receipt?.proof ?? new Uint8Array(0),
        ]
      : [
          1,
          row.root,
          row.id,
          row.text,
          row.hour,
          row.seq,
          KINDS.indexOf(row.kind),
          row.device,
          flag(row.isShown),
          flag(row.isRead),
          ...(row.kept === null ? [] : [row.kept.number, row.kept.bytes]),
        ],
  decode: (fields) => {
    const isIncoming = fields.flag();
    const base = {
      root: fields.bytes(32),
      id: fields.bytes(16),
      text: fields.text(),
      hour: fields.integer(),
      seq: fields.integer(),
    };
    if (isIncoming) {
      return {
        ...base,
        direction: "in",
        kind: fields.oneOf(KINDS),
        device: fields.bytes(16),
        isShown: fields.flag(),
        isRead: fields.flag(),
        kept: fields.hasMore() ? { number: fields.integer(), bytes: fields.bytes() } : null,
      };
    }
    const kind = fields.oneOf(WRITTEN_KINDS);
    const state = fields.oneOf(STATES);
    const writtenMs = fields.integer();
    const [relay, hour] = [fields.text(), fields.integer()];
    const [envelopeId, proof] = [fields.bytes(), fields.bytes()];
    const receipt = relay === "" ? null : { relay, hour, envelopeId, proof };
    return { ...base, direction: "out", kind, state, writtenMs, receipt };
  },
};

const rows = new Table<MessageRow>("message", MESSAGE_ROW);
const byId = new Table<number>("message-id", {
  encode: (index) => [index],
  decode: (fields) => fields.integer(),
});

const last = new Table<number>("message-last", {
  encode: (index) => [index],
  decode: (fields) => fields.integer(),
});

/** Place of the newest message; 0 when there is none. */
export function lastMessageIndex(view: VaultView): number {
  return last.get(view, "place") ?? 0;
}

/** In hex, both ways, in no order. */
export function listMessageIds(view: VaultView): readonly string[] {
  return byId.keys(view);
}

/** Place of a message; undefined when this device has none of that id. */
export function messageIndex(view: VaultView, id: Uint8Array): number | undefined {
  return byId.get(view, toHex(id));
}

export function getMessage(view: VaultView, index: number): MessageRow | undefined {
  return rows.get(view, indexKey(index));
}

export function putMessage(tx: VaultTransaction, index: number, row: MessageRow): void {
  rows.put(tx, indexKey(index), row);
}

/** Appends; the caller has made sure that the id is new. */
export function addMessage(tx: VaultTransaction, row: MessageRow): number {
  const index = lastMessageIndex(tx) + 1;
  last.put(tx, "place", index);
  rows.put(tx, indexKey(index), row);
  byId.put(tx, toHex(row.id), index);
  return index;
}

/** Our own message of this id with its place; undefined for what is none or is not to this root. */
export function findOutgoing(
  view: VaultView,
  id: Uint8Array,
  root?: Uint8Array,
): readonly [index: number, row: OutgoingRow] | undefined {
  const index = messageIndex(view, id);
  const row = index === undefined ? undefined : getMessage(view, index);
  if (index === undefined || row?.direction !== "out") return undefined;
  return root === undefined || equalBytes(row.root, root) ? [index, row] : undefined;
}

/** The rows of these ids, in their order here; ids of what is no message are passed over. */
export function messagesOf(view: VaultView, ids: readonly string[]): readonly MessageRow[] {
  const places = ids.flatMap((id) => byId.get(view, id) ?? []);
  return places.sort((a, b) => a - b).flatMap((place) => getMessage(view, place) ?? []);
}

export function listMessages(view: VaultView): [index: number, row: MessageRow][] {
  return rows.list(view).map(([key, row]) => [Number(key), row]);
}
