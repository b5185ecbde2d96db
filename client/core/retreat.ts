/**
 * Leaving a relay that still answers: its records say where we are now, nobody can deposit there any
 * more, what waits is taken, and only then is the mailbox deleted. Every step may be repeated.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import { parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { depositHash } from "../../shared/wire/ids.ts";
import type { Relay } from "../net/requests.ts";
import type { Core } from "./context.ts";
import { forgetHome } from "./homes.ts";
import { publishRecords } from "./publish-records.ts";
import { currentHome, grantsAt } from "./upkeep.ts";

/** `drained` resolves when everything that waits at the relay is in the vault. */
export async function retreat(
  core: Core,
  relay: Relay,
  drained: () => Promise<void>,
): Promise<void> {
  const address = parseRelayAddress(relay.address);
  const { mailbox, front } = await currentHome(core, address);
  const proven = { proveWith: mailbox };
  if (front.published > 0) await publishRecords(core, address, relay);
  const grants = await core.vault.read((view) => grantsAt(view, address.hash));
  const revoke = ({ depositId }: (typeof grants)[number]) =>
    relay.owner.request(
      {
        type: "mailbox.revoke",
        mailbox: mailbox.publicKey,
        depositHash: depositHash(depositId),
      },
      proven,
    );
  await Promise.all(grants.map((grant) => revoke(grant).catch(unlessRefused)));
  // The first may have begun before the last deposit was refused.
  await drained();
  await drained();
  await relay.owner
    .request({ type: "mailbox.delete", mailbox: mailbox.publicKey }, proven)
    .catch(unlessRefused);
  await core.vault.transaction((tx) => forgetHome(tx, address.hash));
}

/** What the relay does not know any more need not be taken back. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof TumarError) || error.code !== "REFUSED") throw error;
}
