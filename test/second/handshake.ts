/**
 * Section 6: the transcript and the keys of a handshake, made from either side.
 *
 *     head = 02 ‖ suite ‖ SPK id ‖ KEM id ‖ pair id or 0 ‖ EK_A 32 ‖ ct 1120                 (1166)
 *     prefix = head ‖ u16 length ‖ sealed identity block
 */

import { concat, decode, EMPTY, lp, type Reader, text, u8, u16, u32 } from "./bytes.ts";
import { PREKEY_ROLE, SUITE } from "./prekeys.ts";
import { agree, agreementPublicKey, blake2, H, open, seal } from "./primitives.ts";
import { cannotDecrypt, demand } from "./refused.ts";
import { type Grant, readGrantList } from "./relay-address.ts";
import { type Certificate, openCertificate } from "./statements.ts";
import { CIPHERTEXT_BYTES, decapsulate, encapsulate } from "./x-wing.ts";

const FIRST_FLIGHT = 0x02;
const FF32 = new Uint8Array(32).fill(0xff);
const ZERO_NONCE = new Uint8Array(24);

export interface DeviceKeys {
  readonly root: Uint8Array;
  readonly deviceId: Uint8Array;
  readonly IKs: Uint8Array;
  readonly IKd: Uint8Array;
}

/** What the prefix names and both sides put into the transcript. */
export interface Chosen {
  readonly spkId: number;
  readonly spk: Uint8Array;
  readonly kemId: number;
  readonly kemRole: number;
  readonly kemKey: Uint8Array;
  /** OPK_B of the pair, absent with the last-resort key. */
  readonly opk: Uint8Array | undefined;
}

export interface SessionKeys {
  readonly transcriptHash: Uint8Array;
  readonly SK: Uint8Array;
  readonly HKA: Uint8Array;
  readonly NHKB: Uint8Array;
  readonly sessionId: Uint8Array;
}

interface Agreed {
  readonly dh2: Uint8Array;
  readonly dh3: Uint8Array;
  readonly dh4: Uint8Array;
  readonly ss: Uint8Array;
}

function transcript(
  initiator: DeviceKeys | undefined,
  responder: DeviceKeys,
  chosen: Chosen,
  ephemeral: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  const { opk } = chosen;
  const parts = [
    text("tumar/v1/handshake"),
    u8(SUITE),
    ...(initiator === undefined ? [] : [initiator.root, initiator.deviceId]),
    responder.root,
    responder.deviceId,
    ...(initiator === undefined ? [] : [initiator.IKs, initiator.IKd]),
    responder.IKs,
    responder.IKd,
    concat(u32(chosen.spkId), chosen.spk),
    concat(u32(chosen.kemId), u8(chosen.kemRole), chosen.kemKey),
    opk === undefined ? EMPTY : concat(u32(chosen.kemId), opk),
    ephemeral,
    ciphertext,
  ];
  return blake2(64, lp(...parts));
}

function identityKey(th0: Uint8Array, { dh2, dh3, dh4, ss }: Agreed): Uint8Array {
  const prk0 = blake2(64, concat(FF32, lp(dh2, dh3, dh4, ss)), th0);
  return H(prk0, "idblock", EMPTY, 32);
}

function sessionKeys(th: Uint8Array, dh1: Uint8Array, agreed: Agreed): SessionKeys {
  const { dh2, dh3, dh4, ss } = agreed;
  const prk = blake2(64, concat(FF32, lp(dh1, dh2, dh3, dh4, ss)), th);
  const key = (label: string) => H(prk, label, EMPTY, 32);
  return {
    transcriptHash: th,
    SK: key("sk"),
    HKA: key("hka"),
    NHKB: key("nhkb"),
    sessionId: key("sid"),
  };
}

export interface Prefix {
  readonly bytes: Uint8Array;
  readonly head: Uint8Array;
  readonly spkId: number;
  readonly kemId: number;
  readonly pairId: number;
  readonly ephemeral: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly sealedIdentity: Uint8Array;
}

/** Parts a first flight into its prefix and the ratchet frame behind it. */
export function splitFirstFlight(bytes: Uint8Array): { prefix: Prefix; frame: Uint8Array } {
  return decode(bytes, (reader) => ({ prefix: readPrefix(reader), frame: reader.rest() }));
}

function readPrefix(reader: Reader): Prefix {
  demand(reader.u8() === FIRST_FLIGHT && reader.u8() === SUITE, "first flight of this suite");
  const [spkId, kemId, pairId] = [reader.u32(), reader.u32(), reader.u32()];
  demand(spkId !== 0 && kemId !== 0, "an id of 0");
  demand(pairId === 0 || pairId === kemId, "pair id");
  const ephemeral = reader.take(32);
  const ciphertext = reader.take(CIPHERTEXT_BYTES);
  const head = reader.soFar();
  const sealedIdentity = reader.take(reader.u16());
  const bytes = reader.soFar();
  return { bytes, head, spkId, kemId, pairId, ephemeral, ciphertext, sealedIdentity };
}

