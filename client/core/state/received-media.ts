/**
 * What others sent beside an envelope: a row for each message with media, one for each of its blobs (its
 * key, where it is, how much of it is there and here), and updates that came before their message.
 */

import { toHex } from "../../../shared/crypto/bytes.ts";
import { type BlobKey, parseBlobKey } from "../../../shared/e2ee/blob.ts";
import {
  decodeMediaUpdate,
  encodeMediaUpdate,
  METADATA_STATES,
  type MediaUpdate,
  type MetadataState,
  type PartRole,
} from "../../../shared/e2ee/media.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import type { PartKnowledge } from "../media-state.ts";
import { flag, indexKey, Table } from "./table.ts";

export interface ReceivedMediaRow {
  /** Who sent it, and alone may say more of it. */
  readonly root: Uint8Array;
  readonly device: Uint8Array;
  /** Untrusted. */
  readonly name: string;
  readonly type: string;
  readonly metadata: MetadataState;
  /** 0 = not known. */
  readonly durationMs: number;
}

export interface ReceivedPartRow extends PartKnowledge {
  readonly role: PartRole;
  readonly key: BlobKey;
  /** Address of the relay and the blob there. */
  readonly relay: string;
  readonly blobId: Uint8Array;
  readonly dataBytes: number;
  readonly hash: Uint8Array;
  /** Of the newest update that named a place; 0 = the manifest's. */
  readonly placeSeq: number;
  /** Name of the sealed bytes here; empty before the first were fetched. */
  readonly store: string;
  /** Of the last chunk that was opened; 0 = not known. */
  readonly elapsedMs: number;
}

const ROLES = ["whole", "preview"] as const satisfies readonly PartRole[];
/** Of one device: an honest one has its manifest follow within minutes. */
const MAX_EARLY = 32;

const media = new Table<ReceivedMediaRow>("media-in", {
  encode: (row) => [
    row.root,
    row.device,
    row.name,
    row.type,
    METADATA_STATES.indexOf(row.metadata),
    row.durationMs,
  ],
  decode: (fields) => ({
    root: fields.bytes(32),
    device: fields.bytes(16),
    name: fields.text(),
    type: fields.text(),
    metadata: fields.oneOf(METADATA_STATES),
    durationMs: fields.integer(),
  }),
});

const parts = new Table<ReceivedPartRow>("media-in-part", {
  encode: (row) => [
    ROLES.indexOf(row.role),
    row.key,
    row.relay,
    row.blobId,
    row.dataBytes,
    row.sealedBytes,
    row.hash,
    flag(row.isCutOff),
    row.placeSeq,
    row.store,
    row.fetchedBytes,
    row.elapsedMs,
    row.storedBytes,
    flag(row.isQuiet),
  ],
  decode: (fields) => ({
    role: fields.oneOf(ROLES),
    key: parseBlobKey(fields.bytes(32)),
    relay: fields.text(),
    blobId: fields.bytes(24),
    dataBytes: fields.integer(),
    sealedBytes: fields.integer(),
    hash: fields.bytes(),
    isCutOff: fields.flag(),
    placeSeq: fields.integer(),
    store: fields.text(),
    fetchedBytes: fields.integer(),
    elapsedMs: fields.integer(),
    storedBytes: fields.integer(),
    isQuiet: fields.flag(),
  }),
});

const early = new Table<MediaUpdate>("media-early", {
  encode: (update) => [encodeMediaUpdate(update)],
  decode: (fields) => decodeMediaUpdate(fields.bytes()),
});

export function getReceivedMedia(view: VaultView, id: Uint8Array): ReceivedMediaRow | undefined {
  return media.get(view, toHex(id));
}

export function putReceivedMedia(
  tx: VaultTransaction,
  id: Uint8Array,
  row: ReceivedMediaRow,
): void {
  media.put(tx, toHex(id), row);
}

export function getReceivedPart(
  view: VaultView,
  id: Uint8Array,
  part: 0 | 1,
): ReceivedPartRow | undefined {
  return parts.get(view, partKey(id, part));
}

/** In their order: the preview first. */
export function receivedPartsOf(
  view: VaultView,
  id: Uint8Array,
): readonly (readonly [part: 0 | 1, row: ReceivedPartRow])[] {
  return parts
    .list(view, partKey(id))
    .map(([key, row]) => [key.endsWith("/1") ? 1 : 0, row] as const);
}

export function putReceivedPart(
  tx: VaultTransaction,
  id: Uint8Array,
  part: 0 | 1,
  row: ReceivedPartRow,
): void {
  parts.put(tx, partKey(id, part), row);
}

/** Of all messages, by id in hex. */
export function listReceivedParts(
  view: VaultView,
): readonly (readonly [id: string, part: 0 | 1, row: ReceivedPartRow])[] {
  return parts
    .list(view)
    .map(([key, row]) => [key.slice(0, -2), key.endsWith("/1") ? 1 : 0, row] as const);
}

/** Waits for the message it is about; of too many of one device the earliest written goes. */
export function addEarlyUpdate(
  tx: VaultTransaction,
  device: Uint8Array,
  seq: number,
  update: MediaUpdate,
): void {
  const under = `${toHex(device)}/`;
  early.put(tx, `${under}${indexKey(seq)}/${toHex(update.messageId)}`, update);
  const keys = early.keys(tx, under);
  for (const key of keys.slice(0, Math.max(0, keys.length - MAX_EARLY))) early.delete(tx, key);
}

/** Those about this message, from the device that sent it; they wait no more. */
export function takeEarlyUpdates(
  tx: VaultTransaction,
  device: Uint8Array,
  id: Uint8Array,
): readonly (readonly [seq: number, update: MediaUpdate])[] {
  const under = `${toHex(device)}/`;
  const about = early.list(tx, under).filter(([key]) => key.endsWith(`/${toHex(id)}`));
  for (const [key] of about) early.delete(tx, key);
  return about.map(([key, update]) => {
    const seq = key.slice(under.length, key.lastIndexOf("/"));
    return [Number(seq), update] as const;
  });
}

function partKey(id: Uint8Array, part?: 0 | 1): string {
  return `${toHex(id)}/${part === undefined ? "" : part}`;
}
