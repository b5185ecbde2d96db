/**
 * The name of a file from somebody else, made harmless before it meets a disk or a screen.
 *
 * The result is one path component on POSIX and on Windows: no separator, no drive or stream, nothing hidden, no device
 * of Windows, nothing that a shell takes for an option. It holds no character that is not seen or that turns the order
 * of others, so that what looks like the extension is the extension. Letters of all scripts stay.
 */

import { utf8 } from "../../shared/crypto/bytes.ts";

export const MAX_SAFE_NAME_BYTES = 120;
/** Longer than any extension in use; what is longer is a part of the name. */
const MAX_EXTENSION_BYTES = 17;

const SEPARATORS = /[/\\]/u;
/** Not seen: control, format (bidi among them), lone surrogates, private use, unassigned. */
const UNSEEN = /\p{C}/gu;
/** Drawn as nothing, though not of the above: fillers and variation selectors. */
const BLANK = /\p{Default_Ignorable_Code_Point}|\u2800/gu;
const SPACE = /[\s\p{Z}]/gu;
/** What Windows reserves in names. */
const RESERVED = /[<>:"|?*]/gu;
const LOOKS_RESERVED = /[<>:"|?*/\\.]/u;
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)/iu;

/** At most `MAX_SAFE_NAME_BYTES` of UTF-8, extension kept; `fallback`, which is ours, if nothing is left. */
export function safeName(name: string, fallback: string): string {
  const base = name.split(SEPARATORS).at(-1) ?? "";
  const seen = base.replace(SPACE, " ").replace(UNSEEN, "").replace(BLANK, "").replace(/ +/g, " ");
  const plain = [...seen.replace(RESERVED, "_").normalize("NFC")].map(withoutLookalike).join("");
  const short = shortened(trimmed(plain));
  if (short === "") return fallback;
  return DEVICE.test(short) ? shortened(`_${short}`) : short;
}

/** Some systems turn a full-width slash into a slash, and to a person it is one anyway. */
function withoutLookalike(character: string): string {
  if (character === ".") return character;
  return LOOKS_RESERVED.test(character.normalize("NFKC")) || /[∕⁄⧸╱∶꞉‥…․。]/u.test(character)
    ? "_"
    : character;
}

function trimmed(name: string): string {
  const inner = name.replace(/^[. ]+/u, "").replace(/[. ]+$/u, "");
  return /^[-~]/u.test(inner) ? `_${inner.slice(1)}` : inner;
}

function shortened(name: string): string {
  if (utf8(name).length <= MAX_SAFE_NAME_BYTES) return name;
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 ? name.slice(dot) : "";
  if (extension === "" || utf8(extension).length > MAX_EXTENSION_BYTES) {
    return trimmed(firstBytes(name, MAX_SAFE_NAME_BYTES));
  }
  const room = MAX_SAFE_NAME_BYTES - utf8(extension).length;
  return firstBytes(name.slice(0, dot), room) + extension;
}

/** Whole code points only. */
function firstBytes(text: string, bytes: number): string {
  let room = bytes;
  let kept = "";
  for (const character of text) {
    room -= utf8(character).length;
    if (room < 0) break;
    kept += character;
  }
  return kept;
}
