/**
 * Grants of ours, by tag: what an envelope that comes in under a tag is unwrapped with, and whom it
 * was given to. Spare ones are registered at the relay ahead of need.
 */

import { toHex } from "../../../shared/crypto/bytes.ts";
import {
  type DepositId,
  parseDepositId,
  parseWrapKey,
  type WrapKey,
} from "../../../shared/e2ee/grant.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { flag, Table } from "./table.ts";

const USES = ["spare", "card", "status", "contact"] as const;

export interface MyGrantRow {
  readonly tag: Uint8Array;
  readonly relayHash: Uint8Array;
  readonly depositId: DepositId;
  readonly wrapKey: WrapKey;
  readonly use: (typeof USES)[number];
  /** Root of the contact it was given to. */
  readonly contact: Uint8Array | null;
  /** Whether the relay knows it. */
  readonly isRegistered: boolean;
}

const grants = new Table<MyGrantRow>("my-grant", {
  encode: (row) => [
    row.tag,
    row.relayHash,
    row.depositId,
    row.wrapKey,
    USES.indexOf(row.use),
    row.contact ?? new Uint8Array(0),
    flag(row.isRegistered),
  ],
  decode: (fields) => ({
    tag: fields.bytes(16),
    relayHash: fields.bytes(16),
    depositId: parseDepositId(fields.bytes()),
    wrapKey: parseWrapKey(fields.bytes()),
    use: fields.oneOf(USES),
    contact: fields.optional(32),
    isRegistered: fields.flag(),
  }),
});

export function getMyGrant(view: VaultView, tag: Uint8Array): MyGrantRow | undefined {
  return grants.get(view, toHex(tag));
}

export function putMyGrant(tx: VaultTransaction, row: MyGrantRow): void {
  grants.put(tx, toHex(row.tag), row);
}

export function deleteMyGrant(tx: VaultTransaction, tag: Uint8Array): void {
  grants.delete(tx, toHex(tag));
}

export function listMyGrants(view: VaultView): readonly MyGrantRow[] {
  return grants.list(view).map(([, row]) => row);
}
