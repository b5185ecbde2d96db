/**
 * What this device keeps at each of its relays, and what is the same at all of them: the locators. A
 * relay that was left is remembered, because its records can only be written by their first writer.
 */

import { toHex } from "../../../shared/crypto/bytes.ts";
import { type SigningKeyPair, signingKeyPair } from "../../../shared/crypto/sodium.ts";
import type { RecordPlace } from "../../../shared/e2ee/statements/locator.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { flag, type RowFormat, type RowReader, Table } from "./table.ts";

/** One record of ours at one relay. */
export interface OwnRecord {
  readonly id: Uint8Array;
  readonly readKey: Uint8Array;
  readonly owner: Uint8Array;
  /** The newest version made; 0 = none yet. */
  readonly version: number;
  /** The newest version the relay has. */
  readonly published: number;
}

/** What of a home outlasts it. */
export interface HomeRecords {
  readonly writer: SigningKeyPair;
  readonly front: OwnRecord;
  readonly status: OwnRecord;
  /** The device's own record; its version counts the runs of this vault that the relay was told of. */
  readonly generation: OwnRecord;
}

/**
 * *joining*: nobody is told of it before its mailbox and grants are there. *leaving*: nobody is told of
 * it any more; it is emptied and deleted as soon as it answers.
 */
export const HOME_STAGES = ["joining", "live", "leaving"] as const;
export type HomeStage = (typeof HOME_STAGES)[number];

export interface HomeRow extends HomeRecords {
  readonly address: string;
  readonly stage: HomeStage;
  /** Homes are listed, and named on the card, in the order they were added. */
  readonly order: number;
  readonly mailbox: SigningKeyPair;
  readonly cardTag: Uint8Array;
  readonly statusTag: Uint8Array;
  readonly isRegistered: boolean;
  /** When it last answered, by the device's clock, in milliseconds since 1970; 0 = never. */
  readonly reachedMs: number;
}

const SEED_BYTES = 32;

const RECORDS: RowFormat<HomeRecords> = {
  encode: (row) => [
    row.writer.secretKey.subarray(0, SEED_BYTES),
    ...[row.front, row.status, row.generation].flatMap((record) => [
      record.id,
      record.readKey,
      record.owner,
      record.version,
      record.published,
    ]),
  ],
  decode: (fields) => ({
    writer: signingKeyPair(fields.bytes(SEED_BYTES)),
    front: readRecord(fields),
    status: readRecord(fields),
    generation: readRecord(fields),
  }),
};

const homes = new Table<HomeRow>("home", {
  encode: (row) => [
    row.address,
    HOME_STAGES.indexOf(row.stage),
    row.order,
    row.mailbox.secretKey.subarray(0, SEED_BYTES),
    row.cardTag,
    row.statusTag,
    flag(row.isRegistered),
    row.reachedMs,
    ...RECORDS.encode(row),
  ],
  decode: (fields) => ({
    address: fields.text(),
    stage: fields.oneOf(HOME_STAGES),
    order: fields.integer(),
    mailbox: signingKeyPair(fields.bytes(SEED_BYTES)),
    cardTag: fields.bytes(16),
    statusTag: fields.bytes(16),
    isRegistered: fields.flag(),
    reachedMs: fields.integer(),
    ...RECORDS.decode(fields),
  }),
});

const former = new Table<HomeRecords>("former-home", RECORDS);

/** All, in the order they were added. */
export function listHomes(view: VaultView): readonly HomeRow[] {
  return homes
    .list(view)
    .map(([, row]) => row)
    .sort((a, b) => a.order - b.order);
}

/** Those that others are told of. */
export function liveHomes(view: VaultView): readonly HomeRow[] {
  return listHomes(view).filter(({ stage }) => stage === "live");
}

export function getHome(view: VaultView, relayHash: Uint8Array): HomeRow | undefined {
  return homes.get(view, toHex(relayHash));
}

export function putHome(tx: VaultTransaction, relayHash: Uint8Array, row: HomeRow): void {
  homes.put(tx, toHex(relayHash), row);
}

/** The row with these changes, if it is still there. */
export function changeHome(
  tx: VaultTransaction,
  relayHash: Uint8Array,
  change: (row: HomeRow) => Partial<HomeRow>,
): void {
  const row = getHome(tx, relayHash);
  if (row !== undefined) putHome(tx, relayHash, { ...row, ...change(row) });
}

/** Its records are remembered. */
export function deleteHome(tx: VaultTransaction, relayHash: Uint8Array): void {
  const row = getHome(tx, relayHash);
  if (row === undefined) return;
  former.put(tx, toHex(relayHash), row);
  homes.delete(tx, toHex(relayHash));
}

export function getFormerHome(view: VaultView, relayHash: Uint8Array): HomeRecords | undefined {
  return former.get(view, toHex(relayHash));
}

// --- locators -----------------------------------------------------------------------------------

/** One for each place, the same bytes at every home. */
export interface LocatorRow {
  readonly seq: number;
  /** The encoded statement. */
  readonly bytes: Uint8Array;
}

const locators = new Table<LocatorRow>("locator", {
  encode: ({ seq, bytes }) => [seq, bytes],
  decode: (fields) => ({ seq: fields.integer(), bytes: fields.bytes() }),
});

export function getLocator(view: VaultView, place: RecordPlace): LocatorRow | undefined {
  return locators.get(view, place);
}

export function putLocator(tx: VaultTransaction, place: RecordPlace, row: LocatorRow): void {
  locators.put(tx, place, row);
}

function readRecord(fields: RowReader): OwnRecord {
  return {
    id: fields.bytes(24),
    readKey: fields.bytes(32),
    owner: fields.bytes(32),
    version: fields.integer(),
    published: fields.integer(),
  };
}
