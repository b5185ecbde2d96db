/**
 * What the statements about one identity add up to: its devices and where each stands
 * (docs/CRYPTOGRAPHY.md 3, "Roster"). A pure function of the set and the relay's hour.
 *
 * Removal beats everything, then the higher sequence number; equal numbers with other bytes are a
 * fork: kept, shown, and decided the same way by every reader. Nothing here needs the order in
 * which statements came.
 */

import { compareBytes, toHex } from "../crypto/bytes.ts";
import type { SigningPublicKey } from "../crypto/sodium.ts";
import type { DeviceId } from "./device.ts";
import { type Fork, findForks } from "./forks.ts";
import { certificateCounts, currentDelegations, cutOffsOf, type Removals } from "./roster-rules.ts";
import type { VerifiedStatement } from "./statement.ts";
import { type StatementSet, setHash, statementsOf } from "./statement-set.ts";
import type { Hour } from "./statements/body.ts";
import type { VerifiedCertificate } from "./statements/certificate.ts";
import type { VerifiedDelegation } from "./statements/delegation.ts";
import type { RecordPlace, VerifiedLocator } from "./statements/locator.ts";

/**
 * From best to worst reason to seal nothing to a device; the first that applies is named:
 * revoked; refused (its key is certified under two roots); resigned; noticed (in other hands);
 * superseded (certified only under a delegation that was replaced); expired.
 */
export type DeviceState =
  | "live"
  | "revoked"
  | "refused"
  | "resigned"
  | "noticed"
  | "superseded"
  | "expired";

export interface RosterDevice {
  readonly id: DeviceId;
  readonly certificate: VerifiedCertificate;
  readonly state: DeviceState;
  /** The earliest cut-off of its revocations, resignations and notices. */
  readonly cutOffHour?: Hour;
  readonly locators: Readonly<Partial<Record<RecordPlace, VerifiedLocator>>>;
}

export interface Roster {
  readonly root: SigningPublicKey;
  /** Ordered by device id; every device that was ever certified. */
  readonly devices: readonly RosterDevice[];
  /** The delegations in force, at most one per power unless the root forked. */
  readonly delegations: readonly VerifiedDelegation[];
  readonly forks: readonly Fork[];
  readonly setHash: Uint8Array;
}

/** Hex of `IKs` keys that `devicesUnderTwoRoots` found. */
export type RefusedKeys = ReadonlySet<string>;

export function rosterOf(set: StatementSet, hour: Hour, refused: RefusedKeys = new Set()): Roster {
  const statements = statementsOf(set);
  const delegations = currentDelegations(statements);
  const removals = cutOffsOf(set, delegations);
  const devices = [...certificatesByDevice(statements).values()].map((certificates) =>
    deviceOf(certificates, { statements, delegations, removals, hour, refused }),
  );
  devices.sort((a, b) => compareBytes(a.id, b.id));
  return {
    root: set.root,
    devices,
    delegations,
    forks: findForks(statements),
    setHash: setHash(set),
  };
}

export function liveDevices(roster: Roster): readonly RosterDevice[] {
  return roster.devices.filter(({ state }) => state === "live");
}

export function rosterDevice(roster: Roster, id: DeviceId): RosterDevice | undefined {
  return roster.devices.find((device) => compareBytes(device.id, id) === 0);
}

/** Whether what a device sent at `hour` (the relay's) counts: not after its cut-off, never if refused. */
export function countsAt(device: RosterDevice, hour: Hour): boolean {
  if (device.state === "refused") return false;
  return device.cutOffHour === undefined || hour < device.cutOffHour;
}

interface Evidence {
  readonly statements: readonly VerifiedStatement[];
  readonly delegations: readonly VerifiedDelegation[];
  readonly removals: ReadonlyMap<string, Removals>;
  readonly hour: Hour;
  readonly refused: RefusedKeys;
}

function deviceOf(certificates: readonly VerifiedCertificate[], evidence: Evidence): RosterDevice {
  const counting = certificates.filter((one) => certificateCounts(one, evidence.delegations));
  const certificate = highest(counting.length > 0 ? counting : certificates, byCertificate);
  const removals = evidence.removals.get(toHex(certificate.deviceId));
  const cutOffs = Object.values(removals ?? {});
  return {
    id: certificate.deviceId,
    certificate,
    state: stateOf(certificate, counting.length > 0, removals, evidence),
    ...(cutOffs.length === 0 ? {} : { cutOffHour: Math.min(...cutOffs) }),
    locators: locatorsOf(evidence.statements, certificate.deviceId),
  };
}

function stateOf(
  certificate: VerifiedCertificate,
  isCounting: boolean,
  removals: Removals | undefined,
  { hour, refused }: Evidence,
): DeviceState {
  if (removals?.revoked !== undefined) return "revoked";
  if (refused.has(toHex(certificate.IKs))) return "refused";
  if (removals?.resigned !== undefined) return "resigned";
  if (removals?.noticed !== undefined) return "noticed";
  if (!isCounting) return "superseded";
  return hour > endOf(certificate) ? "expired" : "live";
}

/** Staff last no longer than the delegation that certified them. */
function endOf({ notAfter, authority }: VerifiedCertificate): Hour {
  return authority.form === "root" ? notAfter : Math.min(notAfter, authority.delegation.notAfter);
}

function certificatesByDevice(
  statements: readonly VerifiedStatement[],
): ReadonlyMap<string, readonly VerifiedCertificate[]> {
  const byDevice = new Map<string, VerifiedCertificate[]>();
  for (const statement of statements) {
    if (statement.kind !== "certificate") continue;
    const id = toHex(statement.deviceId);
    byDevice.set(id, [...(byDevice.get(id) ?? []), statement]);
  }
  return byDevice;
}

function locatorsOf(
  statements: readonly VerifiedStatement[],
  device: DeviceId,
): Partial<Record<RecordPlace, VerifiedLocator>> {
  const locators: Partial<Record<RecordPlace, VerifiedLocator>> = {};
  for (const statement of statements) {
    if (statement.kind !== "locator" || compareBytes(statement.deviceId, device) !== 0) continue;
    const best = locators[statement.place];
    locators[statement.place] =
      best === undefined ? statement : highest([best, statement], byLocator);
  }
  return locators;
}

/** Higher number first; in a fork the one that ends sooner, then the smaller id: the same for all. */
function byCertificate(a: VerifiedCertificate, b: VerifiedCertificate): number {
  return b.seq - a.seq || a.notAfter - b.notAfter || compareBytes(a.id, b.id);
}

function byLocator(a: VerifiedLocator, b: VerifiedLocator): number {
  return b.seq - a.seq || compareBytes(a.id, b.id);
}

function highest<T>(values: readonly T[], order: (a: T, b: T) => number): T {
  return values.reduce((best, value) => (order(value, best) < 0 ? value : best));
}
