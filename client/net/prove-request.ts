/** The `prove` frame of one key in one channel: its signature is made when it is sent, over the h* of then. */

import type { TumarError } from "../../shared/crypto/errors.ts";
import {
  SIGNATURE_BYTES,
  type SigningKeyPair,
  type SigningPublicKey,
} from "../../shared/crypto/sodium.ts";
import type { ClientFrame, RequestId } from "../../shared/wire/frames.ts";
import { makeProof } from "../../shared/wire/proof.ts";
import { frameSize, type Outgoing } from "./outgoing.ts";

export const PROVE_BYTES: number = frameSize({
  type: "prove",
  publicKey: new Uint8Array(32),
  signature: new Uint8Array(SIGNATURE_BYTES),
});

export class ProveRequest implements Outgoing {
  readonly type = "prove";
  readonly size: number = PROVE_BYTES;
  readonly proveWith = undefined;
  readonly isSettled = false;
  readonly #key: SigningKeyPair;
  readonly #relayIdentity: () => SigningPublicKey;
  /** Why the relay refused the proof; what needs it then fails with this. */
  error: TumarError | undefined;

  constructor(key: SigningKeyPair, relayIdentity: () => SigningPublicKey) {
    this.#key = key;
    this.#relayIdentity = relayIdentity;
  }

  frame(requestId: RequestId, proofHash: Uint8Array): ClientFrame {
    return makeProof(requestId, this.#key, this.#relayIdentity(), proofHash);
  }

  onAnswer(): void {}

  onRefused(error: TumarError): void {
    this.error = error;
  }

  onBroken(): void {}
}
