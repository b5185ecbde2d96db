/**
 * Making an identity and its first device: everything that is derived from the recovery phrase or
 * drawn once, before the relay is told anything. The root's secret exists inside this module only,
 * for the length of one call.
 */

import { type Random, wipe } from "../../shared/crypto/bytes.ts";
import type { SigningKeyPair } from "../../shared/crypto/sodium.ts";
import type { Card } from "../../shared/e2ee/card.ts";
import { generateDevice } from "../../shared/e2ee/device.ts";
import { parseRelayAddress, type RelayAddress } from "../../shared/e2ee/relay-address.ts";
import {
  cardSecret,
  OWNER_KEYS,
  parseCardSecret,
  recordOwnerKeyPair,
  rootKeyPair,
} from "../../shared/e2ee/root.ts";
import type { Hour } from "../../shared/e2ee/statements/body.ts";
import {
  CERTIFICATE_LIFE_HOURS,
  signCertificate,
} from "../../shared/e2ee/statements/certificate.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import { addHome } from "./homes.ts";
import { renewLocators } from "./locators.ts";
import type { HomeRow } from "./state/homes.ts";
import { type IdentityRow, putIdentity } from "./state/identity.ts";

const FIRST_CARD_EPOCH = 0;

/** A relay with the mailbox made there. */
export interface NewPlace {
  readonly relay: RelayAddress;
  readonly mailbox: SigningKeyPair;
}

export interface NewSelf {
  readonly identity: IdentityRow;
  readonly places: readonly NewPlace[];
}

/** `seed` is `phraseSeed` of the recovery phrase; wiped here. */
export function makeSelf(
  seed: Uint8Array,
  places: readonly NewPlace[],
  hour: Hour,
  random: Random,
): NewSelf {
  const root = rootKeyPair(seed);
  const device = generateDevice(random);
  const certificate = signCertificate({ root }, device, {
    role: "own",
    seq: 1,
    notAfter: hour + CERTIFICATE_LIFE_HOURS,
  });
  const ownerKeys = Array.from(
    { length: OWNER_KEYS },
    (_, i) => recordOwnerKeyPair(seed, i).publicKey,
  );
  const identity: IdentityRow = {
    root: root.publicKey,
    cardSecret: cardSecret(seed, FIRST_CARD_EPOCH),
    device,
    certificate: certificate.bytes,
    ownerKeys,
    ownerKeysUsed: 0,
  };
  wipe(seed, root.secretKey);
  return { identity, places };
}

export function putSelf(tx: VaultTransaction, random: Random, self: NewSelf): void {
  putIdentity(tx, self.identity);
  for (const { relay, mailbox } of self.places) addHome(tx, random, relay, mailbox, "live");
  renewLocators(tx);
}

export function cardOf(identity: IdentityRow, homes: readonly HomeRow[]): Card {
  return {
    root: identity.root,
    secret: parseCardSecret(identity.cardSecret),
    relays: homes.map((home) => parseRelayAddress(home.address)),
  };
}
