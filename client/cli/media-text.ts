/**
 * Clips, photos, voice messages and files in plain words, and the names they get on this disk. A name is
 * the sender's word: it is cleaned here before it meets a screen or a folder.
 */

import { assertNever } from "../../shared/crypto/errors.ts";
import type { MediaKind, ReceivedMedia, ReceivedMessage, SentMedia } from "../core/types.ts";
import { safeName } from "../media/safe-name.ts";
import { peerLine } from "./peer-text.ts";
import { durationText, positionMark, positionText, sizeText } from "./quantities.ts";
import type { Terminal } from "./terminal.ts";

export type MediaMessage = ReceivedMessage & {
  readonly kind: MediaKind;
  readonly media: ReceivedMedia;
};

const KIND_WORDS: Readonly<Record<MediaKind, string>> = {
  clip: "clip",
  photo: "photo",
  voice: "voice message",
  file: "file",
};

/** For names that came without one: a recording from a pipe has no name. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  "video/webm": "webm",
  "video/x-matroska": "mkv",
  "video/mp4": "mp4",
  "video/quicktime": "mov",
  "video/3gpp": "3gp",
  "audio/webm": "webm",
  "audio/mp4": "m4a",
  "audio/ogg": "ogg",
  "audio/mpeg": "mp3",
  "audio/wav": "wav",
  "audio/flac": "flac",
  "image/jpeg": "jpg",
  "image/png": "png",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/heic": "heic",
  "image/avif": "avif",
};

export function isMediaMessage(message: ReceivedMessage): message is MediaMessage {
  return message.media !== null;
}

export function kindWords(kind: MediaKind): string {
  return KIND_WORDS[kind];
}

/** One harmless entry of a folder, never empty. */
export function fileName(
  { name, type }: Pick<ReceivedMedia, "name" | "type">,
  kind: MediaKind,
): string {
  const safe = safeName(name, kind);
  const extension = EXTENSIONS[type];
  return safe.includes(".") || extension === undefined ? safe : `${safe}.${extension}`;
}

export const INCOMPLETE = "incomplete";

/** What stands in the name of a file that is not whole; null for one that is. */
export function gapMark(media: ReceivedMedia): string | null {
  const { state, cutOffAtMs, percent } = media;
  if (state === "complete") return null;
  if (state === "arriving") return INCOMPLETE;
  if (cutOffAtMs !== null) return `cut-off-at-${positionMark(cutOffAtMs)}`;
  return percent === null ? "cut-off" : `cut-off-at-${percent}-percent`;
}

/** `photo.png` → `photo.preview.jpg`: small copies are JPEG. */
export function previewName(name: string): string {
  const dot = name.lastIndexOf(".");
  return `${dot > 0 ? name.slice(0, dot) : name}.preview.jpg`;
}

/** What is missing in what was written, for a warning; null when nothing is. */
export function gapText({ kind, media }: MediaMessage): string | null {
  if (media.state === "complete" && media.isFetched) return null;
  const words = kindWords(kind);
  if (media.state !== "cut-off")
    return `not all of the ${words} has come yet: this is what there is`;
  return `the ${words} is ${mediaStateText(media)}: this is what came before`;
}

/** "arriving 60 %", "complete", "cut off at 0:41" */
export function mediaStateText(media: ReceivedMedia): string {
  const { state, percent, cutOffAtMs } = media;
  switch (state) {
    case "complete":
      return "complete";
    case "arriving":
      return percent === null ? "arriving" : `arriving ${percent} %`;
    case "cut-off":
      if (cutOffAtMs !== null) return `cut off at ${positionText(cutOffAtMs)}`;
      return percent === null ? "cut off" : `cut off at ${percent} %`;
    default:
      return assertNever(state);
  }
}

/** Two lines under the head of a message: what it is, and how it is fetched. */
export function receivedMediaText(message: MediaMessage, id: string, terminal: Terminal): string {
  const { kind, media } = message;
  const name = peerLine(fileName(media, kind), terminal.isScreen);
  const details = [
    name,
    ...sizeWords(media),
    ...(media.durationMs > 0 ? [`${positionText(media.durationMs)} long`] : []),
    terminal.styled(media.state === "cut-off" ? "yellow" : "bold", mediaStateText(media)),
    ...(media.isFetched ? ["fetched"] : []),
    ...removalWords(media),
  ];
  const hasPreview = media.parts.some(({ role }) => role === "preview");
  const preview = hasPreview && !media.isFetched ? " (--preview: the small copy)" : "";
  return [
    `    ${kindWords(kind)}: ${details.join(", ")}`,
    `    tumar fetch ${id} --out .${preview}`,
  ].join("\n");
}

function sizeWords({ dataBytes, parts }: ReceivedMedia): readonly string[] {
  if (dataBytes !== null) return [sizeText(dataBytes)];
  const stored = parts.find(({ role }) => role === "whole")?.storedBytes ?? 0;
  return stored === 0 ? [] : [`${sizeText(stored)} so far`];
}

function removalWords({ metadata }: Pick<ReceivedMedia, "metadata">): readonly string[] {
  switch (metadata) {
    case "kept":
      return ["location and device data not removed"];
    case "stripped":
      return ["location and device data removed"];
    case "none":
      return [];
    default:
      return assertNever(metadata);
  }
}

/** For the sender, who decides whether to send it again. */
export function metadataText({ metadata }: Pick<SentMedia, "metadata">): string {
  switch (metadata) {
    case "kept":
      return "Nothing was removed from it: location and device data are still there, if it had any.";
    case "stripped":
      return "Location and device data were removed.";
    case "none":
      return "There was no location or device data in it.";
    default:
      return assertNever(metadata);
  }
}

/** How much of ours is on the relay; null while its end is not known. */
export function storedPercent({ storedBytes, totalBytes }: SentMedia): number | null {
  if (totalBytes === null) return null;
  return totalBytes === 0
    ? 100
    : Math.floor((100 * Math.min(storedBytes, totalBytes)) / totalBytes);
}

/** "clip.webm, 60 % on the relay, 3 min left" */
export function sentMediaText(
  media: SentMedia,
  kind: MediaKind,
  leftMs: number | null,
  terminal: Terminal,
): string {
  const percent = storedPercent(media);
  const onRelay =
    percent === null
      ? `${sizeText(media.storedBytes)} of ${sizeText(media.sealedBytes)} so far on the relay`
      : `${percent} % on the relay`;
  return [
    peerLine(fileName(media, kind), terminal.isScreen),
    ...(media.totalBytes === null ? [] : [sizeText(media.totalBytes)]),
    ...(media.isCutOff ? ["the recording broke off"] : []),
    ...(media.isLost ? ["lost before all of it was sealed: send it again"] : []),
    onRelay,
    ...(leftMs === null ? [] : [`${durationText(leftMs)} left`]),
  ].join(", ");
}
