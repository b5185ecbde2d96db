/**
 * Proofs: a `prove` frame shows that a mailbox, writer or owner key is on this channel.
 *
 *     signature = Ed25519 over lp("tumar/v1/prove", relay identity key, h*)
 *
 * h* names the channel: in message 1 the Noise hash before its payload, afterwards the handshake
 * hash. It commits to both sides' ephemeral keys known so far, so a proof holds nowhere else.
 */

import { lp, utf8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";
import {
  isSignatureValid,
  parseSigningPublicKey,
  type SigningKeyPair,
  type SigningPublicKey,
  sign,
} from "../crypto/sodium.ts";
import type { Prove, RequestId } from "./frames.ts";

const LABEL = utf8("tumar/v1/prove");

export function makeProof(
  requestId: RequestId,
  key: SigningKeyPair,
  relayIdentity: SigningPublicKey,
  proofHash: Uint8Array,
): Prove {
  const signature = sign(lp(LABEL, relayIdentity, proofHash), key.secretKey);
  return { type: "prove", requestId, publicKey: key.publicKey, signature };
}

/** The proven key. @throws TumarError BAD_PROOF */
export function verifyProof(
  frame: Prove,
  relayIdentity: SigningPublicKey,
  proofHash: Uint8Array,
): SigningPublicKey {
  const publicKey = parseSigningPublicKey(frame.publicKey);
  if (!isSignatureValid(frame.signature, lp(LABEL, relayIdentity, proofHash), publicKey)) {
    throw new TumarError("BAD_PROOF", "the proof does not verify for this channel");
  }
  return publicKey;
}
