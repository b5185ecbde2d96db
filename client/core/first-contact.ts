/**
 * What a first message needs: the devices of a contact and their prekeys, read from one of their
 * relays, with the card or by what they told us, and verified against the root that is pinned.
 */

import { equalBytes, toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { parseSigningPublicKey } from "../../shared/crypto/sodium.ts";
import type { Card } from "../../shared/e2ee/card.ts";
import { bundleOf, type VerifiedDevicePart } from "../../shared/e2ee/device-part.ts";
import { frontRecordKeys, openFrontPart } from "../../shared/e2ee/front-record.ts";
import type { GrantPlace } from "../../shared/e2ee/grant.ts";
import type { PrekeyPair, VerifiedPrekeyBundle } from "../../shared/e2ee/prekeys.ts";
import { openPair, type RecordKeys } from "../../shared/e2ee/record-part.ts";
import {
  formatRelayAddress,
  type RelayAddress,
  type RelayHash,
} from "../../shared/e2ee/relay-address.ts";
import type { Statement } from "../../shared/e2ee/statement.ts";
import { statementsOf } from "../../shared/e2ee/statement-set.ts";
import {
  decodeStatusPlaces,
  openStatusPart,
  type StatusPlace,
  statusRecordKeys,
} from "../../shared/e2ee/status-record.ts";
import type { TakenPair } from "../../shared/wire/frames.ts";
import type { RequestOptions } from "../net/requests.ts";
import { type Core, contactSet } from "./context.ts";
import { cardOfContact } from "./directory.ts";
import { type Ask, firstAnswer } from "./first-answer.ts";
import { type ReadRecord, readRecord, takePairs } from "./remote-records.ts";
import type { ContactRow } from "./state/contacts.ts";

/** One device that can be written to. */
export interface Introduced {
  readonly bundle: VerifiedPrekeyBundle;
  /** The same without a one-time pair: for a handshake that repeats one that stayed unanswered. */
  readonly withoutPair: VerifiedPrekeyBundle;
  readonly grants: readonly GrantPlace[];
  /** Hash of the relay that told it; the prekeys are for it alone. */
  readonly relay: RelayHash;
}

export interface Introduction {
  /** By device id in hex. */
  readonly devices: ReadonlyMap<string, Introduced>;
  readonly statements: readonly Statement[];
  readonly hour: number;
}

/**
 * Asks wherever they may be known, the next while the last is silent: the relays of the card, those
 * their locators named since, and the status records they told us of. Relays in `avoid` come last.
 * @throws TumarError IDENTITY_CHANGED, NOT_REGISTERED when no relay has anything, network codes
 */
export async function introduce(
  core: Core,
  contact: ContactRow,
  avoid: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Introduction> {
  const fronts = frontsOf(core, contact).map(({ card, relay }) => ({
    relay,
    ask: (end: AbortSignal) => introduceAt(core, card, relay, { signal: end }),
  }));
  const asks = [...fronts, ...statusAsks(core, contact)];
  return await firstAnswer(core.clock, inOrder(core, asks, avoid), { signal, isFinal });
}

/**
 * The same from the status records whose places came in a session.
 * @throws TumarError IDENTITY_CHANGED, NOT_REGISTERED, network codes
 */
export async function introduceByStatus(
  core: Core,
  contact: ContactRow,
  avoid: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Introduction> {
  const asks = inOrder(core, statusAsks(core, contact), avoid);
  return await firstAnswer(core.clock, asks, { signal, isFinal });
}

/** Everybody sees who made the records; another relay does not make a changed identity good. */
function isFinal({ code }: TumarError): boolean {
  return code === "IDENTITY_CHANGED";
}

interface AskAt {
  readonly relay: RelayAddress;
  readonly ask: Ask<Introduction>;
}

/** A silent relay comes after those that answer, one to be avoided after those. */
function inOrder(
  core: Core,
  asks: readonly AskAt[],
  avoid: readonly Uint8Array[],
): readonly Ask<Introduction>[] {
  const rank = ({ relay }: AskAt): number => {
    const isAvoided = avoid.some((hash) => equalBytes(hash, relay.hash));
    return (isAvoided ? 2 : 0) + (core.health.isDown(formatRelayAddress(relay)) ? 1 : 0);
  };
  return [...asks].sort((a, b) => rank(a) - rank(b)).map(({ ask }) => ask);
}

/** Front records, which the card opens at any relay; each relay once. */
function frontsOf(
  core: Core,
  contact: ContactRow,
): readonly { readonly card: Card; readonly relay: RelayAddress }[] {
  const card = cardOfContact(contact);
  if (card === null) return [];
  const learnt = statementsOf(contactSet(core, contact)).flatMap((one) =>
    one.kind === "locator" ? one.grants.map(({ relay }) => relay) : [],
  );
  const found = new Map<string, RelayAddress>();
  for (const relay of [...card.relays, ...learnt]) {
    const key = toHex(relay.hash);
    if (!found.has(key)) found.set(key, relay);
  }
  return [...found.values()].map((relay) => ({ card, relay }));
}

function statusAsks(core: Core, contact: ContactRow): readonly AskAt[] {
  const places = contact.status === null ? [] : decodeStatusPlaces(contact.status);
  return places.map((place) => ({
    relay: place.relay,
    ask: (signal) => introduceByStatusAt(core, contact, place, { signal }),
  }));
}

async function introduceAt(
  core: Core,
  card: Card,
  address: RelayAddress,
  options: RequestOptions,
): Promise<Introduction> {
  const relay = core.relays.peer(formatRelayAddress(address));
  const keys = frontRecordKeys(card, address.hash);
  const [record, pairs] = await Promise.all([
    readRecord(relay, keys.id, options).catch(asNotRegistered),
    takePairs(relay, keys.id, core.random, options).catch(withoutPairs),
  ]);
  const parts = openParts(keys, record, card);
  const devices = new Map<string, Introduced>();
  for (const { writer, part } of parts) {
    const pair = pairOf(keys, writer, pairs);
    const introduced = introducedBy(part, address, pair, record.hour);
    if (introduced !== undefined) devices.set(toHex(part.certificate.deviceId), introduced);
  }
  if (devices.size === 0) throw new TumarError("NOT_REGISTERED", "no device can be written to");
  const statements = parts.flatMap(({ part }) => [part.certificate, part.locator]);
  return { devices, statements, hour: record.hour };
}

async function introduceByStatusAt(
  core: Core,
  contact: ContactRow,
  place: StatusPlace,
  options: RequestOptions,
): Promise<Introduction> {
  const keys = statusRecordKeys(place);
  const relay = core.relays.peer(formatRelayAddress(place.relay));
  const record = await readRecord(relay, keys.id, options).catch(asNotRegistered);
  const devices = new Map<string, Introduced>();
  const statements: Statement[] = [];
  for (const { writer, version, bytes } of record.parts) {
    const part = { writer: parseSigningPublicKey(writer), version };
    const known = contactSet(core, contact);
    const { device, set } = openStatusPart(keys, part, bytes, known, record.hour);
    statements.push(...statementsOf(set));
    const introduced = introducedBy(device, place.relay, undefined, record.hour);
    if (introduced !== undefined) devices.set(toHex(device.certificate.deviceId), introduced);
  }
  return { devices, statements, hour: record.hour };
}

interface OpenedPart {
  readonly writer: Uint8Array;
  readonly part: VerifiedDevicePart;
}

/** A part that does not open is the relay's invention and is passed over; another root is not. */
function openParts(keys: RecordKeys, record: ReadRecord, card: Card): readonly OpenedPart[] {
  return record.parts.flatMap(({ writer, version, bytes }) => {
    try {
      const place = { writer: parseSigningPublicKey(writer), version };
      return [{ writer, part: openFrontPart(keys, place, bytes, card.root) }];
    } catch (error) {
      if (!(error instanceof TumarError) || error.code === "IDENTITY_CHANGED") throw error;
      return [];
    }
  });
}

/** Without one-time pairs the last-resort key serves; the relay may have none left, or limit them. */
function withoutPairs(error: unknown): readonly TakenPair[] {
  if (error instanceof TumarError && (error.code === "QUOTA" || error.code === "REFUSED"))
    return [];
  throw error;
}

function pairOf(
  keys: RecordKeys,
  writer: Uint8Array,
  pairs: readonly TakenPair[],
): PrekeyPair | undefined {
  const taken = pairs.find((pair) => equalBytes(pair.writer, writer));
  if (taken === undefined) return undefined;
  try {
    return openPair(keys, parseSigningPublicKey(writer), taken.sealed);
  } catch (error) {
    if (error instanceof TumarError) return undefined;
    throw error;
  }
}

/** With the pair if it is good, else without; undefined when the device's prekeys are out of date. */
function introducedBy(
  part: VerifiedDevicePart,
  { hash }: RelayAddress,
  pair: PrekeyPair | undefined,
  hour: number,
): Introduced | undefined {
  const bundleWith = (one: PrekeyPair | undefined): VerifiedPrekeyBundle | undefined => {
    try {
      return bundleOf(part, hash, one, hour);
    } catch (error) {
      if (error instanceof TumarError) return undefined;
      throw error;
    }
  };
  const withoutPair = bundleWith(undefined);
  if (withoutPair === undefined) return undefined;
  const withPair = pair === undefined ? undefined : bundleWith(pair);
  // Through the relay that answers first.
  const isThere = ({ relay }: GrantPlace): number => (equalBytes(relay.hash, hash) ? 0 : 1);
  const grants = [...part.locator.grants].sort((a, b) => isThere(a) - isThere(b));
  return { bundle: withPair ?? withoutPair, withoutPair, grants, relay: hash };
}

function asNotRegistered(error: unknown): never {
  if (!(error instanceof TumarError) || error.code !== "REFUSED") throw error;
  throw new TumarError("NOT_REGISTERED", "the relay holds nothing for this card", {
    cause: error,
  });
}
