/**
 * Statements (section 3): one signed fact each, decoded and verified against the pinned root.
 * Another root is IDENTITY_CHANGED before anything else is looked at.
 */

import { decode, EMPTY, equal, hex, type Reader } from "./bytes.ts";
import {
  type Authority,
  type Delegation,
  demandRoot,
  openDelegation,
  POWER,
  readAuthority,
  signedBytes,
  verifyAuthority,
} from "./delegation.ts";
import { blake2, H, verify } from "./primitives.ts";
import { demand, Refused } from "./refused.ts";
import { type Grant, readGrantList } from "./relay-address.ts";
import { deviceId } from "./root.ts";

export const ROLE = { own: 1, borrowed: 2, staff: 3, admin: 4 } as const;
const BY_ROOT = 0;
const LONGEST = 4096;

interface Common {
  readonly bytes: Uint8Array;
  readonly deviceId: Uint8Array;
}

export interface Certificate extends Common {
  readonly kind: "certificate";
  readonly root: Uint8Array;
  readonly IKs: Uint8Array;
  readonly IKd: Uint8Array;
  readonly role: number;
  readonly seq: number;
  readonly notAfter: number;
  readonly authority: Authority;
}

export interface Removal extends Common {
  readonly kind: "revocation" | "notice";
  readonly cutOff: number;
  readonly authority: Authority;
}

export interface Resignation extends Common {
  readonly kind: "resignation";
  readonly cutOff: number;
}

export interface Locator extends Common {
  readonly kind: "locator";
  readonly place: number;
  readonly seq: number;
  readonly holdKeyHash: Uint8Array | undefined;
  readonly letterboxKeyHash: Uint8Array | undefined;
  readonly grants: readonly Grant[];
}

export type Statement = Certificate | Removal | Resignation | Locator | Delegation;

export function statementId(bytes: Uint8Array): Uint8Array {
  return blake2(32, bytes);
}

/** Any statement but a locator, which needs the certificate of its device: openLocator. */
export function openStatement(bytes: Uint8Array, root: Uint8Array): Statement {
  demand(bytes.length <= LONGEST, "length of a statement");
  switch (bytes[0]) {
    case 1:
      return openCertificate(bytes, root);
    case 2:
      return openRemoval(bytes, root, "revocation");
    case 3:
      return openDelegation(bytes, root);
    case 5:
      return openResignation(bytes, root);
    case 6:
      return openRemoval(bytes, root, "notice");
    default:
      throw new Refused("MALFORMED", "kind of a statement");
  }
}

export function openCertificate(bytes: Uint8Array, root: Uint8Array): Certificate {
  return decode(bytes, (reader) => {
    demand(reader.u8() === 1, "kind of a certificate");
    const device = readDevice(reader, root);
    const [role, seq, notAfter] = [reader.u8(), reader.u32(), reader.u32()];
    demand(role >= ROLE.own && role <= ROLE.admin, "role");
    const body = reader.soFar();
    const own = reader.take(64);
    const authority = readAuthority(reader, root, device.deviceId);
    const allowed = role === ROLE.staff ? [BY_ROOT, POWER.admins] : [BY_ROOT];
    verifyAuthority(authority, allowed, "certificate", body);
    verify(device.IKs, signedBytes("certificate", body, authority.context), own);
    return { kind: "certificate", bytes, root, ...device, role, seq, notAfter, authority };
  });
}

function readDevice(reader: Reader, root: Uint8Array) {
  demandRoot(reader.take(32), root);
  const [IKs, IKd] = [reader.take(32), reader.take(32)];
  return { IKs, IKd, deviceId: deviceId(IKs, IKd) };
}

function openRemoval(bytes: Uint8Array, root: Uint8Array, kind: Removal["kind"]): Removal {
  const allowed = kind === "notice" ? [POWER.guardians, POWER.suspension] : [BY_ROOT, POWER.admins];
  return decode(bytes, (reader) => {
    reader.u8();
    demandRoot(reader.take(32), root);
    const device = reader.take(16);
    const cutOff = reader.u32();
    const body = reader.soFar();
    const authority = readAuthority(reader, root, device);
    verifyAuthority(authority, allowed, kind, body);
    return { kind, bytes, deviceId: device, cutOff, authority };
  });
}

function openResignation(bytes: Uint8Array, root: Uint8Array): Resignation {
  return decode(bytes, (reader) => {
    reader.u8();
    const device = readDevice(reader, root);
    const cutOff = reader.u32();
    verify(device.IKs, signedBytes("resignation", reader.soFar(), EMPTY), reader.take(64));
    return { kind: "resignation", bytes, deviceId: device.deviceId, cutOff };
  });
}

export function openLocator(bytes: Uint8Array, device: Certificate): Locator {
  demand(bytes.length <= LONGEST, "length of a statement");
  return decode(bytes, (reader) => {
    demand(reader.u8() === 4, "kind of a locator");
    const named = reader.take(16);
    demand(equal(named, device.deviceId), "the locator of another device");
    const [place, seq, flags] = [reader.u8(), reader.u32(), reader.u8()];
    demand((place === 1 || place === 2) && (flags & ~3) === 0, "place or flags of a locator");
    const holdKeyHash = (flags & 1) === 0 ? undefined : reader.take(32);
    const letterboxKeyHash = (flags & 2) === 0 ? undefined : reader.take(32);
    const grants = readGrantList(reader);
    const signed = signedBytes("locator", reader.soFar(), device.root);
    verify(device.IKs, signed, reader.take(64));
    return {
      kind: "locator",
      bytes,
      deviceId: named,
      place,
      seq,
      holdKeyHash,
      letterboxKeyHash,
      grants,
    };
  });
}

export function keyHash(kemKey: Uint8Array): Uint8Array {
  return H(EMPTY, "key-hash", kemKey, 32);
}

/** Set hash over a set of verified statements, with the delegations their authorities carry. */
export function setHash(statements: readonly Statement[]): Uint8Array {
  const ids = statements.flatMap(countedBytes).map((bytes) => hex(statementId(bytes)));
  const sorted = [...new Set(ids)].sort();
  return H(EMPTY, "set", Uint8Array.from(Buffer.from(sorted.join(""), "hex")), 16);
}

function countedBytes(statement: Statement): Uint8Array[] {
  if (statement.kind === "locator") return [];
  const inside = "authority" in statement ? statement.authority.delegation : undefined;
  const delegations = inside === undefined ? [] : [inside.bytes];
  const borrowed = statement.kind === "certificate" && statement.role === ROLE.borrowed;
  return borrowed ? delegations : [statement.bytes, ...delegations];
}
