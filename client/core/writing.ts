/** What a person writes: put in order, and into the vault with the row that shows it. */

import { utf8 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { WrittenBody } from "../../shared/e2ee/content.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { draftCourtesies } from "./courtesies.ts";
import { findContact } from "./directory.ts";
import { draft } from "./seal.ts";
import { addMessage, type OutgoingRow } from "./state/messages.ts";
import { checkTextLength, textRoom } from "./text-room.ts";

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
  const contact = findContact(tx, nameOrPrefix);
  if (contact.isIdentityChanged) {
    throw new TumarError("IDENTITY_CHANGED", "this contact's identity has changed");
  }
  checkTextLength(textRoom(tx), utf8(body.text).length);
  draftCourtesies(tx, core, contact.root, true);
  const { content } = draft(tx, core, findContact(tx, nameOrPrefix), body);
  const row: OutgoingRow = {
    direction: "out",
    root: contact.root,
    id: content.messageId,
    kind: body.kind,
    text: body.text,
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
