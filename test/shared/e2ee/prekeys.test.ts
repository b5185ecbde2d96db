/** Prekeys: bound to root, device, relay, role and time; private halves live as long as promised. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, lp, u8, u32, utf8 } from "../../../shared/crypto/bytes.ts";
import { sign } from "../../../shared/crypto/sodium.ts";
import {
  addPairs,
  countPairs,
  decodePrekeyState,
  encodePrekeyState,
  NO_PREKEYS,
  PAIRS_PER_RELAY,
  PREKEY_GRACE_HOURS,
  PREKEY_LIFE_HOURS,
  PREKEY_ROTATION_HOURS,
  type PrekeyState,
  prekeySecrets,
  removePair,
  rotatePrekeys,
  signCurrentPrekeys,
  signPair,
} from "../../../shared/e2ee/prekey-state.ts";
import {
  decodeLastResortPrekey,
  decodePrekeyPair,
  decodeSignedPrekey,
  encodeLastResortPrekey,
  encodePrekeyPair,
  encodeSignedPrekey,
  LAST_RESORT_PREKEY_BYTES,
  PREKEY_PAIR_BYTES,
  SIGNED_PREKEY_BYTES,
  verifyPrekeyBundle,
} from "../../../shared/e2ee/prekeys.ts";
import { certify, HOUR, makeIdentity, relayA, relayB } from "../../support/identities.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const RELAY_LIFE = 30 * 24;
const me = makeIdentity("prekeys");
const certificate = certify(me, me.device);
const context = { root: me.root.publicKey, deviceId: me.device.id, relay: relayA.hash };
const { state: rotated } = rotatePrekeys(NO_PREKEYS, HOUR, RELAY_LIFE, seededRandom("prekeys"));
const { state, pairs } = addPairs(rotated, relayA.hash, 2, HOUR, seededRandom("pairs"));
const [stored] = pairs;
assert.ok(stored);
const pair = signPair(stored, me.device, context);
const current = signCurrentPrekeys(state, me.device, context);
const published = { ...current, pair };

describe("prekey bundle", () => {
  it("verifies with a pair and without", () => {
    const bundle = verifyPrekeyBundle(certificate, relayA.hash, published, HOUR);
    assert.deepEqual(bundle, {
      root: me.root.publicKey,
      deviceId: me.device.id,
      IKs: me.device.IKs.publicKey,
      IKd: me.device.IKd.publicKey,
      spk: { id: current.spk.id, pk: current.spk.pk },
      kem: { id: pair.id, role: "pair", pk: pair.kem },
      opk: { id: pair.id, pk: pair.opk },
    });
    const without = verifyPrekeyBundle(certificate, relayA.hash, current, HOUR);
    assert.deepEqual(without.kem, { id: current.kpk.id, role: "lastResort", pk: current.kpk.pk });
    assert.equal("opk" in without, false);
  });

  it("is signed as documented", () => {
    const { id, notAfter, pk } = current.spk;
    const signed = lp(
      utf8("tumar/v1/prekey"),
      me.root.publicKey,
      me.device.id,
      relayA.hash,
      u8(1),
      u8(1),
      u32(id),
      u32(notAfter),
      pk,
    );
    assert.deepEqual(current.spk.signature, sign(signed, me.device.IKs.secretKey));
  });

  it("is refused at another relay, for another device or root, in another role", () => {
    const bad = { code: "BAD_SIGNATURE" };
    assert.throws(() => verifyPrekeyBundle(certificate, relayB.hash, published, HOUR), bad);
    const second = certify(me, me.second);
    assert.throws(() => verifyPrekeyBundle(second, relayA.hash, published, HOUR), bad);
    const other = certify(makeIdentity("other"), me.device);
    assert.throws(() => verifyPrekeyBundle(other, relayA.hash, published, HOUR), bad);
    const asLastResort = { ...current, kpk: { ...current.kpk, pk: pair.kem } };
    assert.throws(() => verifyPrekeyBundle(certificate, relayA.hash, asLastResort, HOUR), bad);
    for (const changed of [
      { ...published, spk: { ...current.spk, id: current.spk.id ^ 1 } },
      { ...published, spk: { ...current.spk, notAfter: HOUR + 9999 } },
      { ...published, pair: { ...pair, opk: current.spk.pk } },
    ]) {
      assert.throws(() => verifyPrekeyBundle(certificate, relayA.hash, changed, HOUR), bad);
    }
  });

  it("is refused after its last hour", () => {
    const last = current.spk.notAfter;
    assert.ok(verifyPrekeyBundle(certificate, relayA.hash, published, last));
    assert.throws(() => verifyPrekeyBundle(certificate, relayA.hash, published, last + 1), {
      code: "PREKEY_EXPIRED",
    });
  });

  it("comes back from bytes of fixed size, and nothing else is accepted", () => {
    const forms = [
      [encodeSignedPrekey(current.spk), decodeSignedPrekey, current.spk, 104],
      [encodeLastResortPrekey(current.kpk), decodeLastResortPrekey, current.kpk, 1288],
      [encodePrekeyPair(pair), decodePrekeyPair, pair, 1320],
    ] as const;
    assert.deepEqual(
      [SIGNED_PREKEY_BYTES, LAST_RESORT_PREKEY_BYTES, PREKEY_PAIR_BYTES],
      [4 + 4 + 32 + 64, 4 + 4 + 1216 + 64, 4 + 4 + 32 + 1216 + 64],
    );
    for (const [bytes, decode, value, size] of forms) {
      assert.equal(bytes.length, size);
      assert.deepEqual(decode(bytes), value);
      assert.throws(() => decode(bytes.subarray(0, -1)), { code: "MALFORMED" });
      assert.throws(() => decode(concat(bytes, u8(0))), { code: "MALFORMED" });
      assert.throws(() => decode(concat(u32(0), bytes.subarray(4))), { code: "MALFORMED" });
    }
    const high = encodeSignedPrekey(current.spk);
    high[8 + 31] = 0xff;
    assert.throws(() => decodeSignedPrekey(high), { code: "BAD_KEY" });
  });
});

describe("prekey rotation", () => {
  it("has the documented times", () => {
    assert.equal(PREKEY_LIFE_HOURS, 720);
    assert.equal(PREKEY_ROTATION_HOURS, 168);
    assert.equal(PREKEY_GRACE_HOURS, 168);
    assert.equal(PAIRS_PER_RELAY, 30);
  });

  it("makes new keys weekly, keeps what may still be used, wipes the rest (model)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 12 }),
        fc.string(),
        (steps, seed) => {
          const random = seededRandom(seed);
          let held: PrekeyState = NO_PREKEYS;
          let hour = HOUR;
          let madeAt = Number.NEGATIVE_INFINITY;
          for (const step of steps) {
            hour += step;
            const before = held.prekeys.length;
            const rotation = rotatePrekeys(held, hour, RELAY_LIFE, random);
            const isDue = hour >= madeAt + 168;
            assert.equal(rotation.toPublish !== undefined, isDue);
            if (isDue) madeAt = hour;
            const deadline = (notAfter: number): number => notAfter + RELAY_LIFE + 168;
            assert.ok(rotation.wiped.every(({ notAfter }) => deadline(notAfter) < hour));
            assert.ok(rotation.state.prekeys.every(({ notAfter }) => deadline(notAfter) >= hour));
            const made = isDue ? 2 : 0;
            assert.equal(before + made, rotation.state.prekeys.length + rotation.wiped.length);
            held = rotation.state;
            const spk = signCurrentPrekeys(held, me.device, context).spk;
            assert.equal(spk.notAfter, madeAt + 720);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it("changes nothing in the state it was given", () => {
    const before = encodePrekeyState(state);
    rotatePrekeys(state, HOUR + 10_000, RELAY_LIFE, seededRandom("later"));
    addPairs(state, relayB.hash, 1, HOUR, seededRandom("later"));
    removePair(state, pair.id);
    assert.deepEqual(encodePrekeyState(state), before);
  });

  it("never gives an id twice, nor 0", () => {
    const answers = [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0, 9];
    const stubborn = (length: number): Uint8Array =>
      length === 4 ? Uint8Array.from(answers.splice(0, 4)) : new Uint8Array(length).fill(1);
    const { spk, kpk } = rotatePrekeys(NO_PREKEYS, HOUR, RELAY_LIFE, stubborn).toPublish ?? {};
    assert.equal(spk?.id, 7);
    assert.equal(kpk?.id, 9);
  });
});

describe("private halves", () => {
  const ids = { spk: current.spk.id, kem: pair.id, pair: pair.id };

  it("are found by the ids of a first flight", () => {
    const secrets = prekeySecrets(state, ids);
    assert.deepEqual(secrets?.spk.publicKey, current.spk.pk);
    assert.deepEqual(secrets?.kem.publicKey, pair.kem);
    assert.deepEqual(secrets?.opk?.publicKey, pair.opk);
    const last = prekeySecrets(state, { ...ids, kem: current.kpk.id, pair: 0 });
    assert.deepEqual(last?.kem.publicKey, current.kpk.pk);
    assert.equal(last && "opk" in last, false);
  });

  it("are not found by ids that are unknown, mixed up or used", () => {
    for (const wrong of [
      { ...ids, spk: pair.id },
      { ...ids, spk: 0 },
      { ...ids, pair: 0 },
      { ...ids, kem: current.kpk.id },
      { ...ids, kem: pairs[1]?.id ?? 0 },
      { spk: ids.spk, kem: current.spk.id, pair: current.spk.id },
      { spk: ids.spk, kem: current.spk.id, pair: 0 },
    ]) {
      assert.equal(prekeySecrets(state, wrong), undefined);
    }
    assert.equal(prekeySecrets(removePair(state, pair.id), ids), undefined);
  });

  it("of pairs belong to one relay", () => {
    assert.throws(
      () => signPair(stored, me.device, { ...context, relay: relayB.hash }),
      RangeError,
    );
    assert.equal(countPairs(state, relayA.hash, HOUR), 2);
    assert.equal(countPairs(state, relayB.hash, HOUR), 0);
    assert.equal(countPairs(state, relayA.hash, HOUR + 721), 0);
    assert.equal(countPairs(removePair(state, pair.id), relayA.hash, HOUR), 1);
    assert.equal(removePair(state, current.spk.id).prekeys.length, state.prekeys.length);
  });

  it("come back from their bytes, and nothing else is accepted", () => {
    const bytes = encodePrekeyState(state);
    assert.equal(bytes.length, 2 + (9 + 32) + (9 + 32) + 2 * (9 + 16 + 32 + 32));
    assert.deepEqual(decodePrekeyState(bytes), state);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodePrekeyState(bytes.subarray(0, length)), { code: "MALFORMED" });
    }
    assert.throws(() => decodePrekeyState(concat(bytes, u8(0))), { code: "MALFORMED" });
    const zero = Uint8Array.from(bytes);
    zero.fill(0, 3, 7);
    assert.throws(() => decodePrekeyState(zero), { code: "MALFORMED" });
    const role = Uint8Array.from(bytes);
    role[2] = 4;
    assert.throws(() => decodePrekeyState(role), { code: "MALFORMED" });
  });

  it("are needed before anything can be signed", () => {
    assert.throws(() => signCurrentPrekeys(NO_PREKEYS, me.device, context), RangeError);
  });
});
