/**
 * What a first message needs: the devices of a contact and their prekeys, read with the card from
 * one of its relays and verified against the root the card pins.
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
import { formatRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { Statement } from "../../shared/e2ee/statement.ts";
import { statementsOf } from "../../shared/e2ee/statement-set.ts";
import {
  decodeStatusPlaces,
  openStatusPart,
  statusRecordKeys,
} from "../../shared/e2ee/status-record.ts";
import type { TakenPair } from "../../shared/wire/frames.ts";
import type { RequestOptions } from "../net/requests.ts";
import { type Core, contactSet } from "./context.ts";
import { type ReadRecord, readRecord, takePairs } from "./remote-records.ts";
import type { ContactRow } from "./state/contacts.ts";

/** One device that can be written to. */
export interface Introduced {
  readonly bundle: VerifiedPrekeyBundle;
  /** The same without a one-time pair: for a handshake that repeats one that stayed unanswered. */
  readonly withoutPair: VerifiedPrekeyBundle;
  readonly grants: readonly GrantPlace[];
}

export interface Introduction {
  /** By device id in hex. */
  readonly devices: ReadonlyMap<string, Introduced>;
  readonly statements: readonly Statement[];
  readonly hour: number;
}

/**
 * Asks the card's relays one after the other until one knows the record.
 * @throws TumarError IDENTITY_CHANGED, NOT_REGISTERED when no relay has it, network codes
 */
export async function introduce(
  core: Core,
  card: Card,
  options?: RequestOptions,
): Promise<Introduction> {
  let last: TumarError = new TumarError("NOT_REGISTERED", "the card names no relay");
  for (const relay of card.relays) {
    try {
      return await introduceAt(core, card, relay, options);
    } catch (error) {
      if (!(error instanceof TumarError) || error.code === "IDENTITY_CHANGED") throw error;
      last = notRegistered(error);
    }
  }
  throw last;
}

async function introduceAt(
  core: Core,
  card: Card,
  address: RelayAddress,
  options?: RequestOptions,
): Promise<Introduction> {
  const relay = core.relays.peer(formatRelayAddress(address));
  const keys = frontRecordKeys(card, address.hash);
  const [record, pairs] = await Promise.all([
    readRecord(relay, keys.id, options),
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

/**
 * The same from the status record of somebody without a card, whose place came in a session.
 * @throws TumarError IDENTITY_CHANGED, NOT_REGISTERED, network codes
 */
export async function introduceByStatus(
  core: Core,
  contact: ContactRow,
  options?: RequestOptions,
): Promise<Introduction> {
  const places = contact.status === null ? [] : decodeStatusPlaces(contact.status);
  const [place] = places;
  if (place === undefined) throw new TumarError("NOT_REGISTERED", "no status record is known");
  const keys = statusRecordKeys(place);
  const relay = core.relays.peer(formatRelayAddress(place.relay));
  const record = await readRecord(relay, keys.id, options).catch((error) => {
    throw error instanceof TumarError ? notRegistered(error) : error;
  });
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
  return { bundle: withPair ?? withoutPair, withoutPair, grants: part.locator.grants };
}

function notRegistered(error: TumarError): TumarError {
  if (error.code !== "REFUSED") return error;
  return new TumarError("NOT_REGISTERED", "the relay holds nothing for this card", {
    cause: error,
  });
}
