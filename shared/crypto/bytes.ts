/**
 * Byte strings: brands, comparison, text forms, and the length-prefixed reader and writer that
 * every hashed, signed or sealed structure of ours is built with.
 *
 * `Bytes<"X25519PublicKey">` is a plain Uint8Array at run time; the tag exists only for the
 * compiler, so a nonce cannot be passed for a key. Only parsers and generators that check the
 * length and copy may mint a tag.
 */

import { TumarError } from "./errors.ts";

declare const tag: unique symbol;

export type Bytes<Tag extends string> = Uint8Array & { readonly [tag]: Tag };

/** A source of random bytes; passed in, so that a transcript can be frozen. */
export type Random = (length: number) => Uint8Array;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const EMPTY: Uint8Array = new Uint8Array(0);

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** @throws TumarError MALFORMED when the bytes are not well-formed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new TumarError("MALFORMED", "text is not valid UTF-8", { cause });
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Length-prefixed concatenation: u32 big-endian length before each part (session-protocol `lp`). */
export function lp(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += 4 + part.length;
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length);
    out.set(part, at + 4);
    at += 4 + part.length;
  }
  return out;
}

/** Not constant time: for public values only. Secrets go through `equalSecret` in sodium.ts. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order of unsigned bytes; the order of every "sorted" list in the protocol. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Overwrites in place. Best effort: the engine may have copied the bytes (docs/THREAT-MODEL.md). */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/** Copies, so that a later write to the receive buffer cannot change the value. */
export function copyExact<Tag extends string>(
  bytes: Uint8Array,
  length: number,
  what: string,
): Bytes<Tag> {
  if (bytes.length !== length) {
    throw new TumarError("MALFORMED", `${what} must be ${length} bytes, got ${bytes.length}`);
  }
  return Uint8Array.from(bytes) as Bytes<Tag>;
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** `value` is a safe integer >= 0. */
export function u64(value: number): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += HEX[byte];
  return out;
}

/** @throws TumarError MALFORMED */
export function fromHex(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new TumarError("MALFORMED", "not lower-case hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** RFC 4648 base32, lower case, no padding: how identities and ids are printed. */
export function toBase32(bytes: Uint8Array): string {
  return toRadix(bytes, BASE32, 5);
}

/** @throws TumarError MALFORMED, also for non-zero spare bits (RFC 4648 3.5). */
export function fromBase32(text: string): Uint8Array {
  return fromRadix(text, BASE32, 5, "base32");
}

/** RFC 4648 base64url, no padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return toRadix(bytes, BASE64URL, 6);
}

/** @throws TumarError MALFORMED, also for padding and non-zero spare bits. */
export function fromBase64Url(text: string): Uint8Array {
  return fromRadix(text, BASE64URL, 6, "base64url");
}

function toRadix(bytes: Uint8Array, alphabet: string, bits: number): string {
  let out = "";
  let buffer = 0;
  let held = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    held += 8;
    while (held >= bits) {
      held -= bits;
      out += alphabet[(buffer >>> held) & ((1 << bits) - 1)];
      buffer &= (1 << held) - 1;
    }
  }
  return held > 0 ? out + alphabet[buffer << (bits - held)] : out;
}

function fromRadix(text: string, alphabet: string, bits: number, what: string): Uint8Array {
  const out = new Uint8Array(Math.floor((text.length * bits) / 8));
  let buffer = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    const value = alphabet.indexOf(character);
    if (value < 0) throw new TumarError("MALFORMED", `not ${what}`);
    buffer = (buffer << bits) | value;
    held += bits;
    if (held >= 8) {
      held -= 8;
      out[at++] = buffer >>> held;
      buffer &= (1 << held) - 1;
    }
  }
  if (held >= bits || buffer !== 0) throw new TumarError("MALFORMED", `not canonical ${what}`);
  return out;
}

/** Reads big-endian integers and length-prefixed strings; every fault is MALFORMED. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  /** A u64 beyond 2^53 - 1 is refused: no count or time of ours is that large. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#advance(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new TumarError("MALFORMED", "integer out of range");
    }
    return Number(value);
  }

  /** A view, not a copy: valid while the input buffer is. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** One `lp` part (u32 length, bytes); a view. `max` bounds the length. */
  part(max = 0xffff_ffff): Uint8Array {
    const length = this.u32();
    if (length > max) throw new TumarError("MALFORMED", "part is too long");
    return this.take(length);
  }

  /** Everything that is left; a view. */
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  /** Call last: bytes left over are malformed, not forward compatible. */
  finish(): void {
    if (this.remaining !== 0) throw new TumarError("MALFORMED", "trailing bytes");
  }

  #advance(length: number): number {
    const at = this.#offset;
    if (length > this.#bytes.length - at) throw new TumarError("MALFORMED", "input ends early");
    this.#offset = at + length;
    return at;
  }
}
