/**
 * What has to leave this device. A draft is content that no session could seal yet; an envelope is
 * the exact ciphertext, retried as the same bytes until a relay's receipt. Both lie in the vault
 * before anything is sent. What leaves first is said by its lane, then by its place.
 */

import { equalBytes, toHex } from "../../../shared/crypto/bytes.ts";
import { type Content, encodeContent, readContent } from "../../../shared/e2ee/content.ts";
import { parseRelayAddress } from "../../../shared/e2ee/relay-address.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { LANES } from "../message-state.ts";
import type { Lane } from "../types.ts";
import { flag, indexKey, Table } from "./table.ts";

/** Content waiting for a session with every device of the recipient; its set hashes are set when it is sealed. */
export interface DraftRow {
  readonly root: Uint8Array;
  readonly content: Content;
}

export interface EnvelopeRow {
  readonly root: Uint8Array;
  readonly device: Uint8Array;
  readonly messageId: Uint8Array;
  /** Address of the relay and the grant's depositId there. */
  readonly relay: string;
  readonly depositId: Uint8Array;
  /** What the envelope is wrapped under. */
  readonly wrapKey: Uint8Array;
  readonly lane: Lane;
  /** For the relay: may use what it reserves for urgent ones. */
  readonly urgent: boolean;
  /** Days since 1970. */
  readonly expiryDay: number;
  readonly envelope: Uint8Array;
  /** Why it is still here, as an error code; empty before the first try. */
  readonly lastFault: string;
  /** Its twin, the same frame at another relay, is stored: nobody waits for this one. */
  readonly isSpare: boolean;
}

const drafts = new Table<DraftRow>("draft", {
  encode: (row) => [row.root, encodeContent(row.content)],
  decode: (fields) => ({ root: fields.bytes(32), content: readContent(fields.bytes()) }),
});

const envelopes = new Table<EnvelopeRow>("envelope", {
  encode: (row) => [
    row.root,
    row.device,
    row.messageId,
    row.relay,
    row.depositId,
    row.wrapKey,
    LANES.indexOf(row.lane),
    flag(row.urgent),
    row.expiryDay,
    row.envelope,
    row.lastFault,
    flag(row.isSpare),
  ],
  decode: (fields) => ({
    root: fields.bytes(32),
    device: fields.bytes(16),
    messageId: fields.bytes(16),
    relay: fields.text(),
    depositId: fields.bytes(24),
    wrapKey: fields.bytes(32),
    lane: fields.oneOf(LANES),
    urgent: fields.flag(),
    expiryDay: fields.integer(),
    envelope: fields.bytes(),
    lastFault: fields.text(),
    isSpare: fields.flag(),
  }),
});

/** Places of the envelopes of each message, as keys. */
const byMessage = new Table<number>("envelope-of", {
  encode: (place) => [place],
  decode: (fields) => fields.integer(),
});

/** Places by the hash of the relay they are for, by lane, then in the order of sending. */
const byRelay = new Table<number>("envelope-at", {
  encode: (place) => [place],
  decode: (fields) => fields.integer(),
});

/** Places by the root they are for. */
const byRoot = new Table<number>("envelope-to", {
  encode: (place) => [place],
  decode: (fields) => fields.integer(),
});

const counter = new Table<number>("outbox-last", {
  encode: (value) => [value],
  decode: (fields) => fields.integer(),
});

/** A place in the order of sending, never used twice. */
export function nextPlace(tx: VaultTransaction): number {
  const place = (counter.get(tx, "place") ?? 0) + 1;
  counter.put(tx, "place", place);
  return place;
}

export function putDraft(tx: VaultTransaction, place: number, row: DraftRow): void {
  drafts.put(tx, rootKey(row.root, place), row);
}

export function deleteDraft(tx: VaultTransaction, root: Uint8Array, place: number): void {
  drafts.delete(tx, rootKey(root, place));
}

/** In the order of sending. */
export function listDrafts(view: VaultView, root: Uint8Array): [place: number, row: DraftRow][] {
  const under = rootKey(root);
  return drafts.list(view, under).map(([key, row]) => [Number(key.slice(under.length)), row]);
}

/** Each once, in hex. */
export function rootsWithDrafts(view: VaultView): readonly string[] {
  return [...new Set(drafts.keys(view).map((key) => key.slice(0, key.indexOf("/"))))];
}

