/**
 * Notice: guardians say that a device is in other hands since an hour.
 *
 * Layout: statements/removal.ts with kind 6 and a delegated authority (power guardians or
 * suspension). What the device sent from the cut-off on is quarantined and nothing new is sealed
 * to it, until the owner delegates anew. The cut-off reaches back at most 48 hours (roster.ts).
 */

import type { SigningKeyPair, SigningPublicKey } from "../../crypto/sodium.ts";
import { markVerified, type Verified } from "../verified.ts";
import type { VerifiedDelegation } from "./delegation.ts";
import {
  checkRemoval,
  decodeRemoval,
  encodeRemoval,
  type Removal,
  type RemovalFields,
} from "./removal.ts";

export type Notice = Removal<"notice">;
export type VerifiedNotice = Verified<Notice>;

/** @throws RangeError when `keys` are fewer than the delegation's k */
export function signNotice(
  delegation: VerifiedDelegation,
  keys: readonly SigningKeyPair[],
  fields: RemovalFields,
): VerifiedNotice {
  return markVerified(decodeNotice(encodeRemoval("notice", { delegation, keys }, fields)));
}

/** Untrusted. @throws TumarError MALFORMED */
export function decodeNotice(bytes: Uint8Array): Notice {
  return decodeRemoval("notice", bytes);
}

/** @throws TumarError IDENTITY_CHANGED, NOT_EMPOWERED, BAD_SIGNATURE */
export function verifyNotice(notice: Notice, root: SigningPublicKey): VerifiedNotice {
  checkRemoval(notice, root, ["guardians", "suspension"]);
  return markVerified(notice);
}
