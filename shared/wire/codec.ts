/**
 * CBOR (RFC 8949) as far as the relay protocol needs it: arrays, integers from 0 to 2^53 - 1, byte
 * strings and text strings, nested at most four deep.
 *
 * `scan` walks the bytes before anything is decoded and accepts the one canonical form only:
 * definite lengths, shortest heads, valid UTF-8, nothing else and nothing left over. What it accepts
 * is equal to its own re-encoding (a property test), so no decode pays for a second encoding.
 * Decoded byte strings are copies: the receive buffer may be reused. Every fault is MALFORMED.
 */

import { type DecodeOptions, encodeInto, Tokenizer, tokensToObject } from "cborg";
import { fromUtf8, utf8 } from "../crypto/bytes.ts";
import { TumarError } from "../crypto/errors.ts";

export type CborValue = number | string | Uint8Array | readonly CborValue[];

export const CBOR_DEPTH = 4;

const MAJOR_UINT = 0;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;

const OPTIONS: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
};

/**
 * `value` must hold safe non-negative integers, bytes, text and arrays only (RangeError otherwise).
 * A plain Uint8Array of its own (the library would hand out views of Node's buffer pool).
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const out = new Uint8Array(encodedLength(value, 0));
  encodeInto(value, out);
  return out;
}

/** Exactly one item. @throws TumarError MALFORMED */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const plain = plainBytes(bytes);
  const scanner = new Scanner(plain);
  scanner.item(0);
  if (scanner.at !== plain.length) throw malformed("trailing bytes");
  return read(new Tokenizer(plain, OPTIONS));
}

/**
 * A CBOR sequence (RFC 8742) followed by padding: an empty array (0x80), then zeros to the end.
 * @throws TumarError MALFORMED
 */
export function decodePaddedSequence(bytes: Uint8Array): CborValue[] {
  const plain = plainBytes(bytes);
  const count = scanPadded(plain);
  const tokenizer = new Tokenizer(plain, OPTIONS);
  const items: CborValue[] = [];
  for (let i = 0; i < count; i++) items.push(read(tokenizer));
  return items;
}

export const PADDING_MARK = 0x80;

/** Items before the padding. */
function scanPadded(bytes: Uint8Array): number {
  const scanner = new Scanner(bytes);
  let count = 0;
  while (bytes[scanner.at] !== PADDING_MARK) {
    scanner.item(0);
    count++;
  }
  for (let i = scanner.at + 1; i < bytes.length; i++) {
    if (bytes[i] !== 0) throw malformed("padding is not zero");
  }
  return count;
}

function read(tokenizer: Tokenizer): CborValue {
  try {
    return tokensToObject(tokenizer, OPTIONS) as CborValue;
  } catch (cause) {
    throw new TumarError("MALFORMED", "not the CBOR of this protocol", { cause });
  }
}

/** A Node `Buffer` slices into views; a plain Uint8Array copies. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

class Scanner {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Moves past one item; `depth` counts the arrays around it. */
  item(depth: number): void {
    const first = this.#byte();
    const major = first >> 5;
    const value = this.#argument(first & 0x1f);
    if (major === MAJOR_UINT) return;
    if (value > this.#bytes.length - this.at) throw malformed("input ends early");
    if (major === MAJOR_ARRAY) {
      if (depth === CBOR_DEPTH) throw malformed("nested too deep");
      for (let i = 0; i < value; i++) this.item(depth + 1);
    } else if (major === MAJOR_BYTES) {
      this.at += value;
    } else if (major === MAJOR_TEXT) {
      fromUtf8(this.#bytes.subarray(this.at, this.at + value));
      this.at += value;
    } else {
      throw malformed("a CBOR type this protocol does not use");
    }
  }

  /** RFC 8949 section 3: 24, 25, 26, 27 announce 1, 2, 4, 8 more bytes; only the shortest is accepted. */
  #argument(low: number): number {
    if (low < 24) return low;
    if (low > 27) throw malformed("indefinite or reserved length");
    const size = 1 << (low - 24);
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + this.#byte();
    const least = low === 24 ? 24 : 2 ** (4 * size);
    if (value < least) throw malformed("integer is not in its shortest form");
    if (value > Number.MAX_SAFE_INTEGER) throw malformed("integer out of range");
    return value;
  }

  #byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw malformed("input ends early");
    this.at++;
    return byte;
  }
}

function encodedLength(value: CborValue, depth: number): number {
  if (typeof value === "number") return headLength(value);
  if (value instanceof Uint8Array) return headLength(value.length) + value.length;
  if (typeof value === "string") {
    const { length } = utf8(value);
    return headLength(length) + length;
  }
  if (!Array.isArray(value)) throw new RangeError("not a CBOR value of this protocol");
  if (depth === CBOR_DEPTH) throw new RangeError("CBOR value is nested too deep");
  let length = headLength(value.length);
  for (const item of value) length += encodedLength(item, depth + 1);
  return length;
}

/** Bytes of the head of an item: of an integer all of it, else what stands before its content. */
export function headLength(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError("integer out of range");
  if (value < 24) return 1;
  if (value < 0x100) return 2;
  if (value < 0x1_0000) return 3;
  return value < 0x1_0000_0000 ? 5 : 9;
}

function malformed(message: string): TumarError {
  return new TumarError("MALFORMED", message);
}
