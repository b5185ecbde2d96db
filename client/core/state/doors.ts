/** Doors the user added: other ways to a relay of ours, named by their address with that relay's key. */

import { parseRelayAddress, type RelayAddress } from "../../../shared/e2ee/relay-address.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { Table } from "./table.ts";

const doors = new Table<string>("door", {
  encode: (address) => [address],
  decode: (fields) => fields.text(),
});

export function listDoors(view: VaultView): readonly RelayAddress[] {
  return doors.list(view).map(([, address]) => parseRelayAddress(address));
}

export function hasDoor(view: VaultView, address: string): boolean {
  return doors.has(view, address);
}

export function putDoor(tx: VaultTransaction, address: string): void {
  doors.put(tx, address, address);
}

export function deleteDoor(tx: VaultTransaction, address: string): void {
  doors.delete(tx, address);
}
