/** Section 5: prekeys as a relay serves them, and the private halves as the vault keeps them. */

import { concat, decode, lp, type Reader, text, u8, u32 } from "./bytes.ts";
import { agreementPublicKey, sign, verify } from "./primitives.ts";
import { demand } from "./refused.ts";
import { kemPublicKey, PUBLIC_KEY_BYTES } from "./x-wing.ts";

export const PREKEY_ROLE = { spk: 1, kpk: 2, pair: 3 } as const;
export type PrekeyRole = (typeof PREKEY_ROLE)[keyof typeof PREKEY_ROLE];
export const SUITE = 1;

const KEY_BYTES = { 1: 32, 2: PUBLIC_KEY_BYTES, 3: 32 + PUBLIC_KEY_BYTES } as const;

/** Whose prekey, and for which relay. */
export interface PrekeyOwner {
  readonly root: Uint8Array;
  readonly deviceId: Uint8Array;
  readonly IKs: Uint8Array;
  readonly r: Uint8Array;
}

export interface Prekey {
  readonly role: PrekeyRole;
  readonly id: number;
  readonly notAfter: number;
  readonly publicKey: Uint8Array;
}

function signedPrekey(owner: Omit<PrekeyOwner, "IKs">, prekey: Prekey): Uint8Array {
  return lp(
    text("tumar/v1/prekey"),
    owner.root,
    owner.deviceId,
    owner.r,
    u8(prekey.role),
    u8(SUITE),
    u32(prekey.id),
    u32(prekey.notAfter),
    prekey.publicKey,
  );
}

export function openPrekey(bytes: Uint8Array, role: PrekeyRole, owner: PrekeyOwner): Prekey {
  return decode(bytes, (reader) => {
    const [id, notAfter] = [reader.u32(), reader.u32()];
    demand(id !== 0, "id of a prekey");
    const prekey = { role, id, notAfter, publicKey: reader.take(KEY_BYTES[role]) };
    verify(owner.IKs, signedPrekey(owner, prekey), reader.take(64));
    return prekey;
  });
}

/** The same bytes again, from the seed of IKs: Ed25519 has one signature for one message. */
export function sealPrekey(
  prekey: Prekey,
  owner: Omit<PrekeyOwner, "IKs">,
  seed: Uint8Array,
): Uint8Array {
  const signature = sign(seed, signedPrekey(owner, prekey));
  return concat(u32(prekey.id), u32(prekey.notAfter), prekey.publicKey, signature);
}

export interface PrekeySecret extends Prekey {
  /** Only a pair names its relay. */
  readonly r: Uint8Array | undefined;
  /** X25519 secret, X-Wing seed, or both in this order. */
  readonly secret: Uint8Array;
}

export function openPrekeySecrets(bytes: Uint8Array): PrekeySecret[] {
  return decode(bytes, (reader) => reader.times(reader.u16(), () => readSecret(reader)));
}

function readSecret(reader: Reader): PrekeySecret {
  const role = prekeyRole(reader.u8());
  const [id, notAfter] = [reader.u32(), reader.u32()];
  const r = role === PREKEY_ROLE.pair ? reader.take(16) : undefined;
  const secret = reader.take(role === PREKEY_ROLE.pair ? 64 : 32);
  return { role, id, notAfter, r, secret, publicKey: publicHalf(role, secret) };
}

function publicHalf(role: PrekeyRole, secret: Uint8Array): Uint8Array {
  if (role === PREKEY_ROLE.spk) return agreementPublicKey(secret);
  if (role === PREKEY_ROLE.kpk) return kemPublicKey(secret);
  return concat(agreementPublicKey(secret.slice(0, 32)), kemPublicKey(secret.slice(32)));
}

function prekeyRole(value: number): PrekeyRole {
  demand(value === 1 || value === 2 || value === 3, "role of a prekey");
  return value;
}
