/**
 * Prekeys: what a device leaves at a relay so that others can begin a session while it is away
 * (docs/CRYPTOGRAPHY.md 5).
 *
 *     prekey  = id u32 ‖ notAfter u32 ‖ pk ‖ signature of IKs 64
 *     signed  = lp("tumar/v1/prekey", root, device id, relay hash, role u8, suite u8,
 *                  id u32, notAfter u32, pk)
 *     role 1 signed (X25519), 2 last resort (X-Wing), 3 pair (X25519 ‖ X-Wing)
 *
 * The relay is signed too: a relay cannot serve what was published at another, so one-time keys
 * stay disjoint. An id is never 0; 0 stands for "none" in a first flight.
 */

import { ByteReader, concat, lp, u8, u32, utf8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  DH_KEY_BYTES,
  type DhPublicKey,
  KEM_PUBLIC_KEY_BYTES,
  type KemPublicKey,
  parseDhPublicKey,
  parseKemPublicKey,
  parseSignature,
  SIGNATURE_BYTES,
  type Signature,
  type SigningPublicKey,
  type SigningSecretKey,
  sign,
  verifySignature,
} from "../crypto/sodium.ts";
import type { DeviceId } from "./device.ts";
import type { RelayHash } from "./relay-address.ts";
import type { Hour } from "./statements/body.ts";
import type { VerifiedCertificate } from "./statements/certificate.ts";
import { markVerified, type Verified } from "./verified.ts";

export const SUITE = 1;

export const PREKEY_ROLES = { signed: 1, lastResort: 2, pair: 3 } as const;
export type PrekeyRole = keyof typeof PREKEY_ROLES;

interface PrekeyBase {
  /** 1 to 2^32 - 1, drawn at random, used once per device. */
  readonly id: number;
  /** The last hour at which a session may begin with it. */
  readonly notAfter: Hour;
  readonly signature: Signature;
}

export interface SignedPrekey extends PrekeyBase {
  readonly pk: DhPublicKey;
}
export interface LastResortPrekey extends PrekeyBase {
  readonly pk: KemPublicKey;
}
export interface PrekeyPair extends PrekeyBase {
  readonly opk: DhPublicKey;
  readonly kem: KemPublicKey;
}

/** Everything a first flight to one device needs; the only form the handshake takes. */
export interface PrekeyBundle {
  readonly root: SigningPublicKey;
  readonly deviceId: DeviceId;
  readonly IKs: SigningPublicKey;
  readonly IKd: DhPublicKey;
  readonly spk: { readonly id: number; readonly pk: DhPublicKey };
  readonly kem: {
    readonly id: number;
    readonly role: "lastResort" | "pair";
    readonly pk: KemPublicKey;
  };
  /** Present with role `pair`; its id is the pair's. */
  readonly opk?: { readonly id: number; readonly pk: DhPublicKey };
}

export type VerifiedPrekeyBundle = Verified<PrekeyBundle>;

export interface PublishedPrekeys {
  readonly spk: SignedPrekey;
  readonly kpk: LastResortPrekey;
  readonly pair?: PrekeyPair;
}

/** 4 + 4 + 32 + 64 */
export const SIGNED_PREKEY_BYTES = 104;
/** 4 + 4 + 1216 + 64 */
export const LAST_RESORT_PREKEY_BYTES = 1288;
/** 4 + 4 + 32 + 1216 + 64 */
export const PREKEY_PAIR_BYTES = 1320;

/** Whose prekeys and for which relay: the head of every signature. */
export interface PrekeyContext {
  readonly root: SigningPublicKey;
  readonly deviceId: DeviceId;
  readonly relay: RelayHash;
}

export function signPrekey(
  secretKey: SigningSecretKey,
  context: PrekeyContext,
  role: PrekeyRole,
  prekey: { readonly id: number; readonly notAfter: Hour; readonly pk: Uint8Array },
): Signature {
  return sign(signedPrekeyBytes(context, role, prekey), secretKey);
}

export function pairPublicKey(pair: {
  readonly opk: DhPublicKey;
  readonly kem: KemPublicKey;
}): Uint8Array {
  return concat(pair.opk, pair.kem);
}

