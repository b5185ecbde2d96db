/** The doors of the vault, at hand for the pools of relays, which ask before each connection. */

import { equalBytes } from "../../shared/crypto/bytes.ts";
import type { RelayAddress, RelayHash } from "../../shared/e2ee/relay-address.ts";
import type { VaultView } from "../vault/draft.ts";
import { listDoors } from "./state/doors.ts";

export class Doors {
  #all: readonly RelayAddress[] = [];

  /** Takes what the vault holds now. */
  load(view: VaultView): void {
    this.#all = listDoors(view);
  }

  of(relay: RelayHash): readonly RelayAddress[] {
    return this.#all.filter(({ hash }) => equalBytes(hash, relay));
  }
}
