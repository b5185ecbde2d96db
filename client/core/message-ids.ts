/** Message ids as people type them: the beginning of what a list shows, in base32. */

import { fromHex, toBase32 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { VaultView } from "../vault/draft.ts";
import { getMessage, listMessageIds, messageIndex } from "./state/messages.ts";

/** 20 bits: fewer would often name two. */
export const MIN_PREFIX_CHARACTERS = 4;

/** The received message whose id begins so. @throws TumarError MESSAGE_UNKNOWN, MESSAGE_AMBIGUOUS */
export function findReceivedId(view: VaultView, prefix: string): Uint8Array {
  const typed = prefix.toLowerCase();
  if (typed.length < MIN_PREFIX_CHARACTERS) {
    throw new TumarError("MESSAGE_UNKNOWN", "type at least 4 characters of the id");
  }
  const found = listMessageIds(view)
    .map(fromHex)
    .filter((id) => toBase32(id).startsWith(typed) && isReceived(view, id));
  const [id] = found;
  if (id === undefined) throw new TumarError("MESSAGE_UNKNOWN", "no message's id begins so");
  if (found.length > 1) {
    throw new TumarError("MESSAGE_AMBIGUOUS", "more than one message's id begins so");
  }
  return id;
}

function isReceived(view: VaultView, id: Uint8Array): boolean {
  const index = messageIndex(view, id);
  return index !== undefined && getMessage(view, index)?.direction === "in";
}
