/** Four-letter names in files: bytes as Latin-1 text, which maps each byte to one character. */

/** Shorter where the bytes end. */
export function ascii(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}
