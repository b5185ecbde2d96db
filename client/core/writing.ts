/** What a person writes: put in order, and into the vault with the row that shows it. */

import { utf8 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { MessageBody, WrittenBody } from "../../shared/e2ee/content.ts";
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { draftCourtesies } from "./courtesies.ts";
import { findContact } from "./directory.ts";
import { manifestDraft } from "./manifest.ts";
import { draft } from "./seal.ts";
import { type ContactRow, getContact } from "./state/contacts.ts";
import { addMessage, type OutgoingRow } from "./state/messages.ts";
import { checkTextLength, textRoom } from "./text-room.ts";
import type { MediaKind } from "./types.ts";

/** @throws TumarError TEXT_EMPTY, MALFORMED */
export function checkText(text: string): void {
  if (text === "") throw new TumarError("TEXT_EMPTY", "there is nothing to send");
  if (!isWellFormed(text)) throw new TumarError("MALFORMED", "the text is not valid Unicode");
}

/** Drafts only; the caller seals. @throws TumarError CONTACT_UNKNOWN, IDENTITY_CHANGED, TEXT_TOO_LONG */
export function writeMessage(
  tx: VaultTransaction,
  core: Core,
  nameOrPrefix: string,
  body: WrittenBody,
): OutgoingRow {
  const contact = recipientOf(tx, nameOrPrefix);
  checkTextLength(textRoom(tx), utf8(body.text).length);
  return write(tx, core, contact.root, body.kind, body.text, body);
}

/** Without its rows, which the caller adds (sent-media.ts). @throws TumarError CONTACT_UNKNOWN, IDENTITY_CHANGED */
export function writeManifest(
  tx: VaultTransaction,
  core: Core,
  nameOrPrefix: string,
  kind: MediaKind,
): OutgoingRow {
  const contact = recipientOf(tx, nameOrPrefix);
  return write(tx, core, contact.root, kind, "", manifestDraft(kind));
}

/** @throws TumarError CONTACT_UNKNOWN, CONTACT_AMBIGUOUS, IDENTITY_CHANGED */
export function recipientOf(view: VaultView, nameOrPrefix: string): ContactRow {
  const contact = findContact(view, nameOrPrefix);
  if (!contact.isIdentityChanged) return contact;
  throw new TumarError("IDENTITY_CHANGED", "this contact's identity has changed");
}

function write(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  kind: OutgoingRow["kind"],
  text: string,
  body: MessageBody,
): OutgoingRow {
  draftCourtesies(tx, core, root, true);
  const contact = getContact(tx, root);
  if (contact === undefined) throw new TumarError("CONTACT_UNKNOWN", "no such contact");
  const { content } = draft(tx, core, contact, body);
  const row: OutgoingRow = {
    direction: "out",
    root,
    id: content.messageId,
    kind,
    text,
    hour: content.hour,
    seq: content.seq,
    state: "written",
    writtenMs: core.time.nowMs(),
    receipt: null,
  };
  addMessage(tx, row);
  return row;
}

/** A lone surrogate cannot be written as UTF-8. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