export function putEnvelope(tx: VaultTransaction, place: number, row: EnvelopeRow): void {
  const held = getEnvelope(tx, place);
  if (held !== undefined) byRelay.delete(tx, relayKey(held, place));
  envelopes.put(tx, indexKey(place), row);
  byMessage.put(tx, messageKey(row.messageId, place), place);
  byRelay.put(tx, relayKey(row, place), place);
  byRoot.put(tx, rootKey(row.root, place), place);
}

export function deleteEnvelope(tx: VaultTransaction, place: number): void {
  const row = getEnvelope(tx, place);
  if (row === undefined) return;
  envelopes.delete(tx, indexKey(place));
  byMessage.delete(tx, messageKey(row.messageId, place));
  byRelay.delete(tx, relayKey(row, place));
  byRoot.delete(tx, rootKey(row.root, place));
}

/** How many envelopes for them wait. */
export function countEnvelopesTo(view: VaultView, root: Uint8Array): number {
  return byRoot.keys(view, rootKey(root)).length;
}

export function getEnvelope(view: VaultView, place: number): EnvelopeRow | undefined {
  return envelopes.get(view, indexKey(place));
}

export function listEnvelopes(view: VaultView): [place: number, row: EnvelopeRow][] {
  return envelopes.list(view).map(([key, row]) => [Number(key), row]);
}

/** Hashes, in hex, of the relays that something waits for; each once. */
export function relaysWithEnvelopes(view: VaultView): readonly string[] {
  return [...new Set(byRelay.keys(view).map((key) => key.slice(0, key.indexOf("/"))))];
}

/** Without reading the envelopes; by lane, then in the order of sending. Of one lane, or of all. */
export function placesAt(view: VaultView, relayHash: string, lane?: Lane): readonly number[] {
  const under = `${relayHash}/${lane === undefined ? "" : LANES.indexOf(lane)}`;
  const start = relayHash.length + 2;
  return byRelay.keys(view, under).map((key) => Number(key.slice(start)));
}

/** Other envelopes of the same frame. */
export function twinsOf(
  view: VaultView,
  place: number,
  { messageId, device }: EnvelopeRow,
): readonly EnvelopeRow[] {
  return listOf(view, messageId).flatMap(([other, row]) =>
    other !== place && equalBytes(row.device, device) ? row : [],
  );
}

/** What of a message still waits; spare ones do not count. */
export function envelopesOf(view: VaultView, messageId: Uint8Array): readonly EnvelopeRow[] {
  return listOf(view, messageId).flatMap(([, row]) => (row.isSpare ? [] : row));
}

/** One of the device's envelopes is stored: its twins need not be. */
export function spareTwins(tx: VaultTransaction, place: number, row: EnvelopeRow): void {
  for (const [other, twin] of listOf(tx, row.messageId)) {
    if (other === place || twin.isSpare || !equalBytes(twin.device, row.device)) continue;
    putEnvelope(tx, other, { ...twin, isSpare: true });
  }
}

function listOf(view: VaultView, messageId: Uint8Array): [place: number, row: EnvelopeRow][] {
  return byMessage.list(view, messageKey(messageId)).flatMap(([, place]) => {
    const row = getEnvelope(view, place);
    return row === undefined ? [] : [[place, row]];
  });
}

/** Ids in hex of all that waits, as draft or sealed; each once. */
export function waitingMessages(view: VaultView): readonly string[] {
  const drafted = drafts.list(view).map(([, { content }]) => toHex(content.messageId));
  const sealed = byMessage.keys(view).map((key) => key.slice(0, key.indexOf("/")));
  return [...new Set([...drafted, ...sealed])];
}

function rootKey(root: Uint8Array, place?: number): string {
  return `${toHex(root)}/${place === undefined ? "" : indexKey(place)}`;
}

function relayKey({ relay, lane }: EnvelopeRow, place: number): string {
  const { hash } = parseRelayAddress(relay);
  return `${toHex(hash)}/${LANES.indexOf(lane)}${indexKey(place)}`;
}

function messageKey(messageId: Uint8Array, place?: number): string {
  return `${toHex(messageId)}/${place === undefined ? "" : indexKey(place)}`;
}
