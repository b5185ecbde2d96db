/**
 * Byte strings of the page's section 1: big-endian integers, lp(), order, and the two text forms.
 * The reader copies what it hands out, and a decoder that is done says `end()`.
 */

import { demand, Refused } from "./refused.ts";

export const EMPTY: Uint8Array = new Uint8Array(0);

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function fromHex(value: string): Uint8Array {
  demand(/^(?:[0-9a-f]{2})*$/.test(value), "hexadecimal");
  return Uint8Array.from(Buffer.from(value, "hex"));
}

export function u8(value: number): Uint8Array {
  return unsigned(value, 1);
}

export function u16(value: number): Uint8Array {
  return unsigned(value, 2);
}

export function u32(value: number): Uint8Array {
  return unsigned(value, 4);
}

export function u64(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError("u64");
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return Uint8Array.from(out);
}

function unsigned(value: number, width: number): Uint8Array {
  const out = Buffer.alloc(width);
  out.writeUIntBE(value, 0, width);
  return Uint8Array.from(out);
}

/** u32 length of each part, then the part. */
export function lp(...parts: readonly Uint8Array[]): Uint8Array {
  return concat(...parts.flatMap((part) => [u32(part.length), part]));
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** "Sorted" as the page means it: unsigned bytes, the shorter first. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

export function strictlyAscending(items: readonly Uint8Array[]): boolean {
  return items.every((item, i) => {
    const before = items[i - 1];
    return before === undefined || compare(before, item) < 0;
  });
}

export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    demand(length <= this.left, "ends early");
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }

  /** Everything read so far. */
  soFar(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  u8(): number {
    return Buffer.from(this.take(1)).readUInt8();
  }

  u16(): number {
    return Buffer.from(this.take(2)).readUInt16BE();
  }

  u32(): number {
    return Buffer.from(this.take(4)).readUInt32BE();
  }

  u64(): number {
    const value = Number(Buffer.from(this.take(8)).readBigUInt64BE());
    demand(Number.isSafeInteger(value), "u64 above 2^53 - 1");
    return value;
  }

  /** One part of an lp(). */
  part(): Uint8Array {
    return this.take(this.u32());
  }

  /** `count` things in a row. */
  times<T>(count: number, read: () => T): T[] {
    return Array.from({ length: count }, read);
  }

  end(): void {
    demand(this.left === 0, "bytes left over");
  }
}

/** Decodes the whole of `bytes`; bytes left over are refused. */
export function decode<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

/** Content ‖ 0x80 ‖ zeros, as records and frames pad. */
export function unpad(padded: Uint8Array): Uint8Array {
  let end = padded.length;
  while (end > 0 && padded[end - 1] === 0) end -= 1;
  demand(padded[end - 1] === 0x80, "padding");
  return padded.slice(0, end - 1);
}

export function pad(content: Uint8Array, length: number): Uint8Array {
  if (content.length >= length) throw new RangeError("no room for the padding");
  return concat(content, u8(0x80), new Uint8Array(length - content.length - 1));
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

export function fromBase64url(value: string): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(value, "base64url"));
  if (base64url(bytes) !== value) throw new Refused("MALFORMED", "base64url");
  return bytes;
}

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** RFC 4648 in lower case, without padding. */
export function base32(bytes: Uint8Array): string {
  const bits = bytesToBits(bytes);
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => BASE32.charAt(Number.parseInt(group.padEnd(5, "0"), 2))).join("");
}

function bytesToBits(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
}
