/**
 * What is sent beside an envelope: a row for each message with media, one for each of its blobs (its
 * key, where it lies sealed here, where it goes), and which updates told about them. A blob that is
 * stored leaves only what writing its manifest again would need.
 */

import { EMPTY, toHex } from "../../../shared/crypto/bytes.ts";
import { type BlobKey, parseBlobKey } from "../../../shared/e2ee/blob.ts";
import type { Content, MessageId } from "../../../shared/e2ee/content.ts";
import { METADATA_STATES, type MetadataState, type PartRole } from "../../../shared/e2ee/media.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import type { MediaKind } from "../types.ts";
import { flag, Table } from "./table.ts";

export interface SentMediaRow {
  /** Untrusted on the other side, cleaned on this one. */
  readonly name: string;
  readonly type: string;
  readonly metadata: MetadataState;
  /** 0 = not known. */
  readonly durationMs: number;
  /** Its manifest left before its end was known. */
  readonly isLive: boolean;
  /** Its recording ended with the process that made it, or by a fault of its source. */
  readonly isCutOff: boolean;
  /** What was sealed of it is gone, or was never finished: it will not be sent. */
  readonly isLost: boolean;
}

export interface SentPartRow {
  readonly role: PartRole;
  /** Null when nobody will ask for the manifest again: what was sent cannot be read here any more. */
  readonly key: BlobKey | null;
  /** Name of the sealed bytes here; empty once they are stored or given up. */
  readonly spool: string;
  /** `dataBytes` and `sealedBytes` 0, `hash` empty while it grows. */
  readonly dataBytes: number;
  readonly sealedBytes: number;
  readonly hash: Uint8Array;
  /** Whoever knows it may write the blob. */
  readonly uploadId: Uint8Array;
  /** Address of the relay and the grant's depositId there; empty until the manifest is sealed. */
  readonly relay: string;
  readonly depositId: Uint8Array;
  /** Days since 1970. */
  readonly expiryDay: number;
  /** At the relay, as last told. */
  readonly storedBytes: number;
  readonly isStored: boolean;
  /** Why it is still here, as an error code; empty before the first try. */
  readonly lastFault: string;
}

/** One `media-update` that was written: for when it has to be sealed again, and to whom its envelope belongs. */
export interface UpdateRow {
  readonly media: Uint8Array;
  readonly part: 0 | 1;
  readonly seq: number;
  readonly hour: number;
}

/** A file that is being sealed and was not written as a message yet; by the name of its spool. */
export interface SealingRow {
  readonly root: Uint8Array;
  readonly kind: MediaKind;
  readonly name: string;
}

const MEDIA_KINDS = ["clip", "photo", "voice", "file"] as const satisfies readonly MediaKind[];
const ROLES = ["whole", "preview"] as const satisfies readonly PartRole[];

const media = new Table<SentMediaRow>("media-out", {
  encode: (row) => [
    row.name,
    row.type,
    METADATA_STATES.indexOf(row.metadata),
    row.durationMs,
    flag(row.isLive),
    flag(row.isCutOff),
    flag(row.isLost),
  ],
  decode: (fields) => ({
    name: fields.text(),
    type: fields.text(),
    metadata: fields.oneOf(METADATA_STATES),
    durationMs: fields.integer(),
    isLive: fields.flag(),
    isCutOff: fields.flag(),
    isLost: fields.flag(),
  }),
});

const parts = new Table<SentPartRow>("media-out-part", {
  encode: (row) => [
    ROLES.indexOf(row.role),
    row.key ?? EMPTY,
    row.spool,
    row.dataBytes,
    row.sealedBytes,
    row.hash,
    row.uploadId,
    row.relay,
    row.depositId,
    row.expiryDay,
    row.storedBytes,
    flag(row.isStored),
    row.lastFault,
  ],
  decode: (fields) => ({
    role: fields.oneOf(ROLES),
    key: keyOf(fields.optional(32)),
    spool: fields.text(),
    dataBytes: fields.integer(),
    sealedBytes: fields.integer(),
    hash: fields.bytes(),
    uploadId: fields.bytes(24),
    relay: fields.text(),
    depositId: fields.bytes(),
    expiryDay: fields.integer(),
    storedBytes: fields.integer(),
    isStored: fields.flag(),
    lastFault: fields.text(),
  }),
});

