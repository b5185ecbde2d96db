/**
 * What one contact is told by itself, without a person writing: where to answer (kind `grant`) and
 * where the status record is (kind `status`). To somebody who was not added nothing goes before a
 * person writes to them or names them.
 */

import { parseReadKey, parseRecordId } from "../../shared/e2ee/record-part.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { StatusPlace } from "../../shared/e2ee/status-record.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { replyGrants } from "./reply-grants.ts";
import { draft } from "./seal.ts";
import { type ContactRow, getContact, isChosen, listPeers, putContact } from "./state/contacts.ts";
import { liveHomes } from "./state/homes.ts";

/** `hasWritten`: a person of this side chose to answer. Drafts only; the caller seals. */
export function draftCourtesies(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  hasWritten: boolean,
): void {
  const contact = getContact(tx, root);
  const isWanted = contact !== undefined && (hasWritten || isChosen(contact));
  if (!isWanted || contact.isIdentityChanged || !hasSession(tx, contact)) return;
  const granted = contact.isGrantSent ? contact : draftGrant(tx, core, contact);
  if (!granted.isStatusSent) draftStatus(tx, core, granted);
}

function hasSession(tx: VaultTransaction, contact: ContactRow): boolean {
  return listPeers(tx, contact.root).some((peer) => peer.sessions !== null);
}

function draftGrant(tx: VaultTransaction, core: Core, contact: ContactRow): ContactRow {
  const places = replyGrants(tx, core, contact);
  const claimed = getContact(tx, contact.root) ?? contact;
  return draft(tx, core, claimed, { kind: "grant", places }).contact;
}

function draftStatus(tx: VaultTransaction, core: Core, contact: ContactRow): void {
  const places = liveHomes(tx).map(
    ({ address, status }): StatusPlace => ({
      relay: parseRelayAddress(address),
      id: parseRecordId(status.id),
      readKey: parseReadKey(status.readKey),
    }),
  );
  const next = draft(tx, core, contact, { kind: "status", places }).contact;
  putContact(tx, { ...next, isStatusSent: true });
}
