/**
 * What a file is, told by its first bytes and never by its name.
 *
 * `form` says which container it is, and so what can clean it; `type` is the MIME type the receiver is told.
 */

import { ascii } from "./bytes.ts";

export const SNIFF_BYTES = 64;

export type MediaForm =
  | "jpeg"
  | "png"
  | "webp"
  | "other-photo"
  | "isobmff"
  | "matroska"
  | "ogg"
  | "mp3"
  | "wav"
  | "flac"
  | "other-recording";

export interface MediaFormat {
  readonly form: MediaForm;
  readonly type: string;
  /** Few bytes say so: of a thousand files that are something else one begins like this. */
  readonly isGuess: boolean;
}

interface Sign {
  readonly form: MediaForm;
  readonly type: string;
  readonly isGuess?: true;
  readonly isSign: (head: Uint8Array) => boolean;
}

const at =
  (offset: number, ...texts: readonly string[]) =>
  (head: Uint8Array): boolean =>
    texts.some((text) => ascii(head, offset, text.length) === text);

const both =
  (...signs: readonly ((head: Uint8Array) => boolean)[]) =>
  (head: Uint8Array): boolean =>
    signs.every((isSign) => isSign(head));

const brand = (...brands: readonly string[]) => both(at(4, "ftyp"), at(8, ...brands));

const sync =
  (mask: number, value: number) =>
  (head: Uint8Array): boolean =>
    head[0] === 0xff && ((head[1] ?? 0) & mask) === value && (head[2] ?? 0xff) !== 0xff;

/** In order: a narrower sign before a wider one. */
const SIGNS: readonly Sign[] = [
  { form: "jpeg", type: "image/jpeg", isSign: at(0, "\xff\xd8\xff") },
  { form: "png", type: "image/png", isSign: at(0, "\x89PNG\r\n\x1a\n") },
  { form: "webp", type: "image/webp", isSign: both(at(0, "RIFF"), at(8, "WEBP")) },
  { form: "other-photo", type: "image/gif", isSign: at(0, "GIF87a", "GIF89a") },
  { form: "other-photo", type: "image/tiff", isSign: at(0, "II*\0", "MM\0*", "II+\0", "MM\0+") },
  { form: "other-photo", type: "image/avif", isSign: brand("avif", "avis") },
  {
    form: "other-photo",
    type: "image/heic",
    isSign: brand("heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"),
  },
  {
    form: "other-photo",
    type: "image/jxl",
    isGuess: true,
    isSign: at(0, "\xff\x0a", "\0\0\0\x0cJXL "),
  },
  { form: "other-photo", type: "image/jp2", isSign: at(0, "\0\0\0\x0cjP  ") },
  {
    form: "other-photo",
    type: "image/bmp",
    isGuess: true,
    isSign: both(at(0, "BM"), at(6, "\0\0\0\0")),
  },
  { form: "isobmff", type: "audio/mp4", isSign: brand("M4A ", "M4B ", "F4A ") },
  { form: "isobmff", type: "video/quicktime", isSign: brand("qt  ") },
  { form: "isobmff", type: "video/3gpp", isSign: brand("3gp", "3gg", "3ge", "3gr", "3gs") },
  { form: "isobmff", type: "video/3gpp2", isSign: brand("3g2") },
  { form: "isobmff", type: "video/mp4", isSign: at(4, "ftyp", "styp") },
  { form: "isobmff", type: "video/quicktime", isSign: at(4, "moov", "mdat", "wide", "pnot") },
  {
    form: "matroska",
    type: "video/webm",
    isSign: both(at(0, "\x1aE\xdf\xa3"), hasDocType("webm")),
  },
  { form: "matroska", type: "video/x-matroska", isSign: at(0, "\x1aE\xdf\xa3") },
  { form: "ogg", type: "audio/ogg", isSign: at(0, "OggS") },
  { form: "wav", type: "audio/wav", isSign: both(at(0, "RIFF", "RF64"), at(8, "WAVE")) },
  { form: "flac", type: "audio/flac", isSign: at(0, "fLaC") },
  { form: "mp3", type: "audio/mpeg", isSign: at(0, "ID3") },
  { form: "other-recording", type: "video/x-msvideo", isSign: both(at(0, "RIFF"), at(8, "AVI ")) },
  { form: "other-recording", type: "video/x-flv", isSign: at(0, "FLV\x01") },
  { form: "other-recording", type: "video/x-ms-asf", isSign: at(0, "0&\xb2u\x8ef\xcf\x11") },
  { form: "other-recording", type: "video/mpeg", isSign: at(0, "\0\0\x01\xba", "\0\0\x01\xb3") },
  { form: "other-recording", type: "audio/amr", isSign: at(0, "#!AMR") },
  { form: "other-recording", type: "audio/x-caf", isSign: at(0, "caff\0\x01") },
  { form: "other-recording", type: "audio/aiff", isSign: both(at(0, "FORM"), at(8, "AIF")) },
  { form: "other-recording", type: "audio/aac", isGuess: true, isSign: sync(0xf6, 0xf0) },
  { form: "mp3", type: "audio/mpeg", isGuess: true, isSign: sync(0xe6, 0xe2) },
];

/** The EBML header is short, and its document type stands in it as plain text. */
function hasDocType(docType: string): (head: Uint8Array) => boolean {
  return (head) => ascii(head, 0, SNIFF_BYTES).includes(docType);
}

/** Null when it is none of the photos and recordings known here. */
export function sniff(head: Uint8Array): MediaFormat | null {
  const sign = SIGNS.find(({ isSign }) => isSign(head));
  if (sign === undefined) return null;
  const { form, type, isGuess = false } = sign;
  return { form, type, isGuess };
}

export function isPhoto({ type }: MediaFormat): boolean {
  return type.startsWith("image/");
}

/** A recording without pictures; one of its name may hold pictures nonetheless. */
export function isSoundOnly({ type }: MediaFormat): boolean {
  return type.startsWith("audio/");
}

/** There is a cleaner for it (forms.ts). */
export function isCleanable({ form }: MediaFormat): boolean {
  return form !== "other-photo" && form !== "other-recording";
}
