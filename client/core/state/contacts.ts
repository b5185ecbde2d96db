/**
 * The people this vault knows, pinned by root: from a card, or from a first message. Names are
 * local. What each of their devices may be reached by is kept beside the session with it.
 */

import { toHex } from "../../../shared/crypto/bytes.ts";
import { parseSigningPublicKey, type SigningPublicKey } from "../../../shared/crypto/sodium.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { flag, Table } from "./table.ts";

export interface ContactRow {
  readonly root: SigningPublicKey;
  /** Null until added or named. */
  readonly name: string | null;
  readonly isVerified: boolean;
  /** Fail-closed: set by a certificate that does not chain to the root. */
  readonly isIdentityChanged: boolean;
  /** Their card as text; null for somebody who wrote first. */
  readonly card: string | null;
  /** Encoded places of their status record; null until told. */
  readonly status: Uint8Array | null;
  /** Their statements, encoded. */
  readonly statements: readonly Uint8Array[];
  /** Set hash of theirs that we could not match: their status record says more than we know. */
  readonly wantedSet: Uint8Array | null;
  /** Set hash of ours they named last and were sent our statements for. */
  readonly answeredSet: Uint8Array | null;
  /** Tags of the grants of ours that are theirs, one at each home; none before the first were given out. */
  readonly myTags: readonly Uint8Array[];
  /** Whether they were given our grant list, in a first flight or a session. */
  readonly isGrantSent: boolean;
  /** Whether they were told our status record. */
  readonly isStatusSent: boolean;
  /** seq of the last message to them from this device. */
  readonly lastSeq: number;
}

/** What we hold about one device of a contact. */
export interface PeerRow {
  /** Serialised sessions (shared/e2ee/sessions.ts); null before the first. */
  readonly sessions: Uint8Array | null;
  /** Encoded grant list: where this device takes deposits from us. */
  readonly grants: Uint8Array;
  /** seq of the message that told them; 0 when it was none. An older list never replaces a newer. */
  readonly grantsSeq: number;
  /** The same of the places of their status record. */
  readonly statusSeq: number;
  /** Hash of the relay through which the session we began last was begun; null when we began none. */
  readonly via: Uint8Array | null;
}

const contacts = new Table<ContactRow>("contact", {
  encode: (row) => [
    row.root,
    row.name ?? "",
    flag(row.isVerified),
    flag(row.isIdentityChanged),
    row.card ?? "",
    row.status ?? new Uint8Array(0),
    row.statements,
    row.wantedSet ?? new Uint8Array(0),
    row.answeredSet ?? new Uint8Array(0),
    row.myTags,
    flag(row.isGrantSent),
    flag(row.isStatusSent),
    row.lastSeq,
  ],
  decode: (fields) => ({
    root: parseSigningPublicKey(fields.bytes(32)),
    name: fields.text() || null,
    isVerified: fields.flag(),
    isIdentityChanged: fields.flag(),
    card: fields.text() || null,
    status: fields.optional(),
    statements: fields.bytesList(),
    wantedSet: fields.optional(16),
    answeredSet: fields.optional(16),
    myTags: fields.bytesList(),
    isGrantSent: fields.flag(),
    isStatusSent: fields.flag(),
    lastSeq: fields.integer(),
  }),
});

/** Of a device that told us nothing yet. */
export const NEW_PEER: PeerRow = {
  sessions: null,
  grants: Uint8Array.of(0),
  grantsSeq: 0,
  statusSeq: 0,
  via: null,
};

const peers = new Table<PeerRow>("peer", {
  encode: (row) => [
    row.sessions ?? new Uint8Array(0),
    row.grants,
    row.grantsSeq,
    row.statusSeq,
    row.via ?? new Uint8Array(0),
  ],
  decode: (fields) => ({
    sessions: fields.optional(),
    grants: fields.bytes(),
    grantsSeq: fields.integer(),
    statusSeq: fields.integer(),
    via: fields.optional(16),
  }),
});

export function getContact(view: VaultView, root: Uint8Array): ContactRow | undefined {
  return contacts.get(view, toHex(root));
}

export function putContact(tx: VaultTransaction, row: ContactRow): void {
  contacts.put(tx, toHex(row.root), row);
}

export function listContacts(view: VaultView): readonly ContactRow[] {
  return contacts.list(view).map(([, row]) => row);
}

/** A person of this side named them or wrote to them: our software may talk to theirs. */
export function isChosen({ name, lastSeq }: ContactRow): boolean {
  return name !== null || lastSeq > 0;
}

export function newContact(root: SigningPublicKey): ContactRow {
  return {
    root,
    name: null,
    isVerified: false,
    isIdentityChanged: false,
    card: null,
    status: null,
    statements: [],
    wantedSet: null,
    answeredSet: null,
    myTags: [],
    isGrantSent: false,
    isStatusSent: false,
    lastSeq: 0,
  };
}

export function getPeer(
  view: VaultView,
  root: Uint8Array,
  device: Uint8Array,
): PeerRow | undefined {
  return peers.get(view, peerKey(root, device));
}

export function countStrangers(view: VaultView): number {
  return listContacts(view).filter((contact) => !isChosen(contact)).length;
}

export function countPeers(view: VaultView, root: Uint8Array): number {
  return peers.keys(view, `${toHex(root)}/`).length;
}

/** Of one contact, or of all. */
export function listPeers(view: VaultView, root?: Uint8Array): readonly PeerRow[] {
  return peers.list(view, root === undefined ? "" : `${toHex(root)}/`).map(([, row]) => row);
}

export function putPeer(
  tx: VaultTransaction,
  root: Uint8Array,
  device: Uint8Array,
  row: PeerRow,
): void {
  peers.put(tx, peerKey(root, device), row);
}

function peerKey(root: Uint8Array, device: Uint8Array): string {
  return `${toHex(root)}/${toHex(device)}`;
}
