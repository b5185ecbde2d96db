/**
 * Makes test/vectors/identity.json: one value of each construction of docs/CRYPTOGRAPHY.md 2 to 5,
 * with every input it was made from. Randomness is test/support/seeded-random.ts with the seed named.
 */

import { toHex, utf8 } from "../../shared/crypto/bytes.ts";
import { parsePhrase, phraseSeed } from "../../shared/crypto/phrase.ts";
import { kemKeyPair, signingKeyPair } from "../../shared/crypto/sodium.ts";
import { type Card, formatBareCard, formatCard } from "../../shared/e2ee/card.ts";
import { encodeDeviceKeys, generateDevice } from "../../shared/e2ee/device.ts";
import { encodeDevicePart } from "../../shared/e2ee/device-part.ts";
import {
  frontRecordKeys,
  sealFrontPart,
  sealLargeKeys,
  secondFrontRecordKeys,
} from "../../shared/e2ee/front-record.ts";
import { encodeGrantList, parseDepositId, parseWrapKey } from "../../shared/e2ee/grant.ts";
import {
  addPairs,
  encodePrekeyState,
  NO_PREKEYS,
  rotatePrekeys,
  signCurrentPrekeys,
  signPair,
} from "../../shared/e2ee/prekey-state.ts";
import { encodePrekeyPair } from "../../shared/e2ee/prekeys.ts";
import { type RecordKeys, sealPair } from "../../shared/e2ee/record-part.ts";
import { formatRelayAddress } from "../../shared/e2ee/relay-address.ts";
import {
  capsuleKeyPair,
  cardSecret,
  caseKeyPair,
  letterboxOf,
  recordOwnerKeyPair,
  rootKeyPair,
} from "../../shared/e2ee/root.ts";
import { safetyNumber } from "../../shared/e2ee/safety-number.ts";
import type { Statement } from "../../shared/e2ee/statement.ts";
import { addStatements, emptySet, setHash } from "../../shared/e2ee/statement-set.ts";
import { signCertificate } from "../../shared/e2ee/statements/certificate.ts";
import { signDelegation } from "../../shared/e2ee/statements/delegation.ts";
import { keyHashOf, signLocator } from "../../shared/e2ee/statements/locator.ts";
import { signNotice } from "../../shared/e2ee/statements/notice.ts";
import { signResignation } from "../../shared/e2ee/statements/resignation.ts";
import { signRevocation } from "../../shared/e2ee/statements/revocation.ts";
import {
  encodeStatusPlaces,
  generateStatusPlace,
  sealStatusPart,
  statusRecordKeys,
  statusStatements,
} from "../../shared/e2ee/status-record.ts";
import { HOUR, relayA, relayB } from "./identities.ts";
import { seededRandom } from "./seeded-random.ts";

const DIGITS = "0056 0449 1550 0112 0899 1052 0224 2010";
const RELAY_LIFE_HOURS = 720;