export function encodeSignedPrekey({ id, notAfter, pk, signature }: SignedPrekey): Uint8Array {
  return concat(u32(id), u32(notAfter), pk, signature);
}

export function encodeLastResortPrekey(prekey: LastResortPrekey): Uint8Array {
  return concat(u32(prekey.id), u32(prekey.notAfter), prekey.pk, prekey.signature);
}

export function encodePrekeyPair(pair: PrekeyPair): Uint8Array {
  return concat(u32(pair.id), u32(pair.notAfter), pair.opk, pair.kem, pair.signature);
}

/** Untrusted. @throws TumarError MALFORMED, BAD_KEY */
export function decodeSignedPrekey(bytes: Uint8Array): SignedPrekey {
  return decode(bytes, (reader) => ({ pk: parseDhPublicKey(reader.take(DH_KEY_BYTES)) }));
}

/** Untrusted. @throws TumarError MALFORMED */
export function decodeLastResortPrekey(bytes: Uint8Array): LastResortPrekey {
  return decode(bytes, (reader) => ({ pk: parseKemPublicKey(reader.take(KEM_PUBLIC_KEY_BYTES)) }));
}

/** Untrusted. @throws TumarError MALFORMED, BAD_KEY */
export function decodePrekeyPair(bytes: Uint8Array): PrekeyPair {
  return decode(bytes, (reader) => ({
    opk: parseDhPublicKey(reader.take(DH_KEY_BYTES)),
    kem: parseKemPublicKey(reader.take(KEM_PUBLIC_KEY_BYTES)),
  }));
}

/**
 * Checks what a relay served for the device of `certificate`.
 * @throws TumarError BAD_SIGNATURE, PREKEY_EXPIRED
 */
export function verifyPrekeyBundle(
  certificate: VerifiedCertificate,
  relay: RelayHash,
  published: PublishedPrekeys,
  hour: Hour,
): VerifiedPrekeyBundle {
  const { root, deviceId, IKs, IKd } = certificate;
  const { spk, kpk, pair } = published;
  const context = { root, deviceId, relay };
  checkPrekey(IKs, context, "signed", spk, spk.pk, hour);
  checkPrekey(IKs, context, "lastResort", kpk, kpk.pk, hour);
  const owner = { root, deviceId, IKs, IKd, spk: { id: spk.id, pk: spk.pk } };
  if (pair === undefined) {
    return markVerified({ ...owner, kem: { id: kpk.id, role: "lastResort" as const, pk: kpk.pk } });
  }
  checkPrekey(IKs, context, "pair", pair, pairPublicKey(pair), hour);
  return markVerified({
    ...owner,
    kem: { id: pair.id, role: "pair" as const, pk: pair.kem },
    opk: { id: pair.id, pk: pair.opk },
  });
}

function checkPrekey(
  IKs: SigningPublicKey,
  context: PrekeyContext,
  role: PrekeyRole,
  prekey: PrekeyBase,
  pk: Uint8Array,
  hour: Hour,
): void {
  const signed = signedPrekeyBytes(context, role, { ...prekey, pk });
  verifySignature(prekey.signature, signed, IKs, "prekey");
  if (hour > prekey.notAfter) throw new TumarError("PREKEY_EXPIRED", "a prekey is out of date");
}

function signedPrekeyBytes(
  { root, deviceId, relay }: PrekeyContext,
  role: PrekeyRole,
  prekey: { readonly id: number; readonly notAfter: Hour; readonly pk: Uint8Array },
): Uint8Array {
  return lp(
    utf8("tumar/v1/prekey"),
    root,
    deviceId,
    relay,
    u8(PREKEY_ROLES[role]),
    u8(SUITE),
    u32(prekey.id),
    u32(prekey.notAfter),
    prekey.pk,
  );
}

function decode<Keys>(
  bytes: Uint8Array,
  readKeys: (reader: ByteReader) => Keys,
): PrekeyBase & Keys {
  const reader = new ByteReader(bytes);
  const id = reader.u32();
  if (id === 0) throw new TumarError("MALFORMED", "a prekey id is not 0");
  const notAfter = reader.u32();
  const keys = readKeys(reader);
  const signature = parseSignature(reader.take(SIGNATURE_BYTES));
  reader.finish();
  return { id, notAfter, ...keys, signature };
}
