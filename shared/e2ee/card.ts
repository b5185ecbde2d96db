/**
 * The card: what a person hands to others, as a link and a QR (docs/CRYPTOGRAPHY.md 4).
 *
 *     payload = root 32 ‖ card secret 16 ‖ relay address × 1 or 2 ‖ check 4
 *     check   = first 4 bytes of H("", "card-check", all before it, 16)
 *     link    = origin of the first relay ‖ "/c#1" ‖ base64url(payload);  also "tumar:1/" ‖ base64url
 *
 * At most 300 characters: a second relay that does not fit is dropped (locators carry all). Any
 * changed character is refused. The part after # is not sent to a web server that opens the link.
 */

import {
  ByteReader,
  concat,
  EMPTY,
  equalBytes,
  fromBase64Url,
  toBase64Url,
} from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import { H } from "../crypto/hash.ts";
import {
  parseSigningPublicKey,
  SIGNING_PUBLIC_KEY_BYTES,
  type SigningPublicKey,
} from "../crypto/sodium.ts";
import {
  encodeRelayAddress,
  type RelayAddress,
  readRelayAddress,
  relayOrigin,
} from "./relay-address.ts";
import { CARD_SECRET_BYTES, type CardSecret, parseCardSecret } from "./root.ts";

export interface Card {
  readonly root: SigningPublicKey;
  readonly secret: CardSecret;
  /** One or two. */
  readonly relays: readonly RelayAddress[];
}

export const MAX_CARD_CHARACTERS = 300;
export const CARD_CHECK_BYTES = 4;
const MAX_CARD_RELAYS = 2;

const FORM = /^(?:(https?:\/\/[^/#?]+)\/c#1|tumar:1\/)([A-Za-z0-9_-]+)$/;

/** The link; the second relay only when it fits, further ones never. @throws RangeError without a relay, or for a first one too long */
export function formatCard(card: Card): string {
  return linkOf(card, (payload, first) => `${relayOrigin(first)}/c#1${payload}`);
}

/** The form without a host, for those who must not see one: `tumar:1/…`. */
export function formatBareCard(card: Card): string {
  return linkOf(card, (payload) => `tumar:1/${payload}`);
}

/** Either form, spaces around it ignored. @throws TumarError BAD_CARD */
export function parseCard(text: string): Card {
  const [, origin, payload] = FORM.exec(text.trim()) ?? [];
  if (payload === undefined) throw new TumarError("BAD_CARD", "not a card");
  const card = decodePayload(payload);
  const [first] = card.relays;
  if (origin !== undefined && (first === undefined || relayOrigin(first) !== origin)) {
    throw new TumarError("BAD_CARD", "the card names another host than its first relay");
  }
  return card;
}

function linkOf(card: Card, write: (payload: string, first: RelayAddress) => string): string {
  const [first] = card.relays;
  if (first === undefined) throw new RangeError("a card names at least one relay");
  for (let count = Math.min(card.relays.length, MAX_CARD_RELAYS); count > 0; count--) {
    const relays = card.relays.slice(0, count);
    const link = write(toBase64Url(encodePayload({ ...card, relays })), first);
    if (link.length <= MAX_CARD_CHARACTERS) return link;
  }
  throw new RangeError("the relay's host is too long for a card");
}

function encodePayload({ root, secret, relays }: Card): Uint8Array {
  const content = concat(root, secret, ...relays.map(encodeRelayAddress));
  return concat(content, checkOf(content));
}

function decodePayload(text: string): Card {
  try {
    const payload = fromBase64Url(text);
    const content = payload.subarray(0, -CARD_CHECK_BYTES);
    if (!equalBytes(payload.subarray(content.length), checkOf(content))) {
      throw new TumarError("BAD_CARD", "the check of the card does not fit");
    }
    return readContent(new ByteReader(content));
  } catch (cause) {
    throw new TumarError("BAD_CARD", "the card was cut or changed", { cause });
  }
}

function readContent(reader: ByteReader): Card {
  const root = parseSigningPublicKey(reader.take(SIGNING_PUBLIC_KEY_BYTES));
  const secret = parseCardSecret(reader.take(CARD_SECRET_BYTES));
  const relays = [readRelayAddress(reader)];
  if (reader.remaining > 0) relays.push(readRelayAddress(reader));
  reader.finish();
  return { root, secret, relays };
}

function checkOf(content: Uint8Array): Uint8Array {
  return H(EMPTY, "card-check", content, 16).subarray(0, CARD_CHECK_BYTES);
}
