/**
 * The only importer of libsodium: thin, typed wrappers over the primitives the protocol uses.
 *
 * Loading this module waits for the library and checks that each primitive is present (the
 * library's types declare functions its standard build lacks). Every failure is a TumarError.
 * Nothing here draws randomness by itself but `systemRandom`.
 */

import sodium, { type StateAddress } from "libsodium-wrappers";
import { type Bytes, copyExact, type Random } from "./bytes.ts";
import { TumarError } from "./errors.ts";

export type SigningPublicKey = Bytes<"Ed25519PublicKey">;
/** Seed 32 followed by public key 32, as libsodium keeps it. */
export type SigningSecretKey = Bytes<"Ed25519SecretKey">;
export type Signature = Bytes<"Ed25519Signature">;
export type DhPublicKey = Bytes<"X25519PublicKey">;
export type DhSecretKey = Bytes<"X25519SecretKey">;
export type KemPublicKey = Bytes<"XWingPublicKey">;
/** The 32-byte seed, expanded inside each decapsulation; expanded keys are never stored. */
export type KemSecretKey = Bytes<"XWingSeed">;
export type KemCiphertext = Bytes<"XWingCiphertext">;

export interface SigningKeyPair {
  readonly publicKey: SigningPublicKey;
  readonly secretKey: SigningSecretKey;
}
export interface DhKeyPair {
  readonly publicKey: DhPublicKey;
  readonly secretKey: DhSecretKey;
}
export interface KemKeyPair {
  readonly publicKey: KemPublicKey;
  readonly secretKey: KemSecretKey;
}

export const SIGNING_PUBLIC_KEY_BYTES = 32;
export const SIGNING_SECRET_KEY_BYTES = 64;
export const SIGNING_SEED_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const DH_KEY_BYTES = 32;
export const KEM_PUBLIC_KEY_BYTES = 1216;
export const KEM_SEED_BYTES = 32;
export const KEM_ENCAPSULATION_SEED_BYTES = 64;
export const KEM_CIPHERTEXT_BYTES = 1120;
export const KEM_SHARED_SECRET_BYTES = 32;
export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 24;
export const AEAD_TAG_BYTES = 16;
export const CHACHA_NONCE_BYTES = 12;

/** The most `getRandomValues` gives at once. */
const RANDOM_CALL_BYTES = 65536;

const PRIMITIVES = [
  "crypto_aead_chacha20poly1305_ietf_decrypt",
  "crypto_aead_chacha20poly1305_ietf_encrypt",
  "crypto_aead_xchacha20poly1305_ietf_decrypt",
  "crypto_aead_xchacha20poly1305_ietf_encrypt",
  "crypto_generichash",
  "crypto_generichash_final",
  "crypto_generichash_init",
  "crypto_generichash_update",
  "crypto_hash_sha3256",
  "crypto_kem_xwing_dec",
  "crypto_kem_xwing_enc_deterministic",
  "crypto_kem_xwing_seed_keypair",
  "crypto_scalarmult",
  "crypto_scalarmult_base",
  "crypto_sign_detached",
  "crypto_sign_seed_keypair",
  "crypto_sign_verify_detached",
  "memcmp",
] as const;

await sodium.ready;
checkPrimitives(sodium as unknown as Record<string, unknown>);

/** @throws TumarError CRYPTO_UNAVAILABLE naming what is missing. Exported for its test. */
export function checkPrimitives(library: Readonly<Record<string, unknown>>): void {
  const missing = PRIMITIVES.filter((name) => typeof library[name] !== "function");
  if (missing.length > 0) {
    throw new TumarError("CRYPTO_UNAVAILABLE", `libsodium lacks ${missing.join(", ")}`);
  }
}

/**
 * The operating system's generator, asked once per call: `randombytes_buf` of the WASM build asks
 * once per four bytes, which costs more than all else in a message (measured: 87 us for 24 bytes).
 */
export const systemRandom: Random = (length) => {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_CALL_BYTES) {
    globalThis.crypto.getRandomValues(out.subarray(at, at + RANDOM_CALL_BYTES));
  }
  return out;
};

