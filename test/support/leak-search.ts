/**
 * Looks for secrets in a heap of bytes, in every form they would likely take there: as they are, in
 * hex, base64, base64url and base32 (wherever in a longer encoding they begin), and text also in
 * UTF-16, JSON escapes and percent escapes.
 */

import { toBase32, toHex, utf8 } from "../../shared/crypto/bytes.ts";

export interface Needle {
  /** For the message of a failed test; never the secret itself. */
  readonly what: string;
  readonly secret: Uint8Array | string;
}

/** Fewer bytes than this turn up by chance. */
const MIN_FORM_BYTES = 4;

/** What was found, as "what (form)". */
export function findLeaks(heap: Buffer, needles: readonly Needle[]): readonly string[] {
  return needles.flatMap(({ what, secret }) =>
    formsOf(secret)
      .filter(([, bytes]) => bytes.length >= MIN_FORM_BYTES && heap.includes(bytes))
      .map(([form]) => `${what} (${form})`),
  );
}

type Form = readonly [name: string, bytes: Buffer];

export function formsOf(secret: Uint8Array | string): readonly Form[] {
  if (typeof secret !== "string") return formsOfBytes(secret);
  const wide = Buffer.from(secret, "utf16le");
  const json = [...wide.swap16().toString("hex").matchAll(/.{4}/g)].map(([unit]) => `\\u${unit}`);
  return [
    ...formsOfBytes(utf8(secret)),
    ["UTF-16LE", Buffer.from(secret, "utf16le")],
    ["UTF-16BE", Buffer.from(secret, "utf16le").swap16()],
    ["JSON escapes", Buffer.from(json.join(""))],
    ["percent escapes", Buffer.from(encodeURIComponent(secret))],
  ];
}

function formsOfBytes(bytes: Uint8Array): readonly Form[] {
  const hex = toHex(bytes);
  return [
    ["raw", Buffer.from(bytes)],
    ["hex", Buffer.from(hex)],
    ["HEX", Buffer.from(hex.toUpperCase())],
    ...shifted("base64", bytes, 3, 6, (input) => Buffer.from(input).toString("base64")),
    ...shifted("base64url", bytes, 3, 6, (input) => Buffer.from(input).toString("base64url")),
    ...shifted("base32", bytes, 5, 5, toBase32),
    ...shifted("BASE32", bytes, 5, 5, (input) => toBase32(input).toUpperCase()),
  ];
}

/**
 * The characters that these bytes alone decide, for each place in a group they may begin at. Beside
 * unknown bytes the first and last characters depend on those.
 */
function shifted(
  name: string,
  bytes: Uint8Array,
  groupBytes: number,
  bitsEach: number,
  encode: (input: Uint8Array) => string,
): readonly Form[] {
  return Array.from({ length: groupBytes }, (_, before): Form => {
    const input = new Uint8Array(before + bytes.length);
    input.set(bytes, before);
    const from = Math.ceil((before * 8) / bitsEach);
    const to = Math.floor((input.length * 8) / bitsEach);
    return [`${name}+${before}`, Buffer.from(encode(input).slice(from, to))];
  });
}
