/** What the client is trying right now for a message that waits, as the links tell it. */

import { formatRelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { LinkState, Relay } from "../net/requests.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { uploadsOf } from "./describe-media.ts";
import { cardOfContact } from "./directory.ts";
import { getContact } from "./state/contacts.ts";
import { liveHomes } from "./state/homes.ts";
import type { OutgoingRow } from "./state/messages.ts";
import { envelopesOf } from "./state/outbox.ts";
import type { Trying } from "./types.ts";

/** Of the links it waits for, the one that has trouble; null while none is wanted. */
export function tryingFor(view: VaultView, core: Core, row: OutgoingRow): Trying | null {
  const states = linksFor(view, core, row).map((relay) => relay.state());
  const troubled = states.find((state) => state.error !== null);
  const chosen = troubled ?? states.find(({ situation }) => situation.phase !== "idle");
  return chosen === undefined ? null : tryingOf(chosen);
}

function tryingOf({ trying, nextTryMs, situation }: LinkState): Trying {
  return { words: trying, hindrance: situation.hindrance, nextTryMs };
}

/** Our own come first as long as none of them is up: nothing is sealed before one was asked. */
function linksFor(view: VaultView, core: Core, row: OutgoingRow): readonly Relay[] {
  const all = liveHomes(view).map(({ address }) => core.relays.home(address));
  const homes = all.some((relay) => relay.state().isUp) && all.length > 1 ? [] : all;
  const waiting = [...envelopesOf(view, row.id), ...uploadsOf(view, row.id)];
  const sealed = waiting.map(({ relay }) => relay).filter((relay) => relay !== "");
  const addresses = new Set(sealed.length > 0 ? sealed : firstContactRelays(view, row));
  return [...homes, ...[...addresses].map((address) => core.relays.peer(address))];
}

function firstContactRelays(view: VaultView, { root }: OutgoingRow): readonly string[] {
  const contact = getContact(view, root);
  const card = contact === undefined ? null : cardOfContact(contact);
  return card === null ? [] : card.relays.map(formatRelayAddress);
}