/** Constant time for equal lengths. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && sodium.memcmp(a, b);
}

/** BLAKE2b (RFC 7693) of `length` bytes, 16 to 64; keyed when `key` has bytes (up to 64). */
export function blake2b(length: number, message: Uint8Array, key?: Uint8Array): Uint8Array {
  return sodium.crypto_generichash(length, message, key ?? null);
}

/** BLAKE2b over bytes that come in parts. One that is dropped before `digest` keeps 357 bytes of the library's memory. */
export class HashStream {
  readonly #length: number;
  #state: StateAddress | undefined;

  /** `length` of the digest, 16 to 64 */
  constructor(length: number) {
    this.#length = length;
    this.#state = sodium.crypto_generichash_init(null, length);
  }

  /** @throws TypeError after `digest` */
  update(bytes: Uint8Array): void {
    sodium.crypto_generichash_update(this.#open(), bytes);
  }

  /** Ends the stream. @throws TypeError the second time */
  digest(): Uint8Array {
    const state = this.#open();
    this.#state = undefined;
    return sodium.crypto_generichash_final(state, this.#length);
  }

  #open(): StateAddress {
    if (this.#state === undefined) throw new TypeError("this hash has ended");
    return this.#state;
  }
}

/** SHA3-256 (FIPS 202); only the names of onion services need it. */
export function sha3(message: Uint8Array): Uint8Array {
  return sodium.crypto_hash_sha3256(message);
}

// --- Ed25519 (RFC 8032) -------------------------------------------------------------------------

export function parseSigningPublicKey(bytes: Uint8Array): SigningPublicKey {
  return copyExact(bytes, SIGNING_PUBLIC_KEY_BYTES, "signing key");
}

export function parseSigningSecretKey(bytes: Uint8Array): SigningSecretKey {
  return copyExact(bytes, SIGNING_SECRET_KEY_BYTES, "signing secret key");
}

export function parseSignature(bytes: Uint8Array): Signature {
  return copyExact(bytes, SIGNATURE_BYTES, "signature");
}

export function signingKeyPair(seed: Uint8Array): SigningKeyPair {
  if (seed.length !== SIGNING_SEED_BYTES) throw new RangeError("a signing seed has 32 bytes");
  const pair = sodium.crypto_sign_seed_keypair(seed);
  return {
    publicKey: pair.publicKey as SigningPublicKey,
    secretKey: pair.privateKey as SigningSecretKey,
  };
}

export function sign(message: Uint8Array, secretKey: SigningSecretKey): Signature {
  return sodium.crypto_sign_detached(message, secretKey) as Signature;
}

export function isSignatureValid(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: SigningPublicKey,
): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}

/** @throws TumarError BAD_SIGNATURE */
export function verifySignature(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: SigningPublicKey,
  what: string,
): void {
  if (!isSignatureValid(signature, message, publicKey)) {
    throw new TumarError("BAD_SIGNATURE", `the signature of the ${what} does not verify`);
  }
}

// --- X25519 (RFC 7748) --------------------------------------------------------------------------

/** Refuses bit 255: X25519 ignores it, so the same key would have two encodings. */
export function parseDhPublicKey(bytes: Uint8Array): DhPublicKey {
  const key = copyExact<"X25519PublicKey">(bytes, DH_KEY_BYTES, "X25519 key");
  if (((key[DH_KEY_BYTES - 1] ?? 0) & 0x80) !== 0) {
    throw new TumarError("BAD_KEY", "X25519 key has its high bit set");
  }
  return key;
}

export function parseDhSecretKey(bytes: Uint8Array): DhSecretKey {
  return copyExact(bytes, DH_KEY_BYTES, "X25519 secret key");
}

/** `secret` is 32 random bytes; copied. */
export function dhKeyPair(secret: Uint8Array): DhKeyPair {
  const secretKey = parseDhSecretKey(secret);
  return { secretKey, publicKey: sodium.crypto_scalarmult_base(secretKey) as DhPublicKey };
}

/** @throws TumarError BAD_KEY when the result is all zero (a low-order key). */
export function dh(secretKey: DhSecretKey, publicKey: DhPublicKey): Uint8Array {
  try {
    return sodium.crypto_scalarmult(secretKey, publicKey);
  } catch (cause) {
    throw new TumarError("BAD_KEY", "X25519 gave no shared secret", { cause });
  }
}

// --- X-Wing (draft-connolly-cfrg-xwing-kem) -----------------------------------------------------

export function parseKemPublicKey(bytes: Uint8Array): KemPublicKey {
  return copyExact(bytes, KEM_PUBLIC_KEY_BYTES, "X-Wing key");
}

export function parseKemSecretKey(bytes: Uint8Array): KemSecretKey {
  return copyExact(bytes, KEM_SEED_BYTES, "X-Wing seed");
}

export function parseKemCiphertext(bytes: Uint8Array): KemCiphertext {
  return copyExact(bytes, KEM_CIPHERTEXT_BYTES, "X-Wing ciphertext");
}

/** `seed` is 32 random bytes; copied. */
export function kemKeyPair(seed: Uint8Array): KemKeyPair {
  const secretKey = parseKemSecretKey(seed);
  return {
    secretKey,
    publicKey: sodium.crypto_kem_xwing_seed_keypair(secretKey).publicKey as KemPublicKey,
  };
}

/**
 * `seed` is 64 random bytes, used once.
 * @throws TumarError BAD_KEY for a key that fails the modulus check or is of low order.
 */
export function kemEncapsulate(
  publicKey: KemPublicKey,
  seed: Uint8Array,
): { readonly ciphertext: KemCiphertext; readonly sharedSecret: Uint8Array } {
  try {
    const { ciphertext, sharedSecret } = sodium.crypto_kem_xwing_enc_deterministic(publicKey, seed);
    return { ciphertext: ciphertext as KemCiphertext, sharedSecret };
  } catch (cause) {
    throw new TumarError("BAD_KEY", "X-Wing refused the public key", { cause });
  }
}

/**
 * Implicit rejection: a changed ciphertext usually gives another secret and no error; only the
 * AEAD that follows tells.
 * @throws TumarError BAD_KEY when the X25519 part is of low order.
 */
export function kemDecapsulate(ciphertext: KemCiphertext, secretKey: KemSecretKey): Uint8Array {
  try {
    return sodium.crypto_kem_xwing_dec(ciphertext, secretKey);
  } catch (cause) {
    throw new TumarError("BAD_KEY", "X-Wing refused the ciphertext", { cause });
  }
}

// --- XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) -----------------------------------------------

/** Ciphertext followed by its 16-byte tag. `key` 32, `nonce` 24. */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    plaintext,
    associatedData,
    null,
    nonce,
    key,
  );
}

/** @throws TumarError CANNOT_OPEN */
export function open(
  key: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  const plaintext = tryOpen(key, nonce, ciphertext, associatedData);
  if (plaintext === undefined) throw new TumarError("CANNOT_OPEN", "sealed box does not open");
  return plaintext;
}

/** `open` for trial decryption: undefined instead of an error. */
export function tryOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array | undefined {
  if (ciphertext.length < AEAD_TAG_BYTES) return undefined;
  try {
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
      null,
      ciphertext,
      associatedData,
      nonce,
      key,
    );
  } catch {
    return undefined;
  }
}

// --- ChaCha20-Poly1305 (RFC 8439), for the Noise channel only -----------------------------------

export function sealChaCha(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  return sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
    plaintext,
    associatedData,
    null,
    nonce,
    key,
  );
}

/** @throws TumarError CANNOT_OPEN */
export function openChaCha(
  key: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  try {
    return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
      null,
      ciphertext,
      associatedData,
      nonce,
      key,
    );
  } catch (cause) {
    throw new TumarError("CANNOT_OPEN", "channel message does not open", { cause });
  }
}
