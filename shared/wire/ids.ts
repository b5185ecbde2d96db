/**
 * Ids that are hashes of something: how each is made. All are public to the relay; the depositId and
 * the uploadId themselves are shown to it and never stored.
 */

import { EMPTY, toBase64Url } from "../crypto/bytes.ts";
import { H } from "../crypto/hash.ts";
import { blake2b, type SigningPublicKey } from "../crypto/sodium.ts";
import {
  BLOB_ID_BYTES,
  DEPOSIT_HASH_BYTES,
  ENVELOPE_ID_BYTES,
  RELAY_HASH_BYTES,
} from "./limits.ts";

/** What a relay stores and looks a grant up by. */
export function depositHash(depositId: Uint8Array): Uint8Array {
  return H(EMPTY, "deposit", depositId, DEPOSIT_HASH_BYTES);
}

export function envelopeId(envelope: Uint8Array): Uint8Array {
  return blake2b(ENVELOPE_ID_BYTES, envelope);
}

/** Reads a blob; whoever has its uploadId may write it. */
export function blobIdOf(uploadId: Uint8Array): Uint8Array {
  return H(EMPTY, "blob", uploadId, BLOB_ID_BYTES);
}

/** Names a relay in its address and on cards. */
export function relayHash(identity: SigningPublicKey): Uint8Array {
  return H(EMPTY, "relay", identity, RELAY_HASH_BYTES);
}

/** What a relay gives out: `https://host#k=<relay hash, base64url>`. `origin` as `URL.origin` gives it. */
export function relayAddress(origin: string, identity: SigningPublicKey): string {
  return `${origin}#k=${toBase64Url(relayHash(identity))}`;
}
