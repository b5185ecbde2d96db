/**
 * The private halves of a device's prekeys: made, rotated, used up and wiped (docs/CRYPTOGRAPHY.md 5).
 * Pure: each step takes a state and returns a new one; the caller commits it, then wipes what fell
 * out. Public halves are computed when needed: sixty X-Wing keys would slow each opening of a vault.
 *
 *     state = count u16 ‖ (role u8 ‖ id u32 ‖ notAfter u32 ‖ relay hash 16 (pair only) ‖ secret) …
 *     secret: role 1 X25519 32, role 2 X-Wing seed 32, role 3 X25519 32 ‖ X-Wing seed 32
 *
 * SPK and KPK: new weekly, offered for 30 days. A private half outlives its notAfter by the time an
 * envelope may lie at a relay and 7 days, so that a late first flight still opens.
 */

import { ByteReader, concat, equalBytes, type Random, u8, u16, u32 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  DH_KEY_BYTES,
  type DhKeyPair,
  type DhSecretKey,
  dhKeyPair,
  KEM_SEED_BYTES,
  type KemKeyPair,
  type KemSecretKey,
  kemKeyPair,
  parseDhSecretKey,
  parseKemSecretKey,
} from "../crypto/sodium.ts";
import type { DeviceKeys } from "./device.ts";
import {
  type LastResortPrekey,
  PREKEY_ROLES,
  type PrekeyContext,
  type PrekeyPair,
  type PrekeyRole,
  pairPublicKey,
  type SignedPrekey,
  signPrekey,
} from "./prekeys.ts";
import { parseRelayHash, RELAY_HASH_BYTES, type RelayHash } from "./relay-address.ts";
import { type Hour, readName } from "./statements/body.ts";

interface Stored {
  readonly id: number;
  readonly notAfter: Hour;
}

export interface StoredSignedPrekey extends Stored {
  readonly role: "signed";
  readonly dhSecret: DhSecretKey;
}
export interface StoredLastResort extends Stored {
  readonly role: "lastResort";
  readonly kemSeed: KemSecretKey;
}
export interface StoredPair extends Stored {
  readonly role: "pair";
  /** The one relay it was made for. */
  readonly relay: RelayHash;
  readonly dhSecret: DhSecretKey;
  readonly kemSeed: KemSecretKey;
}
export type StoredPrekey = StoredSignedPrekey | StoredLastResort | StoredPair;

export interface PrekeyState {
  /** In the order they were made. */
  readonly prekeys: readonly StoredPrekey[];
}

export interface Rotation {
  readonly state: PrekeyState;
  /** The new SPK and KPK, when there are any: every record part of the device is then written anew. */
  readonly toPublish?: { readonly spk: StoredSignedPrekey; readonly kpk: StoredLastResort };
  /** Private halves past their time; wiped by the caller after the commit. */
  readonly wiped: readonly StoredPrekey[];
}

const HOURS_PER_DAY = 24;
export const PREKEY_LIFE_HOURS: number = 30 * HOURS_PER_DAY;
export const PREKEY_ROTATION_HOURS: number = 7 * HOURS_PER_DAY;
/** Beyond the relay's life of an envelope: for a relay that was down, and clocks that differ. */
export const PREKEY_GRACE_HOURS: number = 7 * HOURS_PER_DAY;
export const PAIRS_PER_RELAY = 30;

/** What the answering side of a handshake computes with. */
export interface PrekeySecrets {
  readonly spk: DhKeyPair;
  readonly kem: KemKeyPair;
  /** Of the one-time pair; absent when the KEM key is the last-resort one. */
  readonly opk?: DhKeyPair;
}

export const NO_PREKEYS: PrekeyState = { prekeys: [] };

