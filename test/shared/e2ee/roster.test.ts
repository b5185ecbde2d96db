/**
 * The join of statements, as a model: whatever the order, loss, repetition, forks and rollbacks, all
 * readers who have the same statements see the same roster; and the rules of the roster one by one.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY, toHex } from "../../../shared/crypto/bytes.ts";
import { H } from "../../../shared/crypto/hash.ts";
import { blake2b, type SigningKeyPair, signingKeyPair } from "../../../shared/crypto/sodium.ts";
import type { DeviceKeys } from "../../../shared/e2ee/device.ts";
import {
  countsAt,
  liveDevices,
  type Roster,
  type RosterDevice,
  rosterDevice,
  rosterOf,
} from "../../../shared/e2ee/roster.ts";
import { devicesUnderTwoRoots, refusedKeysOf } from "../../../shared/e2ee/shared-keys.ts";
import { decodeStatement, type VerifiedStatement } from "../../../shared/e2ee/statement.ts";
import {
  addStatements,
  emptySet,
  isHashed,
  joinSets,
  missingFrom,
  nextCertificateSeq,
  nextDelegationEpoch,
  nextLocatorSeq,
  type StatementSet,
  setHash,
  statementsOf,
} from "../../../shared/e2ee/statement-set.ts";
import { signCertificate } from "../../../shared/e2ee/statements/certificate.ts";
import {
  type DelegationFields,
  signDelegation,
  type VerifiedDelegation,
} from "../../../shared/e2ee/statements/delegation.ts";
import { signNotice } from "../../../shared/e2ee/statements/notice.ts";
import { signResignation } from "../../../shared/e2ee/statements/resignation.ts";
import { signRevocation } from "../../../shared/e2ee/statements/revocation.ts";
import { certify, HOUR, locate, makeIdentity } from "../../support/identities.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const me = makeIdentity("roster");
const { device, second } = me;
const root = { root: me.root };
const random = seededRandom("keys");
const keys: readonly SigningKeyPair[] = [signingKeyPair(random(32)), signingKeyPair(random(32))];
const empty = emptySet(me.root.publicKey);

function delegate(fields: Partial<DelegationFields> = {}): VerifiedDelegation {
  return signDelegation(me.root, {
    power: "guardians",
    k: 1,
    keys: keys.map(({ publicKey }) => publicKey),
    devices: [],
    epoch: 1,
    notAfter: HOUR + 1000,
    ...fields,
  });
}

function setOf(...statements: readonly VerifiedStatement[]): StatementSet {
  return addStatements(empty, statements, HOUR);
}

function only(set: StatementSet, hour: number = HOUR, of: DeviceKeys = device): RosterDevice {
  const found = rosterDevice(rosterOf(set, hour), of.id);
  assert.ok(found);
  return found;
}

const certificate = certify(me, device);
const admins = delegate({ power: "admins" });
const staff = signCertificate({ delegation: admins, keys }, second, {
  role: "staff",
  seq: 1,
  notAfter: HOUR + 500,
});
const pool: readonly VerifiedStatement[] = [
  certificate,
  certify(me, second, { seq: 2 }),
  certify(me, second, { seq: 2, notAfter: HOUR + 5 }),
  certify(me, device, { seq: 3, notAfter: HOUR - 1 }),
  certify(me, second, { role: "borrowed", seq: 1, notAfter: HOUR + 2 }),
  staff,
  admins,
  delegate(),
  delegate({ epoch: 2, k: 2 }),
  delegate({ epoch: 2, keys: keys.slice(0, 1).map(({ publicKey }) => publicKey) }),
  delegate({ power: "admins", epoch: 2 }),
  locate(me, device),
  locate(me, device, { seq: 2, grants: [] }),
  locate(me, device, { seq: 2 }),
  locate(me, device, { place: "status", seq: 1, grants: [] }),
  locate(me, second, { seq: 9 }),
  signNotice(delegate(), keys, { deviceId: device.id, cutOffHour: HOUR - 10 }),
  signNotice(delegate({ epoch: 2, k: 2 }), keys, { deviceId: device.id, cutOffHour: HOUR - 900 }),
  signRevocation(root, { deviceId: second.id, cutOffHour: HOUR - 5 }),
  signRevocation({ delegation: admins, keys }, { deviceId: device.id, cutOffHour: 1 }),
  signResignation(second, me.root.publicKey, HOUR - 7),
];
const certificates = pool.filter(({ kind }) => kind === "certificate");

/** Statements that came at some hour; certificates come first so that locators can be verified. */
const arrivals = fc.array(
  fc.record({ one: fc.constantFrom(...pool), hour: fc.integer({ min: HOUR - 60, max: HOUR }) }),
  { maxLength: 30 },
);
const sets = arrivals.map((list) =>
  list.reduce(
    (set, { one, hour }) => addStatements(set, [one], hour),
    addStatements(empty, certificates, HOUR),
  ),
);

