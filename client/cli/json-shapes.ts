/**
 * The objects that `--json` prints, one per line. Their fields are a contract (docs/CLI.md): one may be
 * added, none changes its meaning. Identities and ids are lower-case base32, times ISO 8601 UTC.
 */

import { toBase32, toBase64Url } from "../../shared/crypto/bytes.ts";
import type {
  Contact,
  Lane,
  MediaState,
  NewIdentity,
  OutboxItem,
  OutgoingState,
  OwnRelay,
  ReadSummary,
  ReceivedMedia,
  ReceivedMediaPart,
  ReceivedMessage,
  SentMedia,
  SentMessage,
  StoredReceipt,
} from "../core/types.ts";
import type { Fetched } from "./fetch-media.ts";
import { fileName, isMediaMessage, type MediaMessage, storedPercent } from "./media-text.ts";

export interface IdentityJson {
  readonly identity: string;
  /** 8 words, a space between. */
  readonly phrase: string;
  /** The same as 8 groups of 4 digits. */
  readonly digits: string;
}

export interface ContactJson {
  /** null for somebody who wrote first and was not added. */
  readonly name: string | null;
  readonly identity: string;
  readonly verified: boolean;
  readonly identityChanged: boolean;
  /** False while neither their card nor a session is known. */
  readonly reachable: boolean;
}

export interface SafetyNumberJson {
  /** 60 digits without spaces: a script compares, it does not read aloud. */
  readonly safetyNumber: string;
}

export interface RelayJson {
  readonly address: string;
  readonly stage: OwnRelay["stage"];
  readonly up: boolean;
  /** When it last answered; null = never. */
  readonly reachedAt: string | null;
  readonly transport: OwnRelay["transport"];
  /** Host of the door in use; null without one. */
  readonly door: string | null;
  readonly trying: string;
  readonly doors: readonly string[];
  readonly holds: OwnRelay["holds"];
}

export interface ReceivedJson {
  readonly id: string;
  readonly from: string | null;
  readonly identity: string;
  readonly kind: ReceivedMessage["kind"];
  readonly text: string;
  /** The sender's hour. */
  readonly at: string;
  /** The sender was told that a person has read it. */
  readonly read: boolean;
  /** null for what is no clip, photo, voice message or file. */
  readonly media: ReceivedMediaJson | null;
}

export interface ReceivedMediaJson {
  /** Cleaned: one harmless name of a file. */
  readonly name: string;
  /** MIME type by the sender's word, "" if they do not know. */
  readonly type: string;
  /** What the sender did about location and device data in it. */
  readonly metadata: ReceivedMedia["metadata"];
  readonly state: MediaState;
  /** At the relay or here; null while its end is not known. */
  readonly percent: number | null;
  /** Place in the recording; null when it is not cut off, or nobody knows. */
  readonly cutOffAtMs: number | null;
  /** Length of the recording; null = not known. */
  readonly durationMs: number | null;
  /** Of the file; null while it grows. */
  readonly bytes: number | null;
  /** At the relay, sealed and padded. */
  readonly storedBytes: number;
  /** Here and verified, sealed and padded. */
  readonly fetchedBytes: number;
  readonly fetched: boolean;
  readonly preview: boolean;
}

/** What `fetch` wrote. */
export interface FetchedJson {
  readonly id: string;
  readonly kind: MediaMessage["kind"];
  readonly part: ReceivedMediaPart["role"];
  /** null for standard output. */
  readonly file: string | null;
  readonly type: string;
  readonly metadata: ReceivedMedia["metadata"];
  readonly state: MediaState;
  readonly cutOffAtMs: number | null;
  /** Written. */
  readonly bytes: number;
  /** By the sender's word; null when they never told the end. */
  readonly expectedBytes: number | null;
}

/** One for each id given to `read`. */
export interface ReadJson {
  readonly id: string;
  readonly sender: "told" | "told-before" | "not-told";
}

export interface ReceiptJson {
  readonly relay: string;
  /** The relay's hour. */
  readonly hour: string;
  readonly envelope: string;
  /** base64url of the signed receipt, for whoever verifies it later. */
  readonly proof: string;
}

export interface SentJson {
  readonly id: string;
  readonly state: OutgoingState;
  /** As soon as there is one. */
  readonly receipt?: ReceiptJson;
  /** Of a clip, photo, voice message or file. */
  readonly media?: SentMediaJson;
}

export interface SentMediaJson {
  readonly name: string;
  readonly type: string;
  readonly metadata: SentMedia["metadata"];
  readonly durationMs: number | null;
  /** It is, or was, recorded while it was sent. */
  readonly live: boolean;
  /** All of it is sealed beside the vault: nothing else is needed to send it. */
  readonly sealed: boolean;
  readonly cutOff: boolean;
  /** It was never sealed to its end, and nothing of it can be sent any more. */
  readonly lost: boolean;
  /** On the relay; null while its end is not known. */
  readonly percent: number | null;
  /** All sealed and padded. */
  readonly sealedBytes: number;
  readonly storedBytes: number;
  readonly totalBytes: number | null;
}

export interface OutgoingJson {
  readonly id: string;
  readonly to: string | null;
  readonly identity: string;
  readonly kind: SentMessage["kind"];
  readonly lane: Lane;
  readonly state: OutgoingState;
  readonly text: string;
  readonly at: string;
  /** By this device's clock. */
  readonly writtenAt: string;
  readonly media: SentMediaJson | null;
}

