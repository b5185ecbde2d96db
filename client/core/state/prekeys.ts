/** The private halves of this device's prekeys, one row: shared/e2ee/prekey-state.ts says what is in it. */

import { toHex } from "../../../shared/crypto/bytes.ts";
import {
  decodePrekeyState,
  encodePrekeyState,
  NO_PREKEYS,
  type PrekeyState,
} from "../../../shared/e2ee/prekey-state.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";
import { Table } from "./table.ts";

const prekeys = new Table<PrekeyState>("prekeys", {
  encode: (state) => [encodePrekeyState(state)],
  decode: (fields) => decodePrekeyState(fields.bytes()),
});

export function getPrekeys(view: VaultView): PrekeyState {
  return prekeys.get(view, "state") ?? NO_PREKEYS;
}

export function putPrekeys(tx: VaultTransaction, state: PrekeyState): void {
  prekeys.put(tx, "state", state);
}

const unpublished = new Table<readonly number[]>("pairs-to-publish", {
  encode: (ids) => ids,
  decode: (fields) => {
    const ids: number[] = [];
    while (fields.hasMore()) ids.push(fields.integer());
    return ids;
  },
});

/** Ids of pairs that were made for a relay and that it has not confirmed. */
export function getUnpublished(view: VaultView, relayHash: Uint8Array): readonly number[] {
  return unpublished.get(view, toHex(relayHash)) ?? [];
}

export function putUnpublished(
  tx: VaultTransaction,
  relayHash: Uint8Array,
  ids: readonly number[],
): void {
  unpublished.put(tx, toHex(relayHash), ids);
}
