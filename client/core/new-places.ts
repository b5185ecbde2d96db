/** The mailboxes of an identity that is being made: asked for before there is a vault. */

import type { Random } from "../../shared/crypto/bytes.ts";
import { toHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { SIGNING_SEED_BYTES, signingKeyPair } from "../../shared/crypto/sodium.ts";
import { parseRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { Clock } from "../net/clock.ts";
import type { RelayPool } from "../net/relay-pool.ts";
import { MAX_HOMES } from "./homes.ts";
import { persistently } from "./persistently.ts";
import type { NewPlace } from "./self.ts";
import { createMailbox } from "./upkeep.ts";

/** Whoever makes an identity waits at the screen. */
const FIRST_ANSWER_MS = 10_000;

/** @throws TumarError BAD_RELAY_ADDRESS, also for one relay named twice, RELAYS_FULL */
export function parseRelays(addresses: readonly string[]): readonly RelayAddress[] {
  const relays = addresses.map(parseRelayAddress);
  if (relays.length > MAX_HOMES) throw new TumarError("RELAYS_FULL", "too many relays");
  if (new Set(relays.map(({ hash }) => toHex(hash))).size < relays.length) {
    throw new TumarError("BAD_RELAY_ADDRESS", "two addresses lead to one relay");
  }
  return relays;
}

/** All of them answer, or none is used. */
export async function newPlaces(
  pool: RelayPool,
  relays: readonly RelayAddress[],
  random: Random,
  clock: Clock | undefined,
): Promise<readonly NewPlace[]> {
  return await Promise.all(
    relays.map(async (relay) => {
      const mailbox = signingKeyPair(random(SIGNING_SEED_BYTES));
      await persistently({ clock, random }, FIRST_ANSWER_MS, (timeoutMs) =>
        createMailbox(pool.relay(relay), { mailbox }, { timeoutMs }),
      );
      return { relay, mailbox };
    }),
  );
}