/** Called daily; `relayLifeHours` is the longest life of an envelope at the device's relays. */
export function rotatePrekeys(
  state: PrekeyState,
  hour: Hour,
  relayLifeHours: number,
  random: Random,
): Rotation {
  const lastUse = hour - relayLifeHours - PREKEY_GRACE_HOURS;
  const wiped = state.prekeys.filter(({ notAfter }) => notAfter < lastUse);
  const kept = state.prekeys.filter(({ notAfter }) => notAfter >= lastUse);
  if (!isRotationDue(kept, hour)) return { state: { prekeys: kept }, wiped };
  const notAfter = hour + PREKEY_LIFE_HOURS;
  const spk: StoredSignedPrekey = {
    role: "signed",
    id: freshId(kept, random),
    notAfter,
    dhSecret: parseDhSecretKey(random(DH_KEY_BYTES)),
  };
  const kpk: StoredLastResort = {
    role: "lastResort",
    id: freshId([...kept, spk], random),
    notAfter,
    kemSeed: parseKemSecretKey(random(KEM_SEED_BYTES)),
  };
  return { state: { prekeys: [...kept, spk, kpk] }, toPublish: { spk, kpk }, wiped };
}

/** `count` new pairs for one relay; publish them after the state is committed. */
export function addPairs(
  state: PrekeyState,
  relay: RelayHash,
  count: number,
  hour: Hour,
  random: Random,
): { readonly state: PrekeyState; readonly pairs: readonly StoredPair[] } {
  const pairs: StoredPair[] = [];
  for (let i = 0; i < count; i++) {
    pairs.push({
      role: "pair",
      id: freshId([...state.prekeys, ...pairs], random),
      notAfter: hour + PREKEY_LIFE_HOURS,
      relay,
      dhSecret: parseDhSecretKey(random(DH_KEY_BYTES)),
      kemSeed: parseKemSecretKey(random(KEM_SEED_BYTES)),
    });
  }
  return { state: { prekeys: [...state.prekeys, ...pairs] }, pairs };
}

/** The newest of each, signed for one relay. @throws RangeError before the first rotation */
export function signCurrentPrekeys(
  state: PrekeyState,
  device: DeviceKeys,
  context: PrekeyContext,
): { readonly spk: SignedPrekey; readonly kpk: LastResortPrekey } {
  const spk = state.prekeys.findLast((one) => one.role === "signed");
  const kpk = state.prekeys.findLast((one) => one.role === "lastResort");
  if (spk === undefined || kpk === undefined) throw new RangeError("no prekeys were made yet");
  const secretKey = device.IKs.secretKey;
  const forSpk = { id: spk.id, notAfter: spk.notAfter, pk: dhKeyPair(spk.dhSecret).publicKey };
  const forKpk = { id: kpk.id, notAfter: kpk.notAfter, pk: kemKeyPair(kpk.kemSeed).publicKey };
  return {
    spk: { ...forSpk, signature: signPrekey(secretKey, context, "signed", forSpk) },
    kpk: { ...forKpk, signature: signPrekey(secretKey, context, "lastResort", forKpk) },
  };
}

/** @throws RangeError for a relay the pair was not made for */
export function signPair(pair: StoredPair, device: DeviceKeys, context: PrekeyContext): PrekeyPair {
  if (!equalBytes(pair.relay, context.relay)) throw new RangeError("a pair belongs to one relay");
  const { id, notAfter } = pair;
  const keys = {
    opk: dhKeyPair(pair.dhSecret).publicKey,
    kem: kemKeyPair(pair.kemSeed).publicKey,
  };
  const pk = pairPublicKey(keys);
  const signature = signPrekey(device.IKs.secretKey, context, "pair", { id, notAfter, pk });
  return { id, notAfter, ...keys, signature };
}

/**
 * The secret halves a first flight names by id; `pair` 0 = none, and then `kem` is a last-resort key.
 * Undefined when any of them is unknown, used up or wiped, or the ids do not belong together.
 */