export function headHash(prefix: Prefix): Uint8Array {
  return H(EMPTY, "ff", prefix.head, 32);
}

/** The private halves the responder finds by the ids of a prefix. */
export interface ResponderSecrets extends DeviceKeys {
  readonly IKdSecret: Uint8Array;
  readonly spk: { readonly id: number; readonly secret: Uint8Array };
  readonly kpk: { readonly id: number; readonly seed: Uint8Array; readonly publicKey: Uint8Array };
  readonly pair: {
    readonly id: number;
    readonly opkSecret: Uint8Array;
    readonly kemSeed: Uint8Array;
    readonly kemKey: Uint8Array;
  };
}

export interface Answered {
  readonly keys: SessionKeys;
  readonly identityBlock: Uint8Array;
  readonly certificate: Certificate;
  readonly replyGrants: readonly Grant[];
}

function choose(prefix: Prefix, own: ResponderSecrets): Chosen & { kemSeed: Uint8Array } {
  demand(prefix.spkId === own.spk.id, "unknown SPK");
  const withPair = prefix.pairId !== 0;
  demand(prefix.kemId === (withPair ? own.pair.id : own.kpk.id), "unknown KEM key");
  const common = { spkId: prefix.spkId, kemId: prefix.kemId };
  const spk = agreementPublicKey(own.spk.secret);
  if (!withPair) {
    const { seed: kemSeed, publicKey: kemKey } = own.kpk;
    return { ...common, spk, kemRole: PREKEY_ROLE.kpk, kemKey, kemSeed, opk: undefined };
  }
  const { kemKey, kemSeed, opkSecret } = own.pair;
  const opk = agreementPublicKey(opkSecret);
  return { ...common, spk, kemRole: PREKEY_ROLE.pair, kemKey, kemSeed, opk };
}

/** The responder's side, up to the keys; only the frame behind proves who the initiator is. */
export function answer(prefix: Prefix, own: ResponderSecrets): Answered {
  return cannotDecrypt(() => {
    const chosen = choose(prefix, own);
    const { ephemeral, ciphertext } = prefix;
    const agreed = {
      dh2: agree(own.IKdSecret, ephemeral),
      dh3: agree(own.spk.secret, ephemeral),
      dh4: chosen.opk === undefined ? EMPTY : agree(own.pair.opkSecret, ephemeral),
      ss: decapsulate(chosen.kemSeed, ciphertext),
    };
    const th0 = transcript(undefined, own, chosen, ephemeral, ciphertext);
    const key = identityKey(th0, agreed);
    const identityBlock = open(key, ZERO_NONCE, prefix.sealedIdentity, prefix.head);
    const { certificate, replyGrants } = openIdentityBlock(identityBlock);
    const dh1 = agree(own.spk.secret, certificate.IKd);
    const th = transcript(certificate, own, chosen, ephemeral, ciphertext);
    return { keys: sessionKeys(th, dh1, agreed), identityBlock, certificate, replyGrants };
  });
}

/** The certificate is verified under the root it names itself. */
export function openIdentityBlock(block: Uint8Array): {
  certificate: Certificate;
  replyGrants: Grant[];
} {
  return decode(block, (reader) => {
    const bytes = reader.part();
    const certificate = openCertificate(bytes, bytes.slice(1, 33));
    return { certificate, replyGrants: readGrantList(reader) };
  });
}

export interface Begun {
  readonly keys: SessionKeys;
  readonly prefix: Uint8Array;
}

/** The initiator's side, from the two things she drew: EK_A's secret and the encapsulation seed. */
export function begin(
  own: DeviceKeys & { readonly IKdSecret: Uint8Array },
  peer: DeviceKeys,
  chosen: Chosen,
  identityBlock: Uint8Array,
  draws: { readonly ephemeralSecret: Uint8Array; readonly encapsulationSeed: Uint8Array },
): Begun {
  const ephemeral = agreementPublicKey(draws.ephemeralSecret);
  const kem = encapsulate(chosen.kemKey, draws.encapsulationSeed);
  const agreed = {
    dh2: agree(draws.ephemeralSecret, peer.IKd),
    dh3: agree(draws.ephemeralSecret, chosen.spk),
    dh4: chosen.opk === undefined ? EMPTY : agree(draws.ephemeralSecret, chosen.opk),
    ss: kem.shared,
  };
  const pairId = chosen.opk === undefined ? 0 : chosen.kemId;
  const ids = concat(u32(chosen.spkId), u32(chosen.kemId), u32(pairId));
  const head = concat(u8(FIRST_FLIGHT), u8(SUITE), ids, ephemeral, kem.ciphertext);
  const th0 = transcript(undefined, peer, chosen, ephemeral, kem.ciphertext);
  const sealed = seal(identityKey(th0, agreed), ZERO_NONCE, identityBlock, head);
  const th = transcript(own, peer, chosen, ephemeral, kem.ciphertext);
  const keys = sessionKeys(th, agree(own.IKdSecret, chosen.spk), agreed);
  return { keys, prefix: concat(head, u16(sealed.length), sealed) };
}
