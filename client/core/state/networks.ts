/**
 * What worked with which relay in the networks the device was in last. A network stands here as a keyed
 * hash: whoever opens the vault can check a network he has in mind, and read none.
 */

import type { Random } from "../../../shared/crypto/bytes.ts";
import { ByteReader, concat, toHex, u8, u32, utf8 } from "../../../shared/crypto/bytes.ts";
import { H } from "../../../shared/crypto/hash.ts";
import { LOWERED_BY, type LoweredBy } from "../../net/choice-numbers.ts";
import { TRANSPORT_KINDS, type TransportKind } from "../../net/connection.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { Table } from "./table.ts";

export const MAX_NETWORKS = 8;
/** In one network. */
export const MAX_NETWORK_RELAYS = 16;
const KEY_BYTES = 32;
const HASH_BYTES = 16;
const PLACE_BYTES = 16;

/** What worked with the relay at one address. */
export interface WorkedRow {
  /** Hash of the address. */
  readonly relay: Uint8Array;
  readonly kind: TransportKind;
  readonly loweredBy: LoweredBy;
  /** Seconds since 1970, by this device. */
  readonly learnedAt: number;
}

interface NetworkRow {
  /** Seconds since 1970: the one used longest ago goes first. */
  readonly usedAt: number;
  readonly worked: readonly WorkedRow[];
}

const networks = new Table<NetworkRow>("network", {
  encode: ({ usedAt, worked }) => [usedAt, worked.map(encodeWorked)],
  decode: (fields) => ({ usedAt: fields.integer(), worked: fields.bytesList().map(decodeWorked) }),
});

const keys = new Table<Uint8Array>("network-key", {
  encode: (key) => [key],
  decode: (fields) => fields.bytes(KEY_BYTES),
});

/** Names networks in this vault; made when the first one is remembered. */
export function getNetworkKey(view: VaultView): Uint8Array | undefined {
  return keys.get(view, "");
}

export function networkName(key: Uint8Array, network: string): string {
  return toHex(H(key, "network", utf8(network), HASH_BYTES));
}

/** By the name of the network. */
export function listWorked(view: VaultView): [name: string, worked: readonly WorkedRow[]][] {
  return networks.list(view).map(([name, { worked }]) => [name, worked]);
}

/** Newest first; the network used longest ago makes room. */
export function putWorked(
  tx: VaultTransaction,
  network: string,
  row: WorkedRow,
  random: Random,
): void {
  const key = getNetworkKey(tx) ?? newKey(tx, random);
  const name = networkName(key, network);
  const others = (networks.get(tx, name)?.worked ?? []).filter(
    ({ relay }) => toHex(relay) !== toHex(row.relay),
  );
  const worked = [row, ...others].slice(0, MAX_NETWORK_RELAYS);
  networks.put(tx, name, { usedAt: row.learnedAt, worked });
  const byAge = networks.list(tx).sort(([, a], [, b]) => b.usedAt - a.usedAt);
  for (const [oldest] of byAge.slice(MAX_NETWORKS)) networks.delete(tx, oldest);
}

function newKey(tx: VaultTransaction, random: Random): Uint8Array {
  const key = random(KEY_BYTES);
  keys.put(tx, "", key);
  return key;
}

function encodeWorked({ relay, kind, loweredBy, learnedAt }: WorkedRow): Uint8Array {
  const [kindAt, reasonAt] = [TRANSPORT_KINDS.indexOf(kind), LOWERED_BY.indexOf(loweredBy)];
  return concat(relay, u8(kindAt), u8(reasonAt), u32(learnedAt));
}

/** What a newer version wrote is passed over as the plainest case. */
function decodeWorked(bytes: Uint8Array): WorkedRow {
  const reader = new ByteReader(bytes);
  const relay = reader.take(PLACE_BYTES);
  const kind = TRANSPORT_KINDS[reader.u8()] ?? "websocket";
  const loweredBy = LOWERED_BY[reader.u8()] ?? "slower";
  const learnedAt = reader.u32();
  reader.finish();
  return { relay, kind, loweredBy, learnedAt };
}
