/**
 * Making an identity and its first device: everything that is derived from the recovery phrase or
 * drawn once, before the relay is told anything. The root's secret exists inside this module only,
 * for the length of one call.
 */

import { EMPTY, type Random, wipe } from "../../shared/crypto/bytes.ts";
import {
  SIGNING_SEED_BYTES,
  type SigningKeyPair,
  signingKeyPair,
} from "../../shared/crypto/sodium.ts";
import type { Card } from "../../shared/e2ee/card.ts";
import { generateDevice } from "../../shared/e2ee/device.ts";
import { frontRecordKeys } from "../../shared/e2ee/front-record.ts";
import {
  DEPOSIT_ID_BYTES,
  parseDepositId,
  parseWrapKey,
  WRAP_KEY_BYTES,
} from "../../shared/e2ee/grant.ts";
import { READ_KEY_BYTES, RECORD_ID_BYTES } from "../../shared/e2ee/record-part.ts";
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
import { type MyGrantRow, putMyGrant } from "./state/grants.ts";
import { type HomeRow, type IdentityRow, putHome, putIdentity } from "./state/identity.ts";

/** Registered ahead of need, so that a first message never waits for the owner channel. */
export const SPARE_GRANTS = 8;
const TAG_BYTES = 16;
const FIRST_CARD_EPOCH = 0;

/** Owner keys by use at the first relay; each record names its own. */
const OWNER_KEY_OF = { front: 0, status: 1, generation: 2 } as const;

export interface NewSelf {
  readonly identity: IdentityRow;
  readonly home: HomeRow;
  readonly grants: readonly MyGrantRow[];
}

/** `seed` is `phraseSeed` of the recovery phrase; wiped here. */
export function makeSelf(
  seed: Uint8Array,
  address: string,
  mailbox: SigningKeyPair,
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
    ownerKeysUsed: Object.keys(OWNER_KEY_OF).length,
    locatorSeq: 1,
  };
  wipe(seed, root.secretKey);
  const relay = parseRelayAddress(address);
  const card = newGrant(relay, "card", random);
  const status = newGrant(relay, "status", random);
  const spares = Array.from({ length: SPARE_GRANTS }, () => newGrant(relay, "spare", random));
  const home = newHome(
    identity,
    relay,
    { address, mailbox, cardTag: card.tag, statusTag: status.tag },
    random,
  );
  return { identity, home, grants: [card, status, ...spares] };
}

export function putSelf(tx: VaultTransaction, { identity, home, grants }: NewSelf): void {
  putIdentity(tx, identity);
  putHome(tx, parseRelayAddress(home.address).hash, home);
  for (const grant of grants) putMyGrant(tx, grant);
}

export function newGrant(relay: RelayAddress, use: MyGrantRow["use"], random: Random): MyGrantRow {
  return {
    tag: random(TAG_BYTES),
    relayHash: relay.hash,
    depositId: parseDepositId(random(DEPOSIT_ID_BYTES)),
    wrapKey: parseWrapKey(random(WRAP_KEY_BYTES)),
    use,
    contact: null,
    isRegistered: false,
  };
}

export function cardOf(identity: IdentityRow, homes: readonly HomeRow[]): Card {
  return {
    root: identity.root,
    secret: parseCardSecret(identity.cardSecret),
    relays: homes.map((home) => parseRelayAddress(home.address)),
  };
}

function newHome(
  identity: IdentityRow,
  relay: RelayAddress,
  given: Pick<HomeRow, "address" | "mailbox" | "cardTag" | "statusTag">,
  random: Random,
): HomeRow {
  const secret = parseCardSecret(identity.cardSecret);
  const front = frontRecordKeys({ root: identity.root, secret }, relay.hash);
  const owner = (use: keyof typeof OWNER_KEY_OF): Uint8Array =>
    identity.ownerKeys[OWNER_KEY_OF[use]] ?? EMPTY;
  const unwritten = { version: 0, published: 0 };
  const drawn = () => ({ id: random(RECORD_ID_BYTES), readKey: random(READ_KEY_BYTES) });
  return {
    ...given,
    writer: signingKeyPair(random(SIGNING_SEED_BYTES)),
    front: { id: front.id, readKey: front.readKey, owner: owner("front"), ...unwritten },
    status: { ...drawn(), owner: owner("status"), ...unwritten },
    generation: { ...drawn(), owner: owner("generation"), ...unwritten },
    isRegistered: false,
  };
}