function sameRoster(a: StatementSet, b: StatementSet): void {
  assert.deepEqual(rosterOf(a, HOUR), rosterOf(b, HOUR));
  assert.deepEqual(setHash(a), setHash(b));
}

describe("join of statements (model)", () => {
  it("is commutative, associative and idempotent (property)", () => {
    fc.assert(
      fc.property(sets, sets, sets, (a, b, c) => {
        sameRoster(joinSets(a, b), joinSets(b, a));
        sameRoster(joinSets(joinSets(a, b), c), joinSets(a, joinSets(b, c)));
        sameRoster(joinSets(a, a), a);
        sameRoster(joinSets(joinSets(a, b), a), joinSets(a, b));
      }),
      { numRuns: 40 },
    );
  });

  it("ends the same in any order, with repetition, in any batches (property)", () => {
    const shuffled = fc.shuffledSubarray([...pool], { minLength: pool.length });
    fc.assert(
      fc.property(shuffled, fc.array(fc.constantFrom(...pool)), (order, again) => {
        const whole = addStatements(empty, [...pool], HOUR);
        sameRoster(addStatements(empty, [...order, ...again], HOUR), whole);
        const one = [...certificates, ...order].reduce(
          (set, statement) => addStatements(set, [decodeStatement(statement.bytes)], HOUR),
          empty,
        );
        sameRoster(one, whole);
      }),
      { numRuns: 20 },
    );
  });

  it("removal stays: no later statement and no rollback brings a device back (property)", () => {
    fc.assert(
      fc.property(sets, sets, fc.integer({ min: 0, max: HOUR * 2 }), (before, rolledBack, hour) => {
        const revocation = signRevocation(root, { deviceId: device.id, cutOffHour: 7 });
        const revoked = addStatements(before, [revocation], HOUR);
        const after = only(joinSets(rolledBack, revoked), hour);
        assert.equal(after.state, "revoked");
        assert.ok((after.cutOffHour ?? HOUR) <= 7);
      }),
      { numRuns: 30 },
    );
  });

  it("what one lacks makes both equal; equal hashes mean nothing hashed is missing (property)", () => {
    fc.assert(
      fc.property(sets, sets, (mine, theirs) => {
        const ids = statementsOf(theirs).map(({ id }) => id);
        const lacking = missingFrom(mine, ids);
        const theirsAfter = addStatements(theirs, lacking, HOUR);
        const mineAfter = joinSets(mine, theirs);
        assert.deepEqual(setHash(theirsAfter), setHash(mineAfter));
        assert.equal(
          toHex(setHash(mine)) === toHex(setHash(theirsAfter)),
          missingFrom(
            theirsAfter,
            statementsOf(mine).map(({ id }) => id),
          ).length === 0,
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe("statement set", () => {
  it("hashes what the page says, in sorted order", () => {
    const set = setOf(...pool);
    const ids = pool
      .filter((one) => one.kind !== "locator" && !("role" in one && one.role === "borrowed"))
      .map(({ bytes }) => toHex(blake2b(32, bytes)))
      .sort();
    const joined = concat(...ids.map((id) => Uint8Array.from(Buffer.from(id, "hex"))));
    assert.deepEqual(setHash(set), H(EMPTY, "set", joined, 16));
    assert.deepEqual(setHash(empty), H(EMPTY, "set", EMPTY, 16));
    assert.equal(statementsOf(set).filter(isHashed).length, ids.length);
  });

  it("takes a list whole or not at all", () => {
    const foreign = certify(makeIdentity("foreign"), second);
    assert.throws(() => setOf(certificate, foreign), { code: "IDENTITY_CHANGED" });
    assert.throws(() => setOf(locate(me, device)), { code: "UNKNOWN_DEVICE" });
    assert.equal(setOf(locate(me, device), certificate).entries.size, 2);
    assert.throws(() => joinSets(empty, emptySet(second.IKs.publicKey)), RangeError);
  });

  it("joins in the delegation that a statement carries", () => {
    const notice = signNotice(delegate(), keys, { deviceId: device.id, cutOffHour: HOUR });
    assert.deepEqual(rosterOf(setOf(notice), HOUR).delegations, [delegate()]);
  });

  it("keeps the earliest hour a statement was stored", () => {
    const [early, late] = [5, 9].map((hour) => addStatements(empty, [certificate], hour));
    assert.ok(early && late);
    for (const set of [joinSets(early, late), joinSets(late, early)]) {
      assert.deepEqual(
        [...set.entries.values()].map(({ firstStoredHour }) => firstStoredHour),
        [5],
      );
    }
  });

  it("counts the next numbers", () => {
    assert.equal(nextCertificateSeq(empty), 1);
    const set = setOf(...pool);
    assert.equal(nextCertificateSeq(set), 4);
    assert.equal(nextDelegationEpoch(set, "guardians"), 3);
    assert.equal(nextDelegationEpoch(set, "suspension"), 1);
    assert.equal(nextLocatorSeq(set, device.id, "front"), 3);
    assert.equal(nextLocatorSeq(set, device.id, "status"), 2);
    assert.equal(nextLocatorSeq(set, second.id, "status"), 1);
  });
});

describe("roster", () => {
  it("shows a certified device as live until its last hour, with its locators", () => {
    const status = locate(me, device, { place: "status", seq: 4, grants: [] });
    const set = setOf(certificate, locate(me, device), locate(me, device, { seq: 2 }), status);
    const { state, locators } = only(set);
    assert.equal(state, "live");
    assert.equal(locators.front?.seq, 2);
    assert.deepEqual(locators.status, status);
    assert.equal(only(set, certificate.notAfter).state, "live");
    assert.equal(only(set, certificate.notAfter + 1).state, "expired");
    assert.equal(liveDevices(rosterOf(set, HOUR)).length, 1);
    assert.equal(liveDevices(rosterOf(set, certificate.notAfter + 1)).length, 0);
    assert.equal(rosterDevice(rosterOf(set, HOUR), second.id), undefined);
  });

  it("takes the certificate with the higher number", () => {
    const renewed = certify(me, device, { seq: 2, notAfter: HOUR + 9 });
    assert.deepEqual(only(setOf(renewed, certificate)).certificate, renewed);
  });

  it("puts removal first, and the earliest cut-off", () => {
    const resigned = signResignation(device, me.root.publicKey, HOUR - 8);
    const revoked = signRevocation(root, { deviceId: device.id, cutOffHour: HOUR - 4 });
    const later = signRevocation(root, { deviceId: device.id, cutOffHour: HOUR });
    assert.equal(only(setOf(certificate, resigned)).state, "resigned");
    const gone = only(setOf(certificate, resigned, revoked, later));
    assert.equal(gone.state, "revoked");
    assert.equal(gone.cutOffHour, HOUR - 8);
    assert.equal(countsAt(gone, HOUR - 9), true);
    assert.equal(countsAt(gone, HOUR - 8), false);
  });

  it("lets a notice reach back 48 hours from when it was first stored, and no further", () => {
    const cutOffOf = (cutOffHour: number, storedHour: number): number | undefined => {
      const notice = signNotice(delegate(), keys, { deviceId: device.id, cutOffHour });
      const found = only(addStatements(setOf(certificate), [notice], storedHour));
      assert.equal(found.state, "noticed");
      return found.cutOffHour;
    };
    assert.equal(cutOffOf(HOUR - 47, HOUR), HOUR - 47);
    assert.equal(cutOffOf(HOUR - 49, HOUR), HOUR - 48);
    assert.equal(cutOffOf(0, HOUR - 100), HOUR - 148);
  });

  it("drops a notice under a replaced or outlived delegation; the root's word replaces it", () => {
    const notice = signNotice(delegate(), keys, { deviceId: device.id, cutOffHour: HOUR });
    const set = setOf(certificate, notice);
    assert.equal(only(set).state, "noticed");
    assert.equal(only(addStatements(set, [delegate({ epoch: 2 })], HOUR)).state, "live");
    const late = addStatements(setOf(certificate), [notice], delegate().notAfter + 1);
    assert.equal(only(late).state, "live");
  });

  it("counts staff while their admins' delegation stands", () => {
    const set = setOf(staff);
    assert.equal(only(set, HOUR, second).state, "live");
    assert.equal(only(set, HOUR + 501, second).state, "expired");
    const replaced = addStatements(set, [delegate({ power: "admins", epoch: 2 })], HOUR);
    assert.equal(only(replaced, HOUR, second).state, "superseded");
    const long = signCertificate({ delegation: admins, keys }, second, {
      role: "staff",
      seq: 2,
      notAfter: HOUR + 5000,
    });
    assert.equal(only(setOf(long), HOUR + 1001, second).state, "expired");
  });

  it("lets admins remove staff, for good, and nobody else", () => {
    const remove = (of: DeviceKeys): VerifiedStatement =>
      signRevocation({ delegation: admins, keys }, { deviceId: of.id, cutOffHour: HOUR });
    assert.equal(only(setOf(staff, remove(second)), HOUR, second).state, "revoked");
    assert.equal(only(setOf(certificate, remove(device))).state, "live");
    const next = delegate({ power: "admins", epoch: 2 });
    assert.equal(only(setOf(staff, remove(second), next), HOUR, second).state, "revoked");
  });

  it("keeps and shows forks, and decides them alike", () => {
    const [a, b] = [certify(me, device), certify(me, device, { notAfter: HOUR + 3 })];
    const roster = rosterOf(setOf(a, b), HOUR);
    assert.equal(roster.forks.length, 1);
    assert.deepEqual(
      roster.forks.map(({ kind, seq, statements }) => [kind, seq, statements.length]),
      [["certificate", 1, 2]],
    );
    assert.equal(rosterDevice(roster, device.id)?.certificate.notAfter, HOUR + 3);
    const forksOf = (...statements: readonly VerifiedStatement[]): Roster["forks"] =>
      rosterOf(setOf(certificate, ...statements), HOUR).forks;
    assert.equal(forksOf(delegate(), delegate({ k: 2 }))[0]?.kind, "delegation");
    assert.equal(forksOf(locate(me, device), locate(me, device, { grants: [] })).length, 1);
    assert.equal(forksOf(certify(me, second, { seq: 1 })).length, 1);
    assert.equal(forksOf(certify(me, second, { role: "borrowed", seq: 1 })).length, 0);
    assert.equal(forksOf(delegate(), delegate({ power: "suspension" }), staff).length, 0);
    const status = locate(me, device, { place: "status", grants: [] });
    assert.equal(forksOf(locate(me, device), status).length, 0);
  });
});

describe("a device key under two roots", () => {
  const thief = makeIdentity("thief");

  it("is refused for both, and shown", () => {
    const mine = setOf(certificate);
    const theirs = addStatements(
      emptySet(thief.root.publicKey),
      [certify(thief, device), certify(thief, thief.device, { seq: 2 })],
      HOUR,
    );
    const shared = devicesUnderTwoRoots([mine, theirs]);
    assert.deepEqual(
      shared.map(({ IKs, roots }) => [toHex(IKs), roots.length]),
      [[toHex(device.IKs.publicKey), 2]],
    );
    const refused = refusedKeysOf(shared);
    for (const set of [mine, theirs]) {
      const found = rosterDevice(rosterOf(set, HOUR, refused), device.id);
      assert.equal(found?.state, "refused");
      assert.ok(found && !countsAt(found, 0));
    }
    const untouched = rosterDevice(rosterOf(theirs, HOUR, refused), thief.device.id);
    assert.equal(untouched?.state, "live");
  });

  it("is not brought about by copying a public key", () => {
    const copied = { ...thief.device, IKd: device.IKd };
    const theirs = addStatements(emptySet(thief.root.publicKey), [certify(thief, copied)], HOUR);
    assert.deepEqual(devicesUnderTwoRoots([setOf(certificate), theirs]), []);
  });
});
