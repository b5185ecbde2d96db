/**
 * Keeping both sides' knowledge of statements level. Every message names the hashes of what its
 * sender knows about both; where they differ, the reader reads the other's status record, and sends
 * what the other lacks about itself.
 */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { Content } from "../../shared/e2ee/content.ts";
import type { Statement } from "../../shared/e2ee/statement.ts";
import { addStatements, isHashed, setHash, statementsOf } from "../../shared/e2ee/statement-set.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import { type Core, contactSet, ownSet } from "./context.ts";
import { draft } from "./seal.ts";
import {
  type ContactRow,
  getContact,
  isChosen,
  listContacts,
  putContact,
} from "./state/contacts.ts";
import { getIdentity } from "./state/identity.ts";
import { encodeSet } from "./state/statements.ts";

/** Far more than an honest identity makes in its life; a contact cannot grow our vault without end. */
export const MAX_KNOWN_STATEMENTS = 512;

/**
 * The contact with these statements joined in, all or nothing.
 * @throws TumarError IDENTITY_CHANGED, BAD_SIGNATURE, NOT_EMPOWERED, UNKNOWN_DEVICE, LIMIT_REACHED
 */
export function withStatements(
  core: Core,
  contact: ContactRow,
  statements: readonly Statement[],
  hour: number,
): ContactRow {
  const set = addStatements(contactSet(core, contact), statements, hour);
  if (set.entries.size > MAX_KNOWN_STATEMENTS) {
    throw new TumarError("LIMIT_REACHED", "too many statements about one identity");
  }
  return { ...contact, statements: encodeSet(set) };
}

/** Compares what a message says its sender knows with what we know. A stranger is told nothing. */
export function compareSets(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  { senderSet, readerSet }: Content,
): void {
  const contact = getContact(tx, root);
  if (contact === undefined) return;
  const isLevel = equalBytes(setHash(contactSet(core, contact)), senderSet);
  const next = { ...contact, wantedSet: isLevel ? null : senderSet };
  putContact(tx, next);
  const own = ownSet(core, getIdentity(tx));
  const isKnown = equalBytes(setHash(own), readerSet);
  const isAnswered = next.answeredSet !== null && equalBytes(next.answeredSet, readerSet);
  if (isKnown || isAnswered || !isChosen(contact)) return;
  const statements = statementsOf(own)
    .filter(isHashed)
    .map(({ bytes }) => bytes);
  const told = { ...next, answeredSet: readerSet };
  draft(tx, core, told, { kind: "statements", statements });
}

/** Contacts whose status record is to be read; never a stranger's, whose relay would see our address. */
export function contactsToRead(view: VaultView): readonly ContactRow[] {
  return listContacts(view).filter(
    (contact) =>
      contact.wantedSet !== null &&
      contact.status !== null &&
      !contact.isIdentityChanged &&
      isChosen(contact),
  );
}
