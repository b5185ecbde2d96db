/**
 * Which statements of a set count: the rules behind roster.ts.
 *
 * - Of each power, only the delegation with the highest epoch is in force. Certificates and notices
 *   under an older one stop counting; revocations never do, or a removed device would come back.
 * - Admins remove staff only: a delegated revocation does nothing to a device that ever had
 *   another role.
 * - A notice counts when it was stored while its delegation was valid, and reaches back at most
 *   48 hours from then, so that a guardian under pressure cannot rewrite the past.
 */

import { equalBytes, toHex } from "../crypto/bytes.ts";
import type { VerifiedStatement } from "./statement.ts";
import { type StatementEntry, type StatementSet, statementsOf } from "./statement-set.ts";
import type { Authority } from "./statements/authority.ts";
import type { Hour } from "./statements/body.ts";
import type { VerifiedCertificate } from "./statements/certificate.ts";
import type { Delegation, Power, VerifiedDelegation } from "./statements/delegation.ts";

/** The earliest cut-off hour of each kind of removal of one device. */
export interface Removals {
  readonly revoked?: Hour;
  readonly resigned?: Hour;
  readonly noticed?: Hour;
}

export const NOTICE_REACH_HOURS = 48;

/** Per power those with the highest epoch: one, or several when the root forked. */
export function currentDelegations(
  statements: readonly VerifiedStatement[],
): readonly VerifiedDelegation[] {
  const all = statements.filter((one): one is VerifiedDelegation => one.kind === "delegation");
  const epochs = new Map<Power, number>();
  for (const { power, epoch } of all) epochs.set(power, Math.max(epoch, epochs.get(power) ?? 0));
  return all.filter(({ power, epoch }) => epochs.get(power) === epoch);
}

export function certificateCounts(
  { authority }: VerifiedCertificate,
  current: readonly VerifiedDelegation[],
): boolean {
  return authority.form === "root" || isInForce(authority.delegation, current);
}

/** By hex of the device id. */
export function cutOffsOf(
  set: StatementSet,
  current: readonly VerifiedDelegation[],
): ReadonlyMap<string, Removals> {
  const notStaff = devicesNotStaff(statementsOf(set));
  const cutOffs = new Map<string, Removals>();
  for (const entry of set.entries.values()) {
    const removal = removalOf(entry, current, notStaff);
    if (removal === undefined) continue;
    const before = cutOffs.get(removal.device) ?? {};
    const hour = Math.min(removal.hour, before[removal.kind] ?? removal.hour);
    cutOffs.set(removal.device, { ...before, [removal.kind]: hour });
  }
  return cutOffs;
}

interface CountedRemoval {
  readonly device: string;
  readonly kind: keyof Removals;
  readonly hour: Hour;
}

function removalOf(
  { statement, firstStoredHour }: StatementEntry,
  current: readonly VerifiedDelegation[],
  notStaff: ReadonlySet<string>,
): CountedRemoval | undefined {
  if (statement.kind === "resignation") {
    return { device: toHex(statement.deviceId), kind: "resigned", hour: statement.cutOffHour };
  }
  if (statement.kind === "revocation") {
    const device = toHex(statement.deviceId);
    const counts = statement.authority.form === "root" || !notStaff.has(device);
    return counts ? { device, kind: "revoked", hour: statement.cutOffHour } : undefined;
  }
  if (statement.kind === "notice") {
    const counts = noticeCounts(statement.authority, firstStoredHour, current);
    const hour = Math.max(statement.cutOffHour, firstStoredHour - NOTICE_REACH_HOURS);
    return counts ? { device: toHex(statement.deviceId), kind: "noticed", hour } : undefined;
  }
  return undefined;
}

function noticeCounts(
  authority: Authority,
  firstStoredHour: Hour,
  current: readonly VerifiedDelegation[],
): boolean {
  if (authority.form === "root") return false;
  return (
    firstStoredHour <= authority.delegation.notAfter && isInForce(authority.delegation, current)
  );
}

function isInForce(delegation: Delegation, current: readonly VerifiedDelegation[]): boolean {
  return current.some(({ body }) => equalBytes(body, delegation.body));
}

function devicesNotStaff(statements: readonly VerifiedStatement[]): ReadonlySet<string> {
  return new Set(
    statements
      .filter((one): one is VerifiedCertificate => one.kind === "certificate")
      .filter(({ role }) => role !== "staff")
      .map(({ deviceId }) => toHex(deviceId)),
  );
}
