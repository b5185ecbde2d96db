/**
 * Delegations (statement kind 3) and authorities: who signs in the root's place, and the proof at
 * the end of a certificate, a revocation or a notice (section 3).
 */

import { decode, EMPTY, equal, lp, type Reader, strictlyAscending, text, u8 } from "./bytes.ts";
import { verify } from "./primitives.ts";
import { demand } from "./refused.ts";

export const POWER = { guardians: 1, admins: 2, suspension: 3 } as const;

export interface Delegation {
  readonly kind: "delegation";
  readonly bytes: Uint8Array;
  readonly root: Uint8Array;
  readonly power: number;
  readonly threshold: number;
  readonly keys: readonly Uint8Array[];
  readonly devices: readonly Uint8Array[];
  readonly epoch: number;
  readonly notAfter: number;
}

export interface Authority {
  /** Absent when the root itself signed. */
  readonly delegation: Delegation | undefined;
  /** What the signatures of this statement cover besides its body. */
  readonly context: Uint8Array;
  readonly signatures: readonly { readonly key: Uint8Array; readonly signature: Uint8Array }[];
}

/** What a signature of a statement is over. */
export function signedBytes(kindName: string, body: Uint8Array, context: Uint8Array): Uint8Array {
  return lp(text(`tumar/v1/${kindName}`), body, context);
}

export function demandRoot(found: Uint8Array, pinned: Uint8Array): void {
  demand(equal(found, pinned), "another root", "IDENTITY_CHANGED");
}

export function openDelegation(bytes: Uint8Array, root: Uint8Array): Delegation {
  return decode(bytes, (reader) => {
    demand(reader.u8() === 3, "kind of a delegation");
    demandRoot(reader.take(32), root);
    const fields = readPowers(reader);
    const body = reader.soFar();
    verify(root, signedBytes("delegation", body, EMPTY), reader.take(64));
    return { kind: "delegation", bytes, root, ...fields };
  });
}

function readPowers(reader: Reader) {
  const power = reader.u8();
  const threshold = reader.u8();
  const keys = reader.times(countTo(reader, 16), () => reader.take(32));
  const devices = reader.times(countTo(reader, 32), () => reader.take(16));
  demand(power >= 1 && power <= 3, "power");
  demand(threshold >= 1 && threshold <= keys.length, "threshold");
  demand(strictlyAscending(keys) && strictlyAscending(devices), "order in a delegation");
  return { power, threshold, keys, devices, epoch: reader.u32(), notAfter: reader.u32() };
}

function countTo(reader: Reader, most: number): number {
  const count = reader.u8();
  demand(count <= most, "count in a delegation");
  return count;
}

/** Reads an authority to the end of the statement; `deviceId` is the device it speaks of. */
export function readAuthority(reader: Reader, root: Uint8Array, deviceId: Uint8Array): Authority {
  const form = reader.u8();
  demand(form <= 1, "form of an authority");
  if (form === 0) {
    const signatures = [{ key: root, signature: reader.take(64) }];
    return { delegation: undefined, context: EMPTY, signatures };
  }
  const context = reader.part();
  const delegation = openDelegation(context, root);
  const { devices } = delegation;
  const covered = devices.length === 0 || devices.some((device) => equal(device, deviceId));
  demand(covered, "the delegation does not cover the device", "NOT_ALLOWED");
  return { delegation, context, signatures: readShares(reader, delegation) };
}

function readShares(reader: Reader, delegation: Delegation) {
  const shares = reader.times(delegation.threshold, () => ({
    index: reader.u8(),
    signature: reader.take(64),
  }));
  demand(strictlyAscending(shares.map(({ index }) => u8(index))), "order of signatures");
  return shares.map(({ index, signature }) => {
    const key = delegation.keys[index];
    demand(key !== undefined, "index of a signature");
    return { key, signature };
  });
}

export function verifyAuthority(
  authority: Authority,
  allowed: readonly number[],
  kindName: string,
  body: Uint8Array,
): void {
  const power = authority.delegation?.power ?? 0;
  demand(allowed.includes(power), "not theirs to sign", "NOT_ALLOWED");
  const signed = signedBytes(kindName, body, authority.context);
  for (const { key, signature } of authority.signatures) verify(key, signed, signature);
}