export function prekeySecrets(
  state: PrekeyState,
  ids: { readonly spk: number; readonly kem: number; readonly pair: number },
): PrekeySecrets | undefined {
  const spk = findPrekey(state, "signed", ids.spk);
  const kem =
    ids.pair === 0
      ? findPrekey(state, "lastResort", ids.kem)
      : findPrekey(state, "pair", ids.kem === ids.pair ? ids.pair : 0);
  if (spk?.role !== "signed" || kem === undefined || kem.role === "signed") return undefined;
  const both = { spk: dhKeyPair(spk.dhSecret), kem: kemKeyPair(kem.kemSeed) };
  return kem.role === "pair" ? { ...both, opk: dhKeyPair(kem.dhSecret) } : both;
}

/** Without the pair a first flight used up; in the same commit as its first message. */
export function removePair(state: PrekeyState, id: number): PrekeyState {
  return { prekeys: state.prekeys.filter((one) => one.role !== "pair" || one.id !== id) };
}

/** How many private halves wait for takers at a relay, and are still offered. */
export function countPairs(state: PrekeyState, relay: RelayHash, hour: Hour): number {
  return state.prekeys.filter(
    (one) => one.role === "pair" && equalBytes(one.relay, relay) && one.notAfter >= hour,
  ).length;
}

export function encodePrekeyState(state: PrekeyState): Uint8Array {
  return concat(u16(state.prekeys.length), ...state.prekeys.map(encodeStored));
}

/** @throws TumarError MALFORMED */
export function decodePrekeyState(bytes: Uint8Array): PrekeyState {
  const reader = new ByteReader(bytes);
  const prekeys = Array.from({ length: reader.u16() }, () => readStored(reader));
  reader.finish();
  return { prekeys };
}

function findPrekey(state: PrekeyState, role: PrekeyRole, id: number): StoredPrekey | undefined {
  return state.prekeys.find((one) => one.role === role && one.id === id);
}

function isRotationDue(prekeys: readonly StoredPrekey[], hour: Hour): boolean {
  const newest = prekeys.findLast(({ role }) => role === "lastResort");
  if (newest === undefined) return true;
  const madeAt = newest.notAfter - PREKEY_LIFE_HOURS;
  return hour >= madeAt + PREKEY_ROTATION_HOURS;
}

function freshId(taken: readonly Stored[], random: Random): number {
  for (;;) {
    const id = new ByteReader(random(4)).u32();
    if (id !== 0 && taken.every((one) => one.id !== id)) return id;
  }
}

function encodeStored(prekey: StoredPrekey): Uint8Array {
  const head = concat(u8(PREKEY_ROLES[prekey.role]), u32(prekey.id), u32(prekey.notAfter));
  switch (prekey.role) {
    case "signed":
      return concat(head, prekey.dhSecret);
    case "lastResort":
      return concat(head, prekey.kemSeed);
    default:
      return concat(head, prekey.relay, prekey.dhSecret, prekey.kemSeed);
  }
}

function readStored(reader: ByteReader): StoredPrekey {
  const role = readName(reader, PREKEY_ROLES, "prekey role");
  const id = reader.u32();
  if (id === 0) throw new TumarError("MALFORMED", "a prekey id is not 0");
  const notAfter = reader.u32();
  switch (role) {
    case "signed":
      return { role, id, notAfter, dhSecret: readDh(reader) };
    case "lastResort":
      return { role, id, notAfter, kemSeed: readKem(reader) };
    default: {
      const relay = parseRelayHash(reader.take(RELAY_HASH_BYTES));
      return { role, id, notAfter, relay, dhSecret: readDh(reader), kemSeed: readKem(reader) };
    }
  }
}

function readDh(reader: ByteReader): DhSecretKey {
  return parseDhSecretKey(reader.take(DH_KEY_BYTES));
}

function readKem(reader: ByteReader): KemSecretKey {
  return parseKemSecretKey(reader.take(KEM_SEED_BYTES));
}
