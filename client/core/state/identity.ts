/**
 * Who this vault is: the identity's public root and this device's secrets. The root's secret and the
 * recovery phrase are never here. What it keeps at its relays is in homes.ts.
 */

import { concat } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { parseSigningPublicKey, type SigningPublicKey } from "../../../shared/crypto/sodium.ts";
import {
  type DeviceKeys,
  decodeDeviceKeys,
  encodeDeviceKeys,
} from "../../../shared/e2ee/device.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { Table } from "./table.ts";

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
}

const OWNER_KEYS = 32;

const identity = new Table<IdentityRow>("identity", {
  encode: (row) => [
    row.root,
    row.cardSecret,
    encodeDeviceKeys(row.device),
    row.certificate,
    concat(...row.ownerKeys),
    row.ownerKeysUsed,
  ],
  decode: (fields) => ({
    root: parseSigningPublicKey(fields.bytes(32)),
    cardSecret: fields.bytes(16),
    device: decodeDeviceKeys(fields.bytes()),
    certificate: fields.bytes(),
    ownerKeys: splitKeys(fields.bytes(OWNER_KEYS * 32)),
    ownerKeysUsed: fields.integer(),
  }),
});

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

function splitKeys(bytes: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: OWNER_KEYS }, (_, i) => bytes.slice(32 * i, 32 * (i + 1)));
}
