/**
 * What is done to a photo, clip, voice recording or file before it is sealed: its metadata is removed unless the
 * person keeps it on purpose, and a photo gets a small copy that goes first.
 *
 * What is seen and heard is never encoded anew. What cannot be cleaned is refused and not sent as it is
 * (docs/adr/0020-cleaning-media.md has the choices, docs/THREAT-MODEL.md what cleaning cannot remove).
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { PhotoCopy } from "./photo-copy.ts";
import { safeName } from "./safe-name.ts";
import { isPhoto, isSoundOnly, type MediaFormat, SNIFF_BYTES, sniff } from "./sniff.ts";
import { beginningOf, fileBytes, isMediaFile, type MediaSource } from "./source.ts";

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
  /** A JPEG of at most 150,000 bytes, of photos only. */
  readonly preview: Uint8Array | null;
  /** Read once, in bounded memory. It may end with an error: what came before is whole. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Null while it is not known. */
  readonly size: number | null;
}

/** @throws TumarError MEDIA_TYPE, METADATA_NOT_REMOVABLE */
export async function prepareMedia(options: PrepareOptions): Promise<PreparedMedia> {
  const { kind, source } = options;
  if (isMediaFile(source)) {
    const format = sniff(await source.read(0, SNIFF_BYTES));
    checkKind(kind, format);
    return untouched(options, format, fileBytes(source), source.size);
  }
  const { head, stream } = await beginningOf(source, SNIFF_BYTES);
  const format = sniff(head);
  checkKind(kind, format);
  return untouched(options, format, stream, null);
}

function untouched(
  { kind, name }: PrepareOptions,
  format: MediaFormat | null,
  stream: AsyncIterable<Uint8Array>,
  size: number | null,
): PreparedMedia {
  return {
    type: format?.type ?? "",
    name: safeName(name, kind),
    metadata: "kept",
    durationMs: 0,
    preview: null,
    stream,
    size,
  };
}

/** Sent as a photo, a document would be shown as one; sent as a voice, a clip would show a face. */
function checkKind(kind: MediaKind, format: MediaFormat | null): void {
  if (kind === "file") return;
  if (format === null) throw new TumarError("MEDIA_TYPE", `this is no ${kind} known here`);
  if ((kind === "photo") !== isPhoto(format) || (kind === "clip" && isSoundOnly(format))) {
    throw new TumarError("MEDIA_TYPE", `this is no ${kind}: it is ${format.type}`);
  }
}
