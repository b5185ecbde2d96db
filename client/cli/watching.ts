/**
 * What a client tells on its own while a command works, in words on stderr. An identity that changed ends
 * the command with its error, after the work is done: nothing that came is held back for it.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { Client } from "../core/client.ts";
import type { ClientEvent } from "../core/types.ts";
import { identityPrefix } from "./human-text.ts";
import type { Invocation } from "./invocation.ts";

/** @throws TumarError IDENTITY_CHANGED when a contact's identity changed meanwhile */
export async function watching(
  invocation: Invocation,
  client: Client,
  work: () => Promise<void>,
): Promise<void> {
  let isIdentityChanged = false;
  const stop = client.on((event) => {
    isIdentityChanged ||= event.type === "identity-changed";
    tell(invocation, event);
  });
  try {
    await work();
  } finally {
    stop();
  }
  if (isIdentityChanged) {
    throw new TumarError("IDENTITY_CHANGED", "somebody uses a contact's name with other keys");
  }
}

function tell(invocation: Invocation, event: ClientEvent): void {
  if (event.type === "identity-changed") {
    const who = identityPrefix(event.identity);
    invocation.warn("IDENTITY_CHANGED", `the keys of ${who} changed: nothing is sent to them`);
  } else if (event.type === "taken-over") {
    invocation.warn("TAKEN_OVER", "another program with this vault's keys fetches from the relay");
  } else if (event.type === "expired") {
    invocation.warn("EXPIRED", "a message expired before a relay took it: see `outbox --all`");
  } else if (event.type === "quarantined") {
    const where = event.isKept ? "it is kept here for a later version" : "it stays at the relay";
    const what = "a fault in this program hides something that came";
    invocation.warn("INTERNAL", `${what}: ${where}; please report it (${event.reason})`);
  } else if (event.type === "rollback") {
    invocation.warn("ROLLBACK", "this vault is an older copy: its sessions are set up anew");
  }
}
