/**
 * The frozen card, records and prekeys (sections 4 and 5) read by the second implementation, and
 * where the random bytes of identity.json came from.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { concat, decode, fromHex, hex, text } from "../second/bytes.ts";
import { frontRecord, openCard } from "../second/card.ts";
import {
  openPrekey,
  openPrekeySecrets,
  PREKEY_ROLE,
  type PrekeyOwner,
  type PrekeyRole,
  sealPrekey,
} from "../second/prekeys.ts";
import { signingPublicKey } from "../second/primitives.ts";
import { RandomStream } from "../second/random-stream.ts";
import {
  openDevicePart,
  openPart,
  openSealedPair,
  openSecondFront,
  openStatus,
  PLACE,
  type RecordKeys,
} from "../second/records.ts";
import { Refused } from "../second/refused.ts";
import { readGrantList, readRecordPlaces, relayText } from "../second/relay-address.ts";
import { deviceSecrets } from "../second/root.ts";
import { keyHash, openCertificate, openLocator, setHash } from "../second/statements.ts";
import { identityVectors, refusesFlips } from "../second/transcripts.ts";
import { kemPublicKey } from "../second/x-wing.ts";

const vector = identityVectors();
const bytes = fromHex;
const root = bytes(vector.root.publicKey);
const secrets = deviceSecrets(bytes(vector.device.secret));
const certificate = openCertificate(bytes(vector.statements.certificate), root);
const card = openCard(vector.card.link);

function relayHash(index: number): Uint8Array {
  const relay = card.relays[index];
  assert.ok(relay);
  return relay.r;
}

function owner(r: Uint8Array): PrekeyOwner {
  return { root, deviceId: certificate.deviceId, IKs: certificate.IKs, r };
}

describe("second implementation: card and records", () => {
  const front: RecordKeys = frontRecord(card, "front", relayHash(0));
  const second: RecordKeys = frontRecord(card, "front2", relayHash(0));
  const { id, readKey } = vector.status;
  const status: RecordKeys = {
    label: "status",
    r: relayHash(0),
    id: bytes(id),
    readKey: bytes(readKey),
  };
  const writer = bytes(vector.writer);

  it("parses the card in its three forms and refuses a changed character", () => {
    for (const form of ["link", "bare", "oneRelay"] as const) {
      const written = text(vector.card[form]);
      const opened = refusesFlips(written, 1, (one) =>
        openCard(Buffer.from(one).toString("latin1")),
      );
      assert.equal(hex(opened.root), vector.root.publicKey);
      assert.equal(hex(opened.secret), vector.root.cardSecret0);
      const relays = form === "oneRelay" ? vector.relays.slice(0, 1) : vector.relays;
      assert.deepEqual(opened.relays.map(relayText), relays);
    }
  });

  it("finds and opens the front record", () => {
    assert.deepEqual([hex(front.id), hex(front.readKey)], [vector.front.id, vector.front.readKey]);
    const content = refusesFlips(bytes(vector.front.part), 17, (part) =>
      openPart(front, writer, vector.version, part),
    );
    assert.equal(hex(content), vector.front.content);
    const part = refusesFlips(content, 31, (one) =>
      openDevicePart(one, root, PLACE.front, front.r),
    );
    assert.deepEqual(part.certificate, certificate);
  });

  it("opens the sealed pair beside it, which is the pair of the prekeys", () => {
    const pair = refusesFlips(bytes(vector.front.pair), 17, (sealed) =>
      openSealedPair(front, writer, sealed),
    );
    assert.equal(hex(pair), vector.prekeys.pair);
  });

  it("opens the second front record and checks its keys against the locator", () => {
    const locator = openLocator(bytes(vector.statements.locator), certificate);
    assert.deepEqual(
      [hex(second.id), hex(second.readKey)],
      [vector.front2.id, vector.front2.readKey],
    );
    const content = refusesFlips(bytes(vector.front2.part), 17, (part) =>
      openPart(second, writer, vector.version, part),
    );
    const keys = refusesFlips(content, 31, (one) => openSecondFront(one, locator));
    assert.equal(keys.hold && hex(keys.hold), vector.front2.hold);
    assert.equal(keys.letterbox && hex(keys.letterbox), vector.root.letterbox0.kemPublicKey);
    assert.deepEqual(keys.hold && keyHash(keys.hold), locator.holdKeyHash);
  });

  it("opens the status record at the place that was handed over", () => {
    const places = decode(bytes(vector.status.handover), readRecordPlaces);
    assert.deepEqual(
      places.map((place) => [relayText(place.relay), hex(place.id), hex(place.readKey)]),
      [[vector.relays[0], id, readKey]],
    );
    const content = refusesFlips(bytes(vector.status.part), 17, (part) =>
      openPart(status, writer, vector.version, part),
    );
    const opened = refusesFlips(content, 97, (one) => openStatus(one, root, status.r));
    assert.equal(hex(setHash(opened.statements)), vector.setHash);
    assert.equal(hex(opened.device.locator.bytes), vector.statements.statusLocator);
  });

  it("opens no part under another version, writer or record", () => {
    const part = bytes(vector.front.part);
    assert.throws(() => openPart(front, writer, vector.version + 1, part), Refused);
    assert.throws(() => openPart(front, root, vector.version, part), Refused);
    assert.throws(() => openPart({ ...front, label: "status" }, writer, 7, part), Refused);
    assert.throws(() => openPart({ ...front, r: relayHash(1) }, writer, 7, part), Refused);
  });
});

describe("second implementation: prekeys", () => {
  const kept = openPrekeySecrets(bytes(vector.prekeys.state));
  const one = (role: PrekeyRole) => {
    const found = kept.find((secret) => secret.role === role);
    assert.ok(found);
    return found;
  };

  it("makes each prekey of the vault again, signature and all", () => {
    const content = bytes(vector.front.content);
    const part = openDevicePart(content, root, PLACE.front, relayHash(0));
    const pair = one(PREKEY_ROLE.pair);
    assert.ok(pair.r);
    const sealed = (role: PrekeyRole, r: Uint8Array) =>
      hex(sealPrekey(one(role), owner(r), secrets.signing));
    assert.equal(sealed(PREKEY_ROLE.pair, pair.r), vector.prekeys.pair);
    assert.equal(part.spk.id, one(PREKEY_ROLE.spk).id);
    assert.ok(vector.front.content.includes(sealed(PREKEY_ROLE.spk, relayHash(0))));
    assert.ok(vector.front.content.endsWith(sealed(PREKEY_ROLE.kpk, relayHash(0))));
  });

  it("verifies the pair for its own relay only, and refuses each flipped bit", () => {
    const pair = bytes(vector.prekeys.pair);
    refusesFlips(pair, 11, (flip) => openPrekey(flip, PREKEY_ROLE.pair, owner(relayHash(0))));
    assert.throws(() => openPrekey(pair, PREKEY_ROLE.pair, owner(relayHash(1))), Refused);
  });
});

describe("second implementation: the random bytes of identity.json", () => {
  const drawn = new RandomStream(bytes(vector.seededRandom.seed));
  const next = (length: number) => hex(drawn.take(length));

  it("is one stream, each draw where it belongs", () => {
    const grants = decode(bytes(vector.grantList), readGrantList);
    const kept = openPrekeySecrets(bytes(vector.prekeys.state));
    const { front, front2, status } = vector;
    assert.equal(hex(signingPublicKey(drawn.take(32))), vector.root.deskRoot);
    assert.equal(next(64), vector.device.secret);
    const guardians = [drawn.take(32), drawn.take(32)].map(signingPublicKey);
    assert.deepEqual(guardians.map(hex), vector.guardians);
    assert.equal(hex(kemPublicKey(drawn.take(32))), front2.hold);
    for (const grant of grants) {
      assert.equal(next(24 + 32), hex(concat(grant.depositId, grant.wrapKey)));
    }
    for (const { id, secret } of kept) {
      assert.equal(Number.parseInt(next(4), 16), id);
      assert.equal(next(secret.length), hex(secret));
    }
    assert.equal(next(24 + 32), status.id + status.readKey);
    for (const sealed of [front.part, front.pair, front2.part, status.part]) {
      assert.equal(next(24), sealed.slice(0, 48));
    }
    assert.equal(next(32), vector.seededRandom.next);
  });
});
