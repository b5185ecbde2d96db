/**
 * On whose word a certificate, revocation or notice stands: the root's, or a delegation's.
 *
 *     0 u8 ‖ signature of the root 64
 *     1 u8 ‖ delegation u32-prefixed ‖ k × (index u8 ‖ signature 64), indexes strictly ascending
 *
 * A delegated statement carries its delegation, so that it stands by itself, and signs it, so that
 * it cannot be moved under another one. Exactly k signatures: one statement has one encoding.
 */

import {
  type ByteReader,
  compareBytes,
  concat,
  EMPTY,
  equalBytes,
  lp,
  u8,
} from "../../crypto/bytes.ts";
import { TumarError } from "../../crypto/errors.ts";
import {
  parseSignature,
  SIGNATURE_BYTES,
  type Signature,
  type SigningKeyPair,
  type SigningPublicKey,
  sign,
  verifySignature,
} from "../../crypto/sodium.ts";
import type { DeviceId } from "../device.ts";
import { type StatementKind, signedBytes } from "./body.ts";
import {
  coversDevice,
  type Delegation,
  decodeDelegation,
  MAX_DELEGATION_BYTES,
  type Power,
  type VerifiedDelegation,
  verifyDelegation,
} from "./delegation.ts";

export interface KeySignature {
  /** Place of the key in the delegation. */
  readonly index: number;
  readonly signature: Signature;
}

export type Authority =
  | { readonly form: "root"; readonly signature: Signature }
  | {
      readonly form: "delegated";
      readonly delegation: Delegation;
      readonly signatures: readonly KeySignature[];
    };

/** Whoever signs: the root, or k holders of delegated keys. */
export type Signer =
  | { readonly root: SigningKeyPair }
  | { readonly delegation: VerifiedDelegation; readonly keys: readonly SigningKeyPair[] };

/** What a statement of some kind about some device needs. */
export interface NeededPower {
  readonly kind: StatementKind;
  readonly root: SigningPublicKey;
  readonly device: DeviceId;
  readonly body: Uint8Array;
  /** Powers that may sign it; `root` if the root may. */
  readonly signers: readonly (Power | "root")[];
}

const FORMS = { root: 0, delegated: 1 } as const;

export function signerRoot(signer: Signer): SigningPublicKey {
  return "root" in signer ? signer.root.publicKey : signer.delegation.root;
}

/** What a signer's signatures are over, besides kind and body. */
export function authorityContext(authority: Authority): Uint8Array {
  return authority.form === "root" ? EMPTY : authority.delegation.bytes;
}

/** @throws RangeError when fewer than k keys of the delegation are given. */
export function signAuthority(kind: StatementKind, body: Uint8Array, signer: Signer): Authority {
  if ("root" in signer) {
    return { form: "root", signature: sign(signedBytes(kind, body), signer.root.secretKey) };
  }
  const { delegation, keys } = signer;
  const message = signedBytes(kind, body, delegation.bytes);
  const signatures = delegation.keys.flatMap((key, index) => {
    const holder = keys.find((pair) => equalBytes(pair.publicKey, key));
    return holder === undefined ? [] : [{ index, signature: sign(message, holder.secretKey) }];
  });
  if (signatures.length < delegation.k) {
    throw new RangeError("fewer signing keys than the delegation asks for");
  }
  return { form: "delegated", delegation, signatures: signatures.slice(0, delegation.k) };
}

export function encodeAuthority(authority: Authority): Uint8Array {
  if (authority.form === "root") return concat(u8(FORMS.root), authority.signature);
  return concat(
    u8(FORMS.delegated),
    lp(authority.delegation.bytes),
    ...authority.signatures.map(({ index, signature }) => concat(u8(index), signature)),
  );
}

/** Untrusted. @throws TumarError MALFORMED */
export function readAuthority(reader: ByteReader): Authority {
  const form = reader.u8();
  if (form === FORMS.root) {
    return { form: "root", signature: parseSignature(reader.take(SIGNATURE_BYTES)) };
  }
  if (form !== FORMS.delegated) throw new TumarError("MALFORMED", "unknown form of authority");
  const delegation = decodeDelegation(reader.part(MAX_DELEGATION_BYTES));
  const signatures = Array.from({ length: delegation.k }, () => ({
    index: reader.u8(),
    signature: parseSignature(reader.take(SIGNATURE_BYTES)),
  }));
  signatures.forEach(({ index }, i) => {
    if (index <= (signatures[i - 1]?.index ?? -1) || index >= delegation.keys.length) {
      throw new TumarError("MALFORMED", "signatures do not name ascending keys");
    }
  });
  return { form: "delegated", delegation, signatures };
}

/** @throws TumarError NOT_EMPOWERED, IDENTITY_CHANGED, BAD_SIGNATURE */
export function verifyAuthority(authority: Authority, needed: NeededPower): void {
  const { kind, root, body, signers } = needed;
  const message = signedBytes(kind, body, authorityContext(authority));
  if (authority.form === "root") {
    if (!signers.includes("root")) refuse(kind);
    verifySignature(authority.signature, message, root, kind);
    return;
  }
  const delegation = verifyDelegation(authority.delegation, root);
  if (!signers.includes(delegation.power) || !coversDevice(delegation, needed.device)) {
    refuse(kind);
  }
  for (const { index, signature } of authority.signatures) {
    const key = delegation.keys[index];
    if (key === undefined) refuse(kind);
    verifySignature(signature, message, key, kind);
  }
}

/** The same root, or the statement is not this identity's. @throws TumarError IDENTITY_CHANGED */
export function checkRoot(found: SigningPublicKey, pinned: SigningPublicKey, kind: string): void {
  if (compareBytes(found, pinned) !== 0) {
    throw new TumarError("IDENTITY_CHANGED", `a ${kind} under another root`);
  }
}

function refuse(kind: StatementKind): never {
  throw new TumarError("NOT_EMPOWERED", `the signer may not sign this ${kind}`);
}
