/**
 * The key agreement that begins a session: PQXDH in shape, with X-Wing as its KEM and every public
 * input bound by one transcript hash.
 *
 * `initiate` needs the peer's verified prekeys; `respond` needs the secret halves. What `respond`
 * returns is a claim until the first ratchet frame opens under it: only then may anything be
 * stored, because DH1, which proves who the initiator is, enters the session key alone.
 * Normative text: docs/CRYPTOGRAPHY.md 6.
 */

import { concat, EMPTY, lp, type Random, u8, u32, utf8, wipe } from "../crypto/bytes.ts";
import { H } from "../crypto/hash.ts";
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  blake2b,
  DH_KEY_BYTES,
  type DhKeyPair,
  type DhPublicKey,
  dh,
  dhKeyPair,
  KEM_ENCAPSULATION_SEED_BYTES,
  type KemCiphertext,
  type KemKeyPair,
  type KemPublicKey,
  kemDecapsulate,
  kemEncapsulate,
  open,
  type SigningPublicKey,
  seal,
} from "../crypto/sodium.ts";
import { type DeviceId, type DeviceKeys, devicePublicKeys } from "./device.ts";
import {
  encodeHead,
  encodePrefix,
  type FirstFlight,
  headHash,
  type PrekeyIds,
} from "./first-flight.ts";
import { PREKEY_ROLES, SUITE, type VerifiedPrekeyBundle } from "./prekeys.ts";
import { KEY_BYTES } from "./ratchet-keys.ts";
import { initiatorRatchet, type RatchetSecrets, responderRatchet } from "./ratchet-start.ts";
import type { RatchetState } from "./ratchet-state.ts";

export const SESSION_ID_BYTES = 32;

/** The four public values that name one side in the transcript. */
export interface Party {
  readonly root: SigningPublicKey;
  readonly deviceId: DeviceId;
  readonly IKs: SigningPublicKey;
  readonly IKd: DhPublicKey;
}

/** This device, as it takes part in a handshake. */
export interface OwnParty {
  readonly root: SigningPublicKey;
  readonly device: DeviceKeys;
}

/** Secret halves of the prekeys a first flight names. */
export interface PrekeySecrets {
  readonly spk: DhKeyPair;
  readonly kem: KemKeyPair;
  /** Of the one-time pair; absent when the KEM key is the last-resort one. */
  readonly opk?: DhKeyPair;
}

export interface Started {
  readonly sessionId: Uint8Array;
  readonly ratchet: RatchetState;
}

export interface Initiated extends Started {
  /** Goes before every ratchet frame until the peer answers; the same bytes each time. */
  readonly prefix: Uint8Array;
}

export interface Responded<Identity extends Party> extends Started {
  readonly headHash: Uint8Array;
  /** Claimed by the initiator; proven once a ratchet frame opens. */
  readonly identity: Identity;
}

/** The prekey part of the transcript, as both sides know it. */
interface UsedPrekeys {
  readonly ids: PrekeyIds;
  readonly spk: DhPublicKey;
  readonly kem: KemPublicKey;
  readonly opk: DhPublicKey | undefined;
}

/** Draws random(32) for EK_A, then random(64) for the encapsulation. @throws TumarError BAD_KEY */
export function initiate(
  own: OwnParty,
  bundle: VerifiedPrekeyBundle,
  identityBlock: Uint8Array,
  random: Random,
  hour: number,
): Initiated {
  const ek = dhKeyPair(random(DH_KEY_BYTES));
  const { ciphertext, sharedSecret } = kemEncapsulate(
    bundle.kem.pk,
    random(KEM_ENCAPSULATION_SEED_BYTES),
  );
  const ids = { spk: bundle.spk.id, kem: bundle.kem.id, pair: bundle.opk?.id ?? 0 };
  const used = { ids, spk: bundle.spk.pk, kem: bundle.kem.pk, opk: bundle.opk?.pk };
  const shared = [
    dh(ek.secretKey, bundle.IKd),
    dh(ek.secretKey, bundle.spk.pk),
    bundle.opk === undefined ? EMPTY : dh(ek.secretKey, bundle.opk.pk),
    sharedSecret,
  ];
  const head = encodeHead(ids, ek.publicKey, ciphertext);
  const sealing = identityKey(
    transcript(undefined, bundle, used, ek.publicKey, ciphertext),
    shared,
  );
  const sealed = seal(sealing, ZERO_NONCE, identityBlock, head);
  const th = transcript(partyOf(own), bundle, used, ek.publicKey, ciphertext);
  const agreed = agree(th, [dh(own.device.IKd.secretKey, bundle.spk.pk), ...shared]);
  wipe(ek.secretKey, sealing, ...shared);
  return {
    sessionId: agreed.sessionId,
    prefix: encodePrefix(head, sealed),
    ratchet: initiatorRatchet(agreed, bundle.spk.pk, hour),
  };
}

