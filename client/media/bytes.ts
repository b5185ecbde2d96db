/** What readers of containers share. */

/** Bytes as Latin-1 text, which maps each byte to one character; shorter where the bytes end. */
export function ascii(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

/** A copy of the first bytes. `slice` makes none if the bytes are a `Buffer` of Node. */
export function copyOf(bytes: Uint8Array, length: number = bytes.length): Uint8Array {
  return new Uint8Array(bytes.subarray(0, length));
}

export function startsWith(bytes: Uint8Array, beginning: Uint8Array): boolean {
  return beginning.every((byte, index) => bytes[index] === byte);
}
