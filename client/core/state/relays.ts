/** What is remembered of relays between runs: their newest announcement, and the newest hour told. */

import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { Table } from "./table.ts";

const announcements = new Table<Uint8Array>("announcement", {
  encode: (bytes) => [bytes],
  decode: (fields) => fields.bytes(),
});

const counters = new Table<number>("counter", {
  encode: (value) => [value],
  decode: (fields) => fields.integer(),
});

export function listAnnouncements(view: VaultView): [place: string, bytes: Uint8Array][] {
  return announcements.list(view);
}

export function putAnnouncement(tx: VaultTransaction, place: string, bytes: Uint8Array): void {
  announcements.put(tx, place, bytes);
}

/** The newest hour any relay told; undefined before the first. */
export function getHour(view: VaultView): number | undefined {
  return counters.get(view, "hour");
}

export function putHour(tx: VaultTransaction, hour: number): void {
  counters.put(tx, "hour", hour);
}
