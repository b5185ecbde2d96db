/**
 * Who this vault is: the identity's public root, this device's secrets, and what it keeps at each
 * of its relays. The root's secret and the recovery phrase are never here.
 */

import { concat, toHex } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import {
  parseSigningPublicKey,
  type SigningKeyPair,
  type SigningPublicKey,
  signingKeyPair,
} from "../../../shared/crypto/sodium.ts";
import {
  type DeviceKeys,
  decodeDeviceKeys,
  encodeDeviceKeys,
} from "../../../shared/e2ee/device.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { flag, type RowFormat, Table } from "./table.ts";

export interface IdentityRow {
  readonly root: SigningPublicKey;
  /** c of session-protocol, "Card and records", 16 bytes. */
  readonly cardSecret: Uint8Array;
  readonly device: DeviceKeys;
  /** Encoded statement. */
  readonly certificate: Uint8Array;
  /** The 32 record owner keys, public halves. */
  readonly ownerKeys: readonly Uint8Array[];
  /** How many of them own a record already. */
  readonly ownerKeysUsed: number;
  /** Last seq used for a locator of this device. */
  readonly locatorSeq: number;
}

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

/** What this device keeps at one of its relays. */
export interface HomeRow {
  readonly address: string;
  readonly mailbox: SigningKeyPair;
  readonly writer: SigningKeyPair;
  readonly cardTag: Uint8Array;
  readonly statusTag: Uint8Array;
  readonly front: OwnRecord;
  readonly status: OwnRecord;
  /** The device's own record, which remembers the vault's generation. */
  readonly generation: OwnRecord;
  readonly isRegistered: boolean;
}

const OWNER_KEYS = 32;
const SEED_BYTES = 32;

const identity = new Table<IdentityRow>("identity", {
  encode: (row) => [
    row.root,
    row.cardSecret,
    encodeDeviceKeys(row.device),
    row.certificate,
    concat(...row.ownerKeys),
    row.ownerKeysUsed,
    row.locatorSeq,
  ],
  decode: (fields) => ({
    root: parseSigningPublicKey(fields.bytes(32)),
    cardSecret: fields.bytes(16),
    device: decodeDeviceKeys(fields.bytes()),
    certificate: fields.bytes(),
    ownerKeys: splitKeys(fields.bytes(OWNER_KEYS * 32)),
    ownerKeysUsed: fields.integer(),
    locatorSeq: fields.integer(),
  }),
});

const HOME: RowFormat<HomeRow> = {
  encode: (row) => [
    row.address,
    row.mailbox.secretKey.subarray(0, SEED_BYTES),
    row.writer.secretKey.subarray(0, SEED_BYTES),
    row.cardTag,
    row.statusTag,
    ...[row.front, row.status, row.generation].flatMap((record) => [
      record.id,
      record.readKey,
      record.owner,
      record.version,
      record.published,
    ]),
    flag(row.isRegistered),
  ],
  decode: (fields) => {
    const record = (): OwnRecord => ({
      id: fields.bytes(24),
      readKey: fields.bytes(32),
      owner: fields.bytes(32),
      version: fields.integer(),
      published: fields.integer(),
    });
    return {
      address: fields.text(),
      mailbox: signingKeyPair(fields.bytes(SEED_BYTES)),
      writer: signingKeyPair(fields.bytes(SEED_BYTES)),
      cardTag: fields.bytes(16),
      statusTag: fields.bytes(16),
      front: record(),
      status: record(),
      generation: record(),
      isRegistered: fields.flag(),
    };
  },
};

const homes = new Table<HomeRow>("home", HOME);

const SELF = "self";

/** @throws TumarError VAULT_DAMAGED when the vault holds no identity. */
export function getIdentity(view: VaultView): IdentityRow {
  const row = identity.get(view, SELF);
  if (row === undefined) throw new TumarError("VAULT_DAMAGED", "the vault holds no identity");
  return row;
}

export function putIdentity(tx: VaultTransaction, row: IdentityRow): void {
  identity.put(tx, SELF, row);
}

export function listHomes(view: VaultView): readonly HomeRow[] {
  return homes.list(view).map(([, row]) => row);
}

export function getHome(view: VaultView, relayHash: Uint8Array): HomeRow | undefined {
  return homes.get(view, toHex(relayHash));
}

export function putHome(tx: VaultTransaction, relayHash: Uint8Array, row: HomeRow): void {
  homes.put(tx, toHex(relayHash), row);
}

function splitKeys(bytes: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: OWNER_KEYS }, (_, i) => bytes.slice(32 * i, 32 * (i + 1)));
}
