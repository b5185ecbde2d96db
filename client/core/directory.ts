/**
 * The contacts by the names people use: adding, naming, finding, verifying. Everything here works
 * without a network. A contact is its root; a name or an identity prefix only leads there.
 */

import { equalBytes, toBase32 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { type Card, formatBareCard, parseCard } from "../../shared/e2ee/card.ts";
import { safetyNumber } from "../../shared/e2ee/safety-number.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import {
  type ContactRow,
  getContact,
  listContacts,
  newContact,
  putContact,
} from "./state/contacts.ts";
import { getIdentity } from "./state/identity.ts";
import type { Contact } from "./types.ts";

const MAX_NAME_CHARACTERS = 100;
/** Fewer characters of an identity are too easily somebody else's. */
const MIN_PREFIX_CHARACTERS = 4;

/** @throws TumarError BAD_CARD, NAME_INVALID, NAME_TAKEN, OWN_CARD */
export function addCard(tx: VaultTransaction, link: string, name: string): ContactRow {
  const card = parseCard(link);
  if (equalBytes(card.root, getIdentity(tx).root)) {
    throw new TumarError("OWN_CARD", "this is the card of this vault itself");
  }
  const held = getContact(tx, card.root) ?? newContact(card.root);
  checkName(tx, name, held);
  const row = { ...held, name: held.name ?? tidy(name), card: formatBareCard(card) };
  putContact(tx, row);
  return row;
}

/** For somebody who wrote first. @throws TumarError CONTACT_UNKNOWN, NAME_INVALID, NAME_TAKEN */
export function nameContact(tx: VaultTransaction, prefix: string, name: string): ContactRow {
  const held = findContact(tx, prefix);
  checkName(tx, name, held);
  const row = { ...held, name: tidy(name) };
  putContact(tx, row);
  return row;
}

/**
 * By name, else by identity prefix (lower-case base32).
 * @throws TumarError CONTACT_UNKNOWN, CONTACT_AMBIGUOUS
 */
export function findContact(view: VaultView, nameOrPrefix: string): ContactRow {
  const wanted = tidy(nameOrPrefix);
  const all = listContacts(view);
  const named = all.find((row) => row.name === wanted);
  if (named !== undefined) return named;
  const prefix = wanted.toLowerCase();
  const found =
    prefix.length < MIN_PREFIX_CHARACTERS
      ? []
      : all.filter((row) => toBase32(row.root).startsWith(prefix));
  const [first, second] = found;
  if (first === undefined) throw new TumarError("CONTACT_UNKNOWN", "nobody by this name");
  if (second !== undefined) throw new TumarError("CONTACT_AMBIGUOUS", "several begin like this");
  return first;
}

export function confirmVerified(tx: VaultTransaction, nameOrPrefix: string): void {
  putContact(tx, { ...findContact(tx, nameOrPrefix), isVerified: true });
}

export function safetyNumberWith(view: VaultView, nameOrPrefix: string): string {
  return safetyNumber(getIdentity(view).root, findContact(view, nameOrPrefix).root);
}

export function describeContact(row: ContactRow): Contact {
  return {
    name: row.name,
    identity: row.root,
    isVerified: row.isVerified,
    isIdentityChanged: row.isIdentityChanged,
    isReachable: row.card !== null || row.statements.length > 0,
  };
}

export function cardOfContact(row: ContactRow): Card | null {
  return row.card === null ? null : parseCard(row.card);
}

function checkName(view: VaultView, name: string, own: ContactRow): void {
  const wanted = tidy(name);
  if (wanted === "" || wanted.length > MAX_NAME_CHARACTERS || /\p{Cc}/u.test(wanted)) {
    throw new TumarError("NAME_INVALID", "a name has 1 to 100 characters");
  }
  if (own.name !== null) {
    throw new TumarError(
      "CONTACT_NAME_TAKEN",
      "this contact was added before, under another name or this",
    );
  }
  if (listContacts(view).some((row) => row.name === wanted)) {
    throw new TumarError("CONTACT_NAME_TAKEN", "another contact has this name");
  }
}

function tidy(name: string): string {
  return name.normalize("NFC").trim();
}
