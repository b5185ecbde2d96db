/** Front and status records: sealed to their place, checked against the pinned root, sizes pinned. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY, lp, toHex, u8, u64, utf8 } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { H } from "../../../shared/crypto/hash.ts";
import { kemKeyPair, seal, signingKeyPair } from "../../../shared/crypto/sodium.ts";
import type { DeviceKeys } from "../../../shared/e2ee/device.ts";
import {
  bundleOf,
  type DevicePart,
  decodeDevicePart,
  encodeDevicePart,
} from "../../../shared/e2ee/device-part.ts";
import {
  frontRecordKeys,
  openFrontPart,
  openLargeKeys,
  sealFrontPart,
  sealLargeKeys,
  secondFrontRecordKeys,
} from "../../../shared/e2ee/front-record.ts";
import {
  addPairs,
  NO_PREKEYS,
  rotatePrekeys,
  signCurrentPrekeys,
  signPair,
} from "../../../shared/e2ee/prekey-state.ts";
import {
  openPair,
  openPart,
  SEALED_PAIR_BYTES,
  sealPair,
  sealPart,
} from "../../../shared/e2ee/record-part.ts";
import { addStatements, emptySet, statementsOf } from "../../../shared/e2ee/statement-set.ts";
import { keyHashOf, type RecordPlace } from "../../../shared/e2ee/statements/locator.ts";
import { signRevocation } from "../../../shared/e2ee/statements/revocation.ts";
import {
  decodeStatusPlaces,
  encodeStatusPlaces,
  generateStatusPlace,
  openStatusPart,
  sealStatusPart,
  statusRecordKeys,
  statusStatements,
} from "../../../shared/e2ee/status-record.ts";
import {
  certify,
  HOUR,
  locate,
  makeIdentity,
  relayA,
  relayB,
  type TestIdentity,
} from "../../support/identities.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const random = seededRandom("records");
const me = makeIdentity("records");
const thief = makeIdentity("records-thief");
const card = { root: me.root.publicKey, secret: me.secret };
const keys = frontRecordKeys(card, relayA.hash);
const writer = signingKeyPair(random(32)).publicKey;
const place = { writer, version: 3 };
const prekeys = rotatePrekeys(NO_PREKEYS, HOUR, 720, random).state;
const withPair = addPairs(prekeys, relayA.hash, 1, HOUR, random);

function partOf(
  identity: TestIdentity,
  device: DeviceKeys = identity.device,
  record: RecordPlace = "front",
): DevicePart {
  const context = { root: identity.root.publicKey, deviceId: device.id, relay: relayA.hash };
  return {
    certificate: certify(identity, device),
    locator: locate(identity, device, { place: record }),
    ...signCurrentPrekeys(prekeys, device, context),
  };
}

describe("front record", () => {
  it("has ids and keys of its own per card, relay and record", () => {
    const at = concat(me.root.publicKey, relayA.hash);
    assert.deepEqual(keys.id, H(me.secret, "front.id", at, 24));
    assert.deepEqual(keys.readKey, H(me.secret, "front.key", at, 32));
    const second = secondFrontRecordKeys(card, relayA.hash);
    assert.deepEqual(second.id, H(me.secret, "front2.id", at, 24));
    assert.deepEqual(second.readKey, H(me.secret, "front2.key", at, 32));
    const ids = [keys, second, frontRecordKeys(card, relayB.hash)].map(({ id }) => toHex(id));
    assert.equal(new Set(ids).size, 3);
  });

  it("opens to what the device published, verified under the card's root", () => {
    const part = partOf(me);
    const sealed = sealFrontPart(keys, place, part, random);
    const opened = openFrontPart(keys, place, sealed, card.root);
    assert.deepEqual(opened, part);
    const bundle = bundleOf(opened, relayA.hash, undefined, HOUR);
    assert.deepEqual(bundle.deviceId, me.device.id);
    assert.equal(bundle.kem.role, "lastResort");
  });

  it("has the size of its parts: a first contact reads 2088 + 1360 bytes", () => {
    const hash = keyHashOf(kemKeyPair(random(32)).publicKey);
    const locator = locate(me, me.device, { holdKeyHash: hash, letterboxKeyHash: hash });
    const content = encodeDevicePart({ ...partOf(me), locator });
    assert.equal(4 + 235 + 4 + 336 + 4 + 104 + 4 + 1288, 1979);
    assert.equal(content.length, 1979);
    const sealed = sealFrontPart(keys, place, { ...partOf(me), locator }, random);
    assert.equal(sealed.length, 24 + 4 * 512 + 16);
    assert.equal(sealed.length, 2088);
    assert.equal(SEALED_PAIR_BYTES, 24 + 4 + 4 + 32 + 1216 + 64 + 16);
    assert.equal(SEALED_PAIR_BYTES, 1360);
  });

  it("under another root is IDENTITY_CHANGED", () => {
    const sealed = sealFrontPart(keys, place, partOf(thief), random);
    assert.throws(() => openFrontPart(keys, place, sealed, card.root), {
      code: "IDENTITY_CHANGED",
    });
  });

  it("refuses a locator of the status record, of another device, and a borrowed certificate", () => {
    const refuse = (part: DevicePart, code: string): void => {
      const sealed = sealFrontPart(keys, place, part, random);
      assert.throws(() => openFrontPart(keys, place, sealed, card.root), { code });
    };
    refuse(partOf(me, me.device, "status"), "MALFORMED");
    refuse({ ...partOf(me), locator: locate(me, me.second) }, "UNKNOWN_DEVICE");
    const certificate = certify(me, me.device, { role: "borrowed" });
    refuse({ ...partOf(me), certificate }, "MALFORMED");
    const { signature } = locate(me, me.device, { seq: 2 });
    const bytes = locate(me, me.device).bytes;
    const forged = { ...locate(me, me.device), bytes: concat(bytes.subarray(0, -64), signature) };
    refuse({ ...partOf(me), locator: forged }, "BAD_SIGNATURE");
  });

  it("does not open at another place: relay, record, writer or version", () => {
    const sealed = sealFrontPart(keys, place, partOf(me), random);
    const other = signingKeyPair(random(32)).publicKey;
    const cases = [
      [keys, { ...place, version: 4 }],
      [keys, { ...place, writer: other }],
      [{ ...keys, relay: relayB.hash }, place],
      [{ ...keys, kind: "status" }, place],
      [frontRecordKeys(card, relayB.hash), place],
    ] as const;
    for (const [recordKeys, at] of cases) {
      assert.throws(() => openFrontPart(recordKeys, at, sealed, card.root), {
        code: "CANNOT_OPEN",
      });
    }
  });

  it("refuses each cut and each changed byte of the plaintext", () => {
    const content = encodeDevicePart(partOf(me));
    for (let length = 0; length < content.length; length += 37) {
      assert.throws(() => decodeDevicePart(content.subarray(0, length)), { code: "MALFORMED" });
    }
    assert.throws(() => decodeDevicePart(concat(content, u8(0))), { code: "MALFORMED" });
    for (let i = 0; i < 4 + 235 + 4 + 272; i++) {
      const changed = Uint8Array.from(content);
      changed[i] = (changed[i] ?? 0) ^ 1;
      const sealed = sealPart(keys, place, changed, random);
      assert.throws(() => openFrontPart(keys, place, sealed, card.root), TumarError, `byte ${i}`);
    }
  });
});

describe("part of a record", () => {
  it("comes back for any content, in steps of 512 (property)", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1100 }), (content) => {
        const sealed = sealPart(keys, place, content, random);
        assert.equal((sealed.length - 40) % 512, 0);
        assert.ok(sealed.length - 40 - content.length <= 512);
        assert.deepEqual(openPart(keys, place, sealed), content);
      }),
      { numRuns: 60 },
    );
  });

  it("is the documented box", () => {
    const sealed = sealPart(keys, place, utf8("x"), random);
    const padded = new Uint8Array(512);
    padded.set([0x78, 0x80]);
    const data = lp(utf8("tumar/v1/front"), relayA.hash, keys.id, writer, u64(3));
    const nonce = sealed.subarray(0, 24);
    assert.deepEqual(sealed.subarray(24), seal(keys.readKey, nonce, padded, data));
  });

  it("refuses other sizes and other padding", () => {
    const sealed = sealPart(keys, place, utf8("x"), random);
    for (const bytes of [EMPTY, sealed.subarray(1), concat(sealed, u8(0))]) {
      assert.throws(() => openPart(keys, place, bytes), { code: "MALFORMED" });
    }
    const data = lp(utf8("tumar/v1/front"), relayA.hash, keys.id, writer, u64(3));
    const nonce = random(24);
    const early = new Uint8Array(1024);
    early.set([0x78, 0x80]);
    const last = new Uint8Array(512);
    last[511] = 1;
    for (const padded of [new Uint8Array(512), last, early, EMPTY]) {
      const box = concat(nonce, seal(keys.readKey, nonce, padded, data));
      assert.throws(() => openPart(keys, place, box), { code: "MALFORMED" });
    }
  });
});

describe("one-time pairs on a record", () => {
  const [stored] = withPair.pairs;
  assert.ok(stored);
  const context = { root: card.root, deviceId: me.device.id, relay: relayA.hash };
  const pair = signPair(stored, me.device, context);

  it("come back, and make a bundle with both one-time keys", () => {
    const sealed = sealPair(keys, writer, pair, random);
    assert.equal(sealed.length, SEALED_PAIR_BYTES);
    const opened = openPair(keys, writer, sealed);
    assert.deepEqual(opened, pair);
    const part = openFrontPart(
      keys,
      place,
      sealFrontPart(keys, place, partOf(me), random),
      card.root,
    );
    const bundle = bundleOf(part, relayA.hash, opened, HOUR);
    assert.equal(bundle.kem.role, "pair");
    assert.equal(bundle.opk?.id, pair.id);
  });

  it("do not open under another writer, relay or record, or in another size", () => {
    const sealed = sealPair(keys, writer, pair, random);
    const other = signingKeyPair(random(32)).publicKey;
    assert.throws(() => openPair(keys, other, sealed), { code: "CANNOT_OPEN" });
    assert.throws(() => openPair({ ...keys, relay: relayB.hash }, writer, sealed), {
      code: "CANNOT_OPEN",
    });
    assert.throws(() => openPair(secondFrontRecordKeys(card, relayA.hash), writer, sealed), {
      code: "CANNOT_OPEN",
    });
    assert.throws(() => openPair(keys, writer, sealed.subarray(1)), { code: "MALFORMED" });
  });
});

describe("second front record", () => {
  const second = secondFrontRecordKeys(card, relayA.hash);
  const hold = kemKeyPair(random(32)).publicKey;
  const letterbox = kemKeyPair(random(32)).publicKey;
  const locator = locate(me, me.device, {
    holdKeyHash: keyHashOf(hold),
    letterboxKeyHash: keyHashOf(letterbox),
  });

  it("comes back with both keys, one, or none", () => {
    for (const large of [{ hold, letterbox }, { hold }, { letterbox }, {}]) {
      const sealed = sealLargeKeys(second, place, large, random);
      assert.deepEqual(openLargeKeys(second, place, sealed, locator), large);
    }
  });

  it("refuses a key the locator does not name", () => {
    const sealed = sealLargeKeys(second, place, { hold: letterbox }, random);
    assert.throws(() => openLargeKeys(second, place, sealed, locator), { code: "BAD_SIGNATURE" });
    const right = sealLargeKeys(second, place, { hold }, random);
    assert.throws(() => openLargeKeys(second, place, right, locate(me, me.device)), {
      code: "BAD_SIGNATURE",
    });
  });
});

describe("status record", () => {
  const at = generateStatusPlace(relayA, random);
  const statusKeys = statusRecordKeys(at);
  const revocation = signRevocation({ root: me.root }, { deviceId: me.second.id, cutOffHour: 5 });
  const known = addStatements(
    emptySet(me.root.publicKey),
    [
      certify(me, me.device),
      certify(me, me.second, { seq: 2 }),
      certify(me, thief.device, { role: "borrowed", seq: 9 }),
      revocation,
      locate(me, me.device, { place: "status" }),
      locate(me, me.device),
    ],
    HOUR,
  );

  it("lists every statement but borrowed certificates, and the status locators", () => {
    const kinds = statusStatements(known, HOUR).map(({ kind }) => kind);
    assert.deepEqual([...kinds].sort(), ["certificate", "certificate", "locator", "revocation"]);
  });

  it("opens, verifies and joins", () => {
    const statements = statusStatements(known, HOUR);
    const device = partOf(me, me.device, "status");
    const sealed = sealStatusPart(statusKeys, place, { device, statements }, random);
    const empty = emptySet(me.root.publicKey);
    const opened = openStatusPart(statusKeys, place, sealed, empty, HOUR);
    assert.deepEqual(opened.device, device);
    assert.deepEqual(
      statementsOf(opened.set).map(({ id }) => toHex(id)),
      statements.map(({ id }) => toHex(id)).sort(),
    );
  });

  it("under another root, or with one foreign statement, changes nothing", () => {
    const empty = emptySet(me.root.publicKey);
    const foreign = sealStatusPart(
      statusKeys,
      place,
      { device: partOf(thief, thief.device, "status"), statements: [] },
      random,
    );
    const mixed = sealStatusPart(
      statusKeys,
      place,
      { device: partOf(me, me.device, "status"), statements: [certify(thief, thief.device)] },
      random,
    );
    for (const sealed of [foreign, mixed]) {
      assert.throws(() => openStatusPart(statusKeys, place, sealed, empty, HOUR), {
        code: "IDENTITY_CHANGED",
      });
    }
    assert.equal(empty.entries.size, 0);
  });

  it("is handed over as relay, id and read key", () => {
    const places = [at, generateStatusPlace(relayB, random)];
    const bytes = encodeStatusPlaces(places);
    assert.deepEqual(decodeStatusPlaces(bytes), places);
    assert.equal(bytes.length, 1 + 2 * (1 + 1 + 17 + 16 + 24 + 32));
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeStatusPlaces(bytes.subarray(0, length)), { code: "MALFORMED" });
    }
    assert.throws(() => decodeStatusPlaces(concat(bytes, u8(0))), { code: "MALFORMED" });
    assert.throws(() => decodeStatusPlaces(u8(9)), { code: "MALFORMED" });
    assert.throws(() => encodeStatusPlaces(Array.from({ length: 9 }, () => at)), RangeError);
  });
});