const updates = new Table<UpdateRow>("media-update", {
  encode: (row) => [row.media, row.part, row.seq, row.hour],
  decode: (fields) => ({
    media: fields.bytes(16),
    part: fields.integer() === 0 ? 0 : 1,
    seq: fields.integer(),
    hour: fields.integer(),
  }),
});

const sealing = new Table<SealingRow>("media-sealing", {
  encode: (row) => [row.root, MEDIA_KINDS.indexOf(row.kind), row.name],
  decode: (fields) => ({
    root: fields.bytes(32),
    kind: fields.oneOf(MEDIA_KINDS),
    name: fields.text(),
  }),
});

/** The updates of each message, as keys. */
const updatesOf = new Table<Uint8Array>("media-update-of", {
  encode: (id) => [id],
  decode: (fields) => fields.bytes(16),
});

export function getSentMedia(view: VaultView, id: Uint8Array): SentMediaRow | undefined {
  return media.get(view, toHex(id));
}

export function putSentMedia(tx: VaultTransaction, id: Uint8Array, row: SentMediaRow): void {
  media.put(tx, toHex(id), row);
}

export function getSentPart(view: VaultView, id: Uint8Array, part: 0 | 1): SentPartRow | undefined {
  return parts.get(view, partKey(id, part));
}

/** In their order: the preview first. */
export function sentPartsOf(
  view: VaultView,
  id: Uint8Array,
): readonly (readonly [part: 0 | 1, row: SentPartRow])[] {
  return parts
    .list(view, partKey(id))
    .map(([key, row]) => [key.endsWith("/1") ? 1 : 0, row] as const);
}

export function putSentPart(
  tx: VaultTransaction,
  id: Uint8Array,
  part: 0 | 1,
  row: SentPartRow,
): void {
  parts.put(tx, partKey(id, part), row);
}

/** Of all messages, by id in hex. */
export function listSentParts(
  view: VaultView,
): readonly (readonly [id: string, part: 0 | 1, row: SentPartRow])[] {
  return parts
    .list(view)
    .map(([key, row]) => [key.slice(0, -2), key.endsWith("/1") ? 1 : 0, row] as const);
}

/** Something of it is not stored and not given up. */
export function isUploading({ spool, isStored }: SentPartRow): boolean {
  return spool !== "" && !isStored;
}

/** It never came to be stored, and will not be. */
export function isGivenUp({ spool, isStored }: SentPartRow): boolean {
  return spool === "" && !isStored;
}

export function addUpdate(
  tx: VaultTransaction,
  { messageId, seq, hour }: Content,
  of: { readonly media: Uint8Array; readonly part: 0 | 1 },
): void {
  updates.put(tx, toHex(messageId), { ...of, seq, hour });
  updatesOf.put(tx, `${toHex(of.media)}/${toHex(messageId)}`, messageId);
}

export function getUpdate(view: VaultView, id: Uint8Array): UpdateRow | undefined {
  return updates.get(view, toHex(id));
}

/** Ids of the updates that told about a message. */
export function updateIdsOf(view: VaultView, id: Uint8Array): readonly Uint8Array[] {
  return updatesOf.list(view, `${toHex(id)}/`).map(([, updateId]) => updateId);
}

/** The message that is sent, for its own id and for those of its updates. */
export function messageOf(view: VaultView, id: MessageId | Uint8Array): Uint8Array {
  return getUpdate(view, id)?.media ?? id;
}

/** Nobody will ask for its manifest again: its keys are forgotten. */
export function forgetKeys(tx: VaultTransaction, id: Uint8Array): void {
  for (const [part, row] of sentPartsOf(tx, id)) {
    if (row.isStored && row.key !== null) putSentPart(tx, id, part, { ...row, key: null });
  }
}

export function putSealing(tx: VaultTransaction, spool: string, row: SealingRow): void {
  sealing.put(tx, spool, row);
}

export function deleteSealing(tx: VaultTransaction, spool: string): void {
  sealing.delete(tx, spool);
}

export function listSealing(
  view: VaultView,
): readonly (readonly [spool: string, row: SealingRow])[] {
  return sealing.list(view);
}

function keyOf(bytes: Uint8Array | null): BlobKey | null {
  return bytes === null ? null : parseBlobKey(bytes);
}

function partKey(id: Uint8Array, part?: 0 | 1): string {
  return `${toHex(id)}/${part === undefined ? "" : part}`;
}
