/**
 * What is done to a photo, clip, voice recording or file before it is sealed: its metadata is removed unless the
 * person keeps it on purpose, and a photo gets a small copy that goes first.
 *
 * What is seen and heard is never encoded anew. What cannot be cleaned is refused and not sent as it is
 * (docs/adr/0020-cleaning-media.md has the choices, docs/THREAT-MODEL.md what cleaning cannot remove).
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import { type Cleaner, cleaned, notRemovable, type Scan, scan } from "./cleaner.ts";
import { MAX_PHOTO_COPY_BYTES, type PhotoCopy } from "./photo-copy.ts";
import { safeName } from "./safe-name.ts";
import {
  isCleanable,
  isPhoto,
  isSoundOnly,
  type MediaFormat,
  SNIFF_BYTES,
  sniff,
} from "./sniff.ts";
import {
  again,
  type Beginning,
  beginningOf,
  buffered,
  fileBytes,
  gathered,
  isMediaFile,
  type MediaFile,
  type MediaSource,
} from "./source.ts";

export type MediaKind = "clip" | "photo" | "voice" | "file";

export interface PrepareOptions {
  readonly kind: MediaKind;
  readonly source: MediaSource;
  readonly name: string;
  readonly keepMetadata: boolean;
  /** The source grows while it is read; it is cleaned on the way. */
  readonly isLive: boolean;
  readonly makePreview?: PhotoCopy | undefined;
}

export interface PreparedMedia {
  /** MIME type, "" if it is not known. */
  readonly type: string;
  readonly name: string;
  /** "none": there was nothing to remove. A live stream that is cleaned on the way is "stripped". */
  readonly metadata: "none" | "stripped" | "kept";
  /** 0 if it is not known. */
  readonly durationMs: number;
  /** Tracks that were left out because they are neither picture nor sound: a trace of positions, for example. */
  readonly droppedTracks: number;
  /** A JPEG of at most 150,000 bytes, of photos only. */
  readonly preview: Uint8Array | null;
  /** Read once, in bounded memory. It may end with an error: what came before is whole. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Null while it is not known. */
  readonly size: number | null;
}

/** A photo is in memory as a whole while its small copy is made. */
const MAX_PHOTO_BYTES = 64 * 1024 * 1024;

/** @throws TumarError MEDIA_TYPE, METADATA_NOT_REMOVABLE, or what the source rejects with */
export async function prepareMedia(options: PrepareOptions): Promise<PreparedMedia> {
  const { source } = options;
  if (isMediaFile(source)) {
    const format = formatOf(options, await source.read(0, SNIFF_BYTES));
    return await prepareFile(options, format, source);
  }
  const beginning = await beginningOf(source, SNIFF_BYTES);
  try {
    return await prepareBeginning(options, beginning);
  } catch (error) {
    await beginning.close();
    throw error;
  }
}

async function prepareBeginning(
  options: PrepareOptions,
  { head, stream }: Beginning,
): Promise<PreparedMedia> {
  const format = formatOf(options, head);
  if (format === null || !isPhoto(format)) return await prepareStream(options, format, stream);
  const photo = await gathered(stream, MAX_PHOTO_BYTES);
  if (photo === null) throw notRemovable("it is larger than any photo");
  return await prepareFile(options, format, photo);
}

/** Sent as a photo, a document would be shown as one; sent as a voice, a clip would show a face. */
function formatOf({ kind }: PrepareOptions, head: Uint8Array): MediaFormat | null {
  // Nothing at all is the caller's to refuse.
  if (head.length === 0) return null;
  const format = sniff(head);
  if (kind === "file") return format?.isGuess === true ? null : format;
  if (format === null) throw new TumarError("MEDIA_TYPE", `this is no ${kind} known here`);
  if ((kind === "photo") !== isPhoto(format) || (kind === "clip" && isSoundOnly(format))) {
    throw new TumarError("MEDIA_TYPE", `this is no ${kind} but ${format.type}`);
  }
  return format;
}

async function prepareFile(
  options: PrepareOptions,
  format: MediaFormat | null,
  file: MediaFile,
): Promise<PreparedMedia> {
  const known = toBeCleaned(options, format);
  const prepared =
    known === null
      ? kept(options, format, fileBytes(file), file.size)
      : await cleanFile(options, known, file);
  if (options.kind !== "photo" || format === null) return prepared;
  return { ...prepared, preview: await smallCopy(options, format, file, prepared.size) };
}

/** Null if it is sent as it is: nobody expects a document, or a file that nothing here can clean, to be changed. */
function toBeCleaned(
  { kind, keepMetadata }: PrepareOptions,
  format: MediaFormat | null,
): MediaFormat | null {
  if (keepMetadata || format === null) return null;
  return kind === "file" && !isCleanable(format) ? null : format;
}

