/**
 * Revocation: a device is removed for good, by the root or (staff only) by desk admins.
 *
 * Layout: statements/removal.ts with kind 2; 118 bytes by the root. It has no sequence number and
 * cannot be taken back: of several, the earliest cut-off counts.
 */

import type { SigningPublicKey } from "../../crypto/sodium.ts";
import { markVerified, type Verified } from "../verified.ts";
import type { Signer } from "./authority.ts";
import {
  checkRemoval,
  decodeRemoval,
  encodeRemoval,
  type Removal,
  type RemovalFields,
} from "./removal.ts";

export type Revocation = Removal<"revocation">;
export type VerifiedRevocation = Verified<Revocation>;

/** By the root: body 53 + 1 + 64. */
export const ROOT_REVOCATION_BYTES = 118;

export function signRevocation(signer: Signer, fields: RemovalFields): VerifiedRevocation {
  return markVerified(decodeRevocation(encodeRemoval("revocation", signer, fields)));
}

/** Untrusted. @throws TumarError MALFORMED */
export function decodeRevocation(bytes: Uint8Array): Revocation {
  return decodeRemoval("revocation", bytes);
}

/**
 * Whether a delegated one counts depends on the device's role: roster.ts.
 * @throws TumarError IDENTITY_CHANGED, NOT_EMPOWERED, BAD_SIGNATURE
 */
export function verifyRevocation(
  revocation: Revocation,
  root: SigningPublicKey,
): VerifiedRevocation {
  checkRemoval(revocation, root, ["root", "admins"]);
  return markVerified(revocation);
}