/**
 * `openIdentity` parses an identity block and checks its signatures.
 * @throws TumarError of any kind; the caller answers all of them alike
 */
export function respond<Identity extends Party>(
  own: OwnParty,
  secrets: PrekeySecrets,
  flight: FirstFlight,
  openIdentity: (block: Uint8Array) => Identity,
  hour: number,
): Responded<Identity> {
  const { spk, kem, opk } = secrets;
  const used = {
    ids: flight.ids,
    spk: spk.publicKey,
    kem: kem.publicKey,
    opk: opk?.publicKey,
  };
  const { ephemeral, ciphertext } = flight;
  const shared = [
    dh(own.device.IKd.secretKey, ephemeral),
    dh(spk.secretKey, ephemeral),
    opk === undefined ? EMPTY : dh(opk.secretKey, ephemeral),
    kemDecapsulate(ciphertext, kem.secretKey),
  ];
  const self = partyOf(own);
  const key = identityKey(transcript(undefined, self, used, ephemeral, ciphertext), shared);
  const identity = openIdentity(open(key, ZERO_NONCE, flight.sealedIdentity, flight.head));
  const th = transcript(identity, self, used, ephemeral, ciphertext);
  const agreed = agree(th, [dh(spk.secretKey, identity.IKd), ...shared]);
  wipe(key, ...shared);
  return {
    sessionId: agreed.sessionId,
    headHash: headHash(flight.head),
    identity,
    ratchet: responderRatchet(agreed, spk, hour),
  };
}

export function partyOf(own: OwnParty): Party {
  return { root: own.root, deviceId: own.device.id, ...devicePublicKeys(own.device) };
}

const LABEL: Uint8Array = utf8("tumar/v1/handshake");
const ZERO_NONCE: Uint8Array = new Uint8Array(AEAD_NONCE_BYTES);
const FF32: Uint8Array = new Uint8Array(32).fill(0xff);

/** `th` with both parties; `th0`, what is known before the identity block opens, without the initiator. */
function transcript(
  initiator: Party | undefined,
  responder: Party,
  { ids, spk, kem, opk }: UsedPrekeys,
  ephemeral: DhPublicKey,
  ciphertext: KemCiphertext,
): Uint8Array {
  const role = ids.pair === 0 ? PREKEY_ROLES.lastResort : PREKEY_ROLES.pair;
  const names = initiator === undefined ? [] : [initiator.root, initiator.deviceId];
  const keys = initiator === undefined ? [] : [initiator.IKs, initiator.IKd];
  const list = lp(
    LABEL,
    u8(SUITE),
    ...names,
    responder.root,
    responder.deviceId,
    ...keys,
    responder.IKs,
    responder.IKd,
    concat(u32(ids.spk), spk),
    concat(u32(ids.kem), u8(role), kem),
    opk === undefined ? EMPTY : concat(u32(ids.pair), opk),
    ephemeral,
    ciphertext,
  );
  return blake2b(64, list);
}

function extract(th: Uint8Array, secrets: readonly Uint8Array[]): Uint8Array {
  return blake2b(64, concat(FF32, lp(...secrets)), th);
}

/** `secrets` = DH2, DH3, DH4, ss */
function identityKey(th0: Uint8Array, secrets: readonly Uint8Array[]): Uint8Array {
  return H(extract(th0, secrets), "idblock", EMPTY, AEAD_KEY_BYTES);
}

/** `secrets` = DH1, DH2, DH3, DH4, ss */
function agree(
  th: Uint8Array,
  secrets: readonly Uint8Array[],
): RatchetSecrets & { readonly sessionId: Uint8Array } {
  const prk = extract(th, secrets);
  return {
    transcript: th,
    rootKey: H(prk, "sk", EMPTY, KEY_BYTES),
    initiatorHeaderKey: H(prk, "hka", EMPTY, KEY_BYTES),
    responderHeaderKey: H(prk, "nhkb", EMPTY, KEY_BYTES),
    sessionId: H(prk, "sid", EMPTY, SESSION_ID_BYTES),
  };
}
