/** Section 4, cards: the payload behind a link or a bare form, with root, secret and relays. */

import { concat, decode, EMPTY, equal, fromBase64url, type Reader } from "./bytes.ts";
import { H } from "./primitives.ts";
import { demand } from "./refused.ts";
import { type RelayAddress, readRelayAddress } from "./relay-address.ts";

const CHECK_BYTES = 4;
const LONGEST_LINK = 300;
const BARE = "tumar:1/";
const LINK = /^(https?:\/\/[^/?#]+)\/c#1([A-Za-z0-9_-]+)$/;

export interface Card {
  readonly root: Uint8Array;
  readonly secret: Uint8Array;
  readonly relays: readonly RelayAddress[];
}

export function openCard(written: string): Card {
  if (written.startsWith(BARE)) return openPayload(fromBase64url(written.slice(BARE.length)));
  demand(written.length <= LONGEST_LINK, "length of a link");
  const [, origin, payload] = LINK.exec(written) ?? [];
  demand(origin !== undefined && payload !== undefined, "link");
  const card = openPayload(fromBase64url(payload));
  demand(card.relays[0]?.origin === origin, "the host is not the one in the payload");
  return card;
}

function openPayload(payload: Uint8Array): Card {
  const split = Math.max(0, payload.length - CHECK_BYTES);
  const [before, check] = [payload.slice(0, split), payload.slice(split)];
  demand(equal(H(EMPTY, "card-check", before, 16).slice(0, CHECK_BYTES), check), "check of a card");
  return decode(before, (reader) => ({
    root: reader.take(32),
    secret: reader.take(16),
    relays: readRelays(reader),
  }));
}

function readRelays(reader: Reader): RelayAddress[] {
  const first = readRelayAddress(reader);
  return reader.left === 0 ? [first] : [first, readRelayAddress(reader)];
}

export type FrontLabel = "front" | "front2";

export interface FrontRecord {
  readonly label: FrontLabel;
  readonly r: Uint8Array;
  readonly id: Uint8Array;
  readonly readKey: Uint8Array;
}

/** Where a front record lies at a relay, and what opens it. */
export function frontRecord(card: Card, label: FrontLabel, r: Uint8Array): FrontRecord {
  const message = concat(card.root, r);
  return {
    label,
    r,
    id: H(card.secret, `${label}.id`, message, 24),
    readKey: H(card.secret, `${label}.key`, message, 32),
  };
}