export interface OutboxJson extends OutgoingJson {
  readonly waitingFor: string;
  /** What is being tried now; null while nothing is. */
  readonly trying: string | null;
  /** What stands in the way of that: one of client/net/words.ts, for other languages. */
  readonly hindrance: string | null;
  readonly nextTryMs: number | null;
  /** null while no relay was chosen for it. */
  readonly expiresAt: string | null;
}

export function relayJson(relay: OwnRelay): RelayJson {
  const { address, stage, isUp, reachedAt, transport, door, trying, doors, holds } = relay;
  return {
    address,
    stage,
    up: isUp,
    reachedAt: reachedAt === null ? null : isoTime(reachedAt),
    transport,
    door: door === "" ? null : door,
    trying,
    doors,
    holds,
  };
}

export function identityJson(created: NewIdentity): IdentityJson {
  const { identity, phrase, digits } = created;
  return { identity: toBase32(identity), phrase, digits };
}

export function contactJson(contact: Contact): ContactJson {
  return {
    name: contact.name,
    identity: toBase32(contact.identity),
    verified: contact.isVerified,
    identityChanged: contact.isIdentityChanged,
    reachable: contact.isReachable,
  };
}

export function safetyNumberJson(safetyNumber: string): SafetyNumberJson {
  return { safetyNumber: safetyNumber.replaceAll(" ", "") };
}

export function receivedJson(message: ReceivedMessage): ReceivedJson {
  const { id, from, identity, kind, text, at, isRead } = message;
  const head = { id: toBase32(id), from, identity: toBase32(identity) };
  const media = isMediaMessage(message) ? receivedMediaJson(message) : null;
  return { ...head, kind, text, at: isoTime(at), read: isRead, media };
}

function receivedMediaJson({ kind, media }: MediaMessage): ReceivedMediaJson {
  const { type, metadata, state, percent, cutOffAtMs, durationMs, dataBytes, parts } = media;
  const whole = parts.find(({ role }) => role === "whole");
  return {
    name: fileName(media, kind),
    type,
    metadata,
    state,
    percent,
    cutOffAtMs,
    durationMs: durationMs === 0 ? null : durationMs,
    bytes: dataBytes,
    storedBytes: whole?.storedBytes ?? 0,
    fetchedBytes: whole?.fetchedBytes ?? 0,
    fetched: media.isFetched,
    preview: parts.some(({ role }) => role === "preview"),
  };
}

export function fetchedJson({ message, part, path, bytes }: Fetched): FetchedJson {
  const { id, kind, media } = message;
  const { type, metadata } = media;
  const isPreview = part === "preview";
  return {
    id: toBase32(id),
    kind,
    part,
    file: path,
    type: isPreview ? "image/jpeg" : type,
    metadata,
    state: isPreview ? "complete" : media.state,
    cutOffAtMs: isPreview ? null : media.cutOffAtMs,
    bytes,
    expectedBytes: isPreview ? bytes : media.dataBytes,
  };
}

export function sentJson(message: SentMessage): SentJson {
  const { id, state, receipt } = message;
  const media = sentMediaJson(message);
  return {
    id: toBase32(id),
    state,
    ...(receipt === null ? {} : { receipt: receiptJson(receipt) }),
    ...(media === null ? {} : { media }),
  };
}

function sentMediaJson({ kind, media }: SentMessage): SentMediaJson | null {
  if (media === null || kind === "text" || kind === "alert") return null;
  const { type, metadata, durationMs, isLive, isSealed, isCutOff, isLost, ...bytes } = media;
  const { sealedBytes, storedBytes, totalBytes } = bytes;
  return {
    name: fileName(media, kind),
    type,
    metadata,
    durationMs: durationMs === 0 ? null : durationMs,
    live: isLive,
    sealed: isSealed,
    cutOff: isCutOff,
    lost: isLost,
    percent: storedPercent(media),
    sealedBytes,
    storedBytes,
    totalBytes,
  };
}

export function outgoingJson(message: SentMessage): OutgoingJson {
  const { to, kind, lane, state, text } = message;
  const [id, identity] = [toBase32(message.id), toBase32(message.identity)];
  const [at, writtenAt] = [isoTime(message.at), isoTime(message.writtenAt)];
  const media = sentMediaJson(message);
  return { id, to, identity, kind, lane, state, text, at, writtenAt, media };
}

export function outboxJson(item: OutboxItem): OutboxJson {
  const { waitingFor, trying, expiresAt } = item;
  return {
    ...outgoingJson(item),
    waitingFor,
    trying: trying?.words ?? null,
    hindrance: trying?.hindrance ?? null,
    nextTryMs: trying?.nextTryMs ?? null,
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
  };
}

/** In the order told now, told before, not told. */
export function readJson({ told, toldBefore, untold }: ReadSummary): readonly ReadJson[] {
  const lines = (ids: readonly Uint8Array[], sender: ReadJson["sender"]) =>
    ids.map((id): ReadJson => ({ id: toBase32(id), sender }));
  return [
    ...lines(told, "told"),
    ...lines(toldBefore, "told-before"),
    ...lines(untold, "not-told"),
  ];
}

function receiptJson(receipt: StoredReceipt): ReceiptJson {
  return {
    relay: receipt.relay,
    hour: isoTime(receipt.hour),
    envelope: toBase32(receipt.envelopeId),
    proof: toBase64Url(receipt.proof),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
