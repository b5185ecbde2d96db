/**
 * All statements known about one identity: a set that only grows (docs/CRYPTOGRAPHY.md 3).
 *
 * Joining is the union by id, so it is commutative, associative and idempotent, and no order, loss,
 * repetition or rollback at a relay changes where it ends. What the set means is in roster.ts.
 * Beside each statement stands the earliest relay hour at which any reader found it stored; that
 * bounds how far back a notice reaches. Every step returns a new set.
 */

import { compareBytes, concat, EMPTY, equalBytes, toHex } from "../crypto/bytes.ts";
import { H } from "../crypto/hash.ts";
import type { SigningPublicKey } from "../crypto/sodium.ts";
import type { DeviceId } from "./device.ts";
import { type Statement, type VerifiedStatement, verifyStatement } from "./statement.ts";
import type { Hour, StatementId } from "./statements/body.ts";
import type { VerifiedCertificate } from "./statements/certificate.ts";
import type { VerifiedDelegation } from "./statements/delegation.ts";
import type { VerifiedLocator } from "./statements/locator.ts";

export interface StatementEntry {
  readonly statement: VerifiedStatement;
  readonly firstStoredHour: Hour;
}

export interface StatementSet {
  readonly root: SigningPublicKey;
  /** By hex of the statement id. */
  readonly entries: ReadonlyMap<string, StatementEntry>;
}

export const SET_HASH_BYTES = 16;

export function emptySet(root: SigningPublicKey): StatementSet {
  return { root, entries: new Map() };
}

/**
 * Verifies a list and joins it in, all or nothing. Certificates may stand after the locators that
 * need them, or in the set already. A delegation carried inside a statement is joined in as well.
 * @param firstStoredHour the relay hour of the record or deposit that carried the list
 * @throws TumarError IDENTITY_CHANGED, BAD_SIGNATURE, NOT_EMPOWERED, UNKNOWN_DEVICE
 */
export function addStatements(
  set: StatementSet,
  statements: readonly Statement[],
  firstStoredHour: Hour,
): StatementSet {
  const known = new Map<string, VerifiedCertificate>();
  for (const statement of statementsOf(set)) {
    if (statement.kind === "certificate") known.set(toHex(statement.deviceId), statement);
  }
  const verified: VerifiedStatement[] = [];
  const certificateOf = (device: DeviceId): VerifiedCertificate | undefined =>
    known.get(toHex(device));
  for (const statement of certificatesFirst(statements.flatMap(withDelegation))) {
    const one = verifyStatement(statement, set.root, certificateOf);
    if (one.kind === "certificate") known.set(toHex(one.deviceId), one);
    verified.push(one);
  }
  const entries = verified.map((statement): [string, StatementEntry] => [
    toHex(statement.id),
    { statement, firstStoredHour },
  ]);
  return joinSets(set, { root: set.root, entries: new Map(entries) });
}

/** The union. @throws RangeError for sets of two identities */
export function joinSets(a: StatementSet, b: StatementSet): StatementSet {
  if (!equalBytes(a.root, b.root)) throw new RangeError("sets of two identities do not join");
  const entries = new Map(a.entries);
  for (const [id, entry] of b.entries) {
    const mine = entries.get(id);
    if (mine === undefined || mine.firstStoredHour > entry.firstStoredHour) entries.set(id, entry);
  }
  return { root: a.root, entries };
}

/** Ordered by id, so that every reader lists them alike. */
export function statementsOf(set: StatementSet): readonly VerifiedStatement[] {
  return [...set.entries.values()]
    .map(({ statement }) => statement)
    .sort((a, b) => compareBytes(a.id, b.id));
}

/**
 * H("", "set", sorted ids, 16) over certificates, revocations, delegations, resignations and
 * notices: every message carries it for both sides. Locators and borrowed certificates are left
 * out: they do not travel to everybody.
 */
export function setHash(set: StatementSet): Uint8Array {
  const ids = statementsOf(set)
    .filter(isHashed)
    .map(({ id }) => id);
  return H(EMPTY, "set", concat(...ids), SET_HASH_BYTES);
}

/** What a peer who knows `theirs` lacks, for the next message or record; of the hashed kinds only. */
export function missingFrom(
  set: StatementSet,
  theirs: Iterable<StatementId>,
): readonly VerifiedStatement[] {
  const known = new Set([...theirs].map(toHex));
  return statementsOf(set).filter(
    (statement) => isHashed(statement) && !known.has(toHex(statement.id)),
  );
}

/** What a status record holds: every hashed statement and the current locators are its rows. */
export function isHashed(statement: Statement): boolean {
  if (statement.kind === "locator") return false;
  return statement.kind !== "certificate" || statement.role !== "borrowed";
}

/** The number the next certificate of this root must have: numbers count over all its devices. */
export function nextCertificateSeq(set: StatementSet): number {
  return nextAfter(
    statementsOf(set)
      .filter((one): one is VerifiedCertificate => one.kind === "certificate")
      .map(({ seq }) => seq),
  );
}

export function nextDelegationEpoch(set: StatementSet, power: VerifiedDelegation["power"]): number {
  return nextAfter(
    statementsOf(set)
      .filter((one): one is VerifiedDelegation => one.kind === "delegation" && one.power === power)
      .map(({ epoch }) => epoch),
  );
}

export function nextLocatorSeq(
  set: StatementSet,
  device: DeviceId,
  place: VerifiedLocator["place"],
): number {
  return nextAfter(
    statementsOf(set)
      .filter((one): one is VerifiedLocator => one.kind === "locator" && one.place === place)
      .filter(({ deviceId }) => equalBytes(deviceId, device))
      .map(({ seq }) => seq),
  );
}

function withDelegation(statement: Statement): readonly Statement[] {
  if (!("authority" in statement) || statement.authority.form === "root") return [statement];
  return [statement, statement.authority.delegation];
}

function certificatesFirst(statements: readonly Statement[]): readonly Statement[] {
  return [
    ...statements.filter(({ kind }) => kind === "certificate"),
    ...statements.filter(({ kind }) => kind !== "certificate"),
  ];
}

function nextAfter(used: readonly number[]): number {
  return used.reduce((highest, one) => Math.max(highest, one), 0) + 1;
}
