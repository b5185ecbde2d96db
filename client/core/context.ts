/** What the parts of the library share: the vault, the relays, time, randomness, and who listens. */

import type { Random } from "../../shared/crypto/bytes.ts";
import type { StatementSet } from "../../shared/e2ee/statement-set.ts";
import type { PhotoCopy } from "../media/photo-copy.ts";
import type { Clock } from "../net/clock.ts";
import type { Relay } from "../net/requests.ts";
import type { BlobStorage } from "../vault/blob-storage.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Vault } from "../vault/vault.ts";
import type { Doors } from "./doors.ts";
import type { Progress } from "./progress.ts";
import type { Recordings } from "./recording.ts";
import type { RelayHealth } from "./relay-health.ts";
import { type ContactRow, listContacts } from "./state/contacts.ts";
import { getIdentity, type IdentityRow } from "./state/identity.ts";
import { type SetCache, statementRow } from "./state/statements.ts";
import type { CoreTime } from "./time.ts";
import type { ClientEvent } from "./types.ts";

/**
 * How relays are reached. Reads of our own records go over `home`, everything about others over
 * `peer`: on one connection the relay could pair the two.
 */
export interface Relays {
  home(address: string): Relay;
  peer(address: string): Relay;
  /** For fetching media: on a connection apart, which neither writes to others nor reads our records. */
  media(address: string): Relay;
  /** By this address alone, whatever other ways there are: to see where it leads. */
  only(address: string): Relay;
}

export interface Core {
  /** Of this program. */
  readonly version: string;
  readonly vault: Vault;
  /** Sealed bytes beside the vault. */
  readonly blobs: BlobStorage;
  readonly recordings: Recordings;
  readonly progress: Progress;
  /** Makes the small copy of a photo; undefined where nothing does. */
  readonly photoCopy: PhotoCopy | undefined;
  readonly relays: Relays;
  readonly health: RelayHealth;
  readonly doors: Doors;
  readonly random: Random;
  readonly clock: Clock;
  readonly time: CoreTime;
  readonly sets: SetCache;
  emit(event: ClientEvent): void;
}

/** Statements about ourselves: so far the one certificate. */
export function ownSet(core: Core, identity: IdentityRow): StatementSet {
  return core.sets.decode(identity.root, [statementRow(identity.certificate, 0)]);
}

export function contactSet(core: Core, contact: ContactRow): StatementSet {
  return core.sets.decode(contact.root, contact.statements);
}

/** Device keys that were certified under two roots, ours included: refused for both. */
export function refusedKeys(view: VaultView, core: Core): ReadonlySet<string> {
  const owners = new Map<string, StatementSet>();
  const refused = new Set<string>();
  const contacts = listContacts(view).map((contact) => contactSet(core, contact));
  for (const set of [ownSet(core, getIdentity(view)), ...contacts]) {
    for (const key of core.sets.deviceKeys(set)) {
      if (owners.has(key)) refused.add(key);
      owners.set(key, set);
    }
  }
  return refused;
}
