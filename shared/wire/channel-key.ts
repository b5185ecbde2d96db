/**
 * Channel keys: the X25519 keys a relay's identity key signs, and the announcement that carries one.
 *
 *     announcement = CBOR [identity key 32, channel key 32, notBefore hour, signature 64, epoch 16]
 *     signature    = Ed25519 over lp("tumar/v1/channel-key", identity key, channel key, u64 hour)
 *
 * An announcement travels in the clear. Its epoch is unsigned: a wrong one costs one `RETRY`.
 * The client compares announcements with each other, never with its own clock.
 */

import { lp, u64, utf8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  type DhPublicKey,
  equalSecret,
  parseDhPublicKey,
  parseSignature,
  parseSigningPublicKey,
  type Signature,
  type SigningKeyPair,
  type SigningPublicKey,
  sign,
  verifySignature,
} from "../crypto/sodium.ts";
import { type CborValue, decodeCbor, encodeCbor } from "./codec.ts";
import { relayHash } from "./ids.ts";
import { EPOCH_BYTES } from "./limits.ts";

/** A channel key and what proves that it is the relay's. */
export interface SignedChannelKey {
  readonly identity: SigningPublicKey;
  readonly channelKey: DhPublicKey;
  /** Hour since 1970 in which the relay made it. */
  readonly notBefore: number;
  readonly signature: Signature;
}

export interface Announcement extends SignedChannelKey {
  readonly epoch: Uint8Array;
}

const LABEL = utf8("tumar/v1/channel-key");

export function signChannelKey(
  identity: SigningKeyPair,
  channelKey: DhPublicKey,
  notBefore: number,
): SignedChannelKey {
  const message = signedBytes(identity.publicKey, channelKey, notBefore);
  const signature = sign(message, identity.secretKey);
  return { identity: identity.publicKey, channelKey, notBefore, signature };
}

export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  const { identity, channelKey, notBefore, signature, epoch } = announcement;
  return encodeCbor([identity, channelKey, notBefore, signature, epoch]);
}

/**
 * The announcement, once it is known to be by the relay whose address has this hash.
 * @throws TumarError MALFORMED, BAD_KEY, RELAY_MISMATCH, BAD_SIGNATURE
 */
export function verifyAnnouncement(bytes: Uint8Array, pinnedHash: Uint8Array): Announcement {
  const announcement = parseAnnouncement(decodeCbor(bytes));
  const { identity, channelKey, notBefore, signature } = announcement;
  if (!equalSecret(relayHash(identity), pinnedHash)) {
    throw new TumarError("RELAY_MISMATCH", "the relay's identity key is not the pinned one");
  }
  const message = signedBytes(identity, channelKey, notBefore);
  verifySignature(signature, message, identity, "channel key");
  return announcement;
}

/** The newest key seen wins; of two from one hour, the one held. */
export function isNewerKey(candidate: SignedChannelKey, held: SignedChannelKey): boolean {
  return candidate.notBefore > held.notBefore;
}

/**
 * The key to retry with after a refusal: strictly newer than the one used, so that nobody can lead a
 * client back to an old key.
 * @throws TumarError CHANNEL_REFUSED, and as `verifyAnnouncement`
 */
export function keyAfterRefusal(
  bytes: Uint8Array,
  pinnedHash: Uint8Array,
  used: SignedChannelKey,
): Announcement {
  const announcement = verifyAnnouncement(bytes, pinnedHash);
  if (!isNewerKey(announcement, used)) {
    throw new TumarError("CHANNEL_REFUSED", "the relay offers no newer channel key");
  }
  return announcement;
}

function signedBytes(
  identity: SigningPublicKey,
  channelKey: DhPublicKey,
  notBefore: number,
): Uint8Array {
  return lp(LABEL, identity, channelKey, u64(notBefore));
}

function parseAnnouncement(value: CborValue): Announcement {
  if (!Array.isArray(value) || value.length !== 5) throw malformed();
  const [identity, channelKey, notBefore, signature, epoch] = value as readonly CborValue[];
  if (typeof notBefore !== "number") throw malformed();
  const epochBytes = bytesOf(epoch);
  if (epochBytes.length !== EPOCH_BYTES) throw malformed();
  return {
    identity: parseSigningPublicKey(bytesOf(identity)),
    channelKey: parseDhPublicKey(bytesOf(channelKey)),
    notBefore,
    signature: parseSignature(bytesOf(signature)),
    epoch: epochBytes,
  };
}

function bytesOf(value: CborValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw malformed();
}

function malformed(): TumarError {
  return new TumarError("MALFORMED", "not an announcement of a channel key");
}