export async function makeIdentityVectors(): Promise<Record<string, unknown>> {
  const random = seededRandom("identity vectors");
  const seed = await phraseSeed(await parsePhrase(DIGITS));
  const root = rootKeyPair(seed);
  const signer = { root };
  const desk = signingKeyPair(random(32)).publicKey;
  const device = generateDevice(random);
  const guardians = [signingKeyPair(random(32)), signingKeyPair(random(32))];
  const hold = kemKeyPair(random(32)).publicKey;
  const letterbox = letterboxOf(seed, 0);
  const grants = [relayA, relayB].map((relay, i) => ({
    relay,
    depositId: parseDepositId(random(24)),
    wrapKey: parseWrapKey(random(32)),
    mayBeUrgent: i === 1,
  }));

  const certificate = signCertificate(signer, device, {
    role: "own",
    seq: 1,
    notAfter: HOUR + 43_800,
  });
  const delegation = signDelegation(root, {
    power: "guardians",
    k: 2,
    keys: guardians.map(({ publicKey }) => publicKey),
    devices: [device.id],
    epoch: 1,
    notAfter: HOUR + 8760,
  });
  const removal = { deviceId: device.id, cutOffHour: HOUR - 3 };
  const revocation = signRevocation(signer, removal);
  const notice = signNotice(delegation, guardians, removal);
  const resignation = signResignation(device, root.publicKey, HOUR);
  const hashes = {
    holdKeyHash: keyHashOf(hold),
    letterboxKeyHash: keyHashOf(letterbox.kem.publicKey),
  };
  const locator = signLocator(device, root.publicKey, {
    place: "front",
    seq: 1,
    grants,
    ...hashes,
  });
  const statusLocator = signLocator(device, root.publicKey, {
    place: "status",
    seq: 1,
    grants: grants.slice(0, 1),
  });
  const set = addStatements(
    emptySet(root.publicKey),
    [certificate, delegation, revocation, notice, resignation, locator, statusLocator],
    HOUR,
  );

  const rotation = rotatePrekeys(NO_PREKEYS, HOUR, RELAY_LIFE_HOURS, random);
  const withPair = addPairs(rotation.state, relayA.hash, 1, HOUR, random);
  const context = { root: root.publicKey, deviceId: device.id, relay: relayA.hash };
  const [pair] = withPair.pairs.map((stored) => signPair(stored, device, context));
  if (pair === undefined) throw new RangeError("one pair was made");

  const card: Card = {
    root: root.publicKey,
    secret: cardSecret(seed, 0),
    relays: [relayA, relayB],
  };
  const writer = recordOwnerKeyPair(seed, 0).publicKey;
  const place = { writer, version: 7 };
  const front = frontRecordKeys(card, relayA.hash);
  const front2 = secondFrontRecordKeys(card, relayA.hash);
  const statusPlace = generateStatusPlace(relayA, random);
  const status = statusRecordKeys(statusPlace);
  const part = { certificate, locator, ...signCurrentPrekeys(withPair.state, device, context) };
  const statusPart = {
    device: { ...part, locator: statusLocator },
    statements: statusStatements(set, HOUR),
  };

  return {
    origin: "made by scripts/freeze-vectors.mjs from our own code",
    page: "docs/CRYPTOGRAPHY.md, sections 2 to 5; all bytes in hex",
    hour: HOUR,
    phrase: { digits: DIGITS, seed: toHex(seed) },
    root: {
      publicKey: toHex(root.publicKey),
      capsulePublicKey: toHex(capsuleKeyPair(seed).publicKey),
      letterbox0: {
        mailboxPublicKey: toHex(letterbox.mailbox.publicKey),
        kemPublicKey: toHex(letterbox.kem.publicKey),
      },
      cardSecret0: toHex(card.secret),
      deskRoot: toHex(desk),
      casePublicKey: toHex(caseKeyPair(seed, desk).publicKey),
      ownerPublicKeys: [0, 31].map((i) => toHex(recordOwnerKeyPair(seed, i).publicKey)),
    },
    device: {
      secret: toHex(encodeDeviceKeys(device)),
      IKs: toHex(device.IKs.publicKey),
      IKd: toHex(device.IKd.publicKey),
      id: toHex(device.id),
    },
    guardians: guardians.map(({ publicKey }) => toHex(publicKey)),
    relays: [relayA, relayB].map(formatRelayAddress),
    grantList: toHex(encodeGrantList(grants)),
    statements: {
      ...hexOf({ certificate, revocation, delegation, locator, statusLocator }),
      ...hexOf({ resignation, notice }),
    },
    setHash: toHex(setHash(set)),
    prekeys: {
      state: toHex(encodePrekeyState(withPair.state)),
      pair: toHex(encodePrekeyPair(pair)),
    },
    card: {
      link: formatCard(card),
      bare: formatBareCard(card),
      oneRelay: formatCard({ ...card, relays: [relayA] }),
    },
    writer: toHex(writer),
    version: place.version,
    front: {
      ...recordHex(front),
      content: toHex(encodeDevicePart(part)),
      part: toHex(sealFrontPart(front, place, part, random)),
      pair: toHex(sealPair(front, writer, pair, random)),
    },
    front2: {
      ...recordHex(front2),
      hold: toHex(hold),
      part: toHex(
        sealLargeKeys(front2, place, { hold, letterbox: letterbox.kem.publicKey }, random),
      ),
    },
    status: {
      ...recordHex(status),
      handover: toHex(encodeStatusPlaces([statusPlace])),
      part: toHex(sealStatusPart(status, place, statusPart, random)),
    },
    safetyNumber: { otherRoot: toHex(desk), digits: safetyNumber(root.publicKey, desk) },
    seededRandom: { seed: toHex(utf8("identity vectors")), next: toHex(random(32)) },
  };
}

function hexOf(statements: Readonly<Record<string, Statement>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(statements).map(([name, { bytes }]) => [name, toHex(bytes)]),
  );
}

function recordHex({ id, readKey }: RecordKeys): { readonly id: string; readonly readKey: string } {
  return { id: toHex(id), readKey: toHex(readKey) };
}