async function cleanFile(
  options: PrepareOptions,
  format: MediaFormat,
  original: MediaFile,
): Promise<PreparedMedia> {
  const source = buffered(original);
  const file = format.form === "isobmff" ? await indexFirst(source) : source;
  const first = await cleanerOf(format);
  const found = await scan(file, first);
  checkTracks(options, found);
  const isUntouched = !found.isFound && file === source;
  const second = await cleanerOf(format, first);
  return {
    ...described(options, format, found),
    metadata: found.isFound ? "stripped" : "none",
    stream: isUntouched ? fileBytes(original) : cleaned(fileBytes(file), second),
    size: found.size,
  };
}

/** Waits until it is known which tracks there are; the rest is cleaned as it comes. */
async function prepareStream(
  options: PrepareOptions,
  format: MediaFormat | null,
  stream: AsyncIterable<Uint8Array>,
): Promise<PreparedMedia> {
  const known = toBeCleaned(options, format);
  if (known === null) return kept(options, format, stream, null);
  const cleaner = await cleanerOf(known);
  const pieces = cleaned(stream, cleaner);
  const seen: Uint8Array[] = [];
  while (!cleaner.isBegun) {
    const piece = await pieces.next();
    if (piece.done === true) throw notRemovable("it broke off before its first picture or sound");
    seen.push(piece.value);
  }
  checkTracks(options, cleaner);
  return {
    ...described(options, known, { ...tracksOf(cleaner), durationMs: 0 }),
    metadata: "stripped",
    stream: again(seen, pieces),
    size: null,
  };
}

/** The readers of containers are loaded when the first recording or photo is sent: most starts need none. */
async function cleanerOf({ form, type }: MediaFormat, before?: Cleaner): Promise<Cleaner> {
  const { cleanerFor } = await import("./forms.ts");
  const cleaner = cleanerFor(form, before);
  if (cleaner === null) throw notRemovable(`it is ${type}`);
  return cleaner;
}

async function indexFirst(file: MediaFile): Promise<MediaFile> {
  const { withIndexFirst } = await import("./movie.ts");
  return await withIndexFirst(file);
}

function checkTracks({ kind }: PrepareOptions, { hasPicture }: Tracks): void {
  if (kind === "voice" && hasPicture) {
    throw new TumarError("MEDIA_TYPE", "this is no voice recording: it has pictures");
  }
}

type Tracks = Pick<Scan, "droppedTracks" | "hasPicture" | "durationMs">;

function tracksOf({ droppedTracks, hasPicture, durationMs }: Tracks): Tracks {
  return { droppedTracks, hasPicture, durationMs };
}

const MAX_DURATION_MS = 0xffffffff;

function described(
  { kind, name }: PrepareOptions,
  { type }: MediaFormat,
  { droppedTracks, hasPicture, durationMs }: Tracks,
): Omit<PreparedMedia, "metadata" | "stream" | "size"> {
  return {
    type: hasPicture ? type : (SOUND_TYPES[type] ?? type),
    name: safeName(name, kind),
    durationMs: Math.min(durationMs, MAX_DURATION_MS),
    droppedTracks,
    preview: null,
  };
}

/** What these are called when there is no picture in them. */
const SOUND_TYPES: Readonly<Record<string, string>> = {
  "video/webm": "audio/webm",
  "video/x-matroska": "audio/x-matroska",
  "video/mp4": "audio/mp4",
  "video/3gpp": "audio/3gpp",
  "video/3gpp2": "audio/3gpp2",
};

function kept(
  options: PrepareOptions,
  format: MediaFormat | null,
  stream: AsyncIterable<Uint8Array>,
  size: number | null,
): PreparedMedia {
  const tracks = { droppedTracks: 0, hasPicture: options.kind !== "voice", durationMs: 0 };
  const known = format ?? NOTHING_KNOWN;
  return { ...described(options, known, tracks), metadata: "kept", stream, size };
}

const NOTHING_KNOWN: MediaFormat = { form: "other-recording", type: "", isGuess: true };

/** Null where it would not be smaller than the photo itself, or nothing here can decode it. */
async function smallCopy(
  { makePreview }: PrepareOptions,
  { form }: MediaFormat,
  file: MediaFile,
  size: number | null,
): Promise<Uint8Array | null> {
  if (makePreview === undefined || (size !== null && size <= MAX_PHOTO_COPY_BYTES)) return null;
  if (file.size > MAX_PHOTO_BYTES) return null;
  try {
    const photo = await file.read(0, file.size);
    return await Promise.resolve(makePreview(photo));
  } catch (error) {
    if (form === "other-photo" && error instanceof TumarError) return null;
    throw error;
  }
}
