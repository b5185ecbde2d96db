/**
 * The manifest of a message with media. It names the place of its blobs, which is known when it is
 * sealed: its draft has no body yet.
 */

import { EMPTY } from "../../shared/crypto/bytes.ts";
import { type Content, KINDS, type MessageBody } from "../../shared/e2ee/content.ts";
import type { GrantPlace } from "../../shared/e2ee/grant.ts";
import { type BlobPlace, type MediaPart, parseBlobId } from "../../shared/e2ee/media.ts";
import { formatRelayAddress, parseRelayAddress } from "../../shared/e2ee/relay-address.ts";
import { blobIdOf } from "../../shared/wire/ids.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { getSentMedia, putSentPart, type SentPartRow, sentPartsOf } from "./state/sent-media.ts";
import type { MediaKind } from "./types.ts";

/** Blobs live as long as the envelopes that name them. */
export const BLOB_LIFE_DAYS = 30;

export const MEDIA_KINDS: readonly MediaKind[] = ["clip", "photo", "voice", "file"];

export function isMediaKind(kind: string): kind is MediaKind {
  return MEDIA_KINDS.some((one) => one === kind);
}

/** Content of this kind without its body. */
export function manifestDraft(kind: MediaKind): MessageBody {
  return { kind: "unsupported", number: KINDS[kind], bytes: EMPTY };
}

/** The content as it is sealed; undefined for a manifest whose keys were forgotten. */
export function withManifest(
  tx: VaultTransaction,
  core: Core,
  content: Content,
  places: readonly GrantPlace[],
): Content | undefined {
  const { body, messageId } = content;
  if (body.kind !== "unsupported") return content;
  const kind = MEDIA_KINDS.find((one) => KINDS[one] === body.number);
  if (kind === undefined || body.bytes.length > 0) return content;
  const row = getSentMedia(tx, messageId);
  if (row === undefined) return undefined;
  placeParts(tx, core, messageId, places);
  const { name, type, metadata, durationMs, isLive } = row;
  const known = sentPartsOf(tx, messageId);
  const parts = known.flatMap(([, part]) => manifestPart(part, isLive) ?? []);
  if (parts.length === 0 || parts.length < known.length) return undefined;
  return { ...content, body: { kind, media: { name, type, metadata, durationMs, parts } } };
}

/** Of a live one the end is told by an update alone, so that a manifest says the same whenever it is sealed. */
function manifestPart(part: SentPartRow, isLive: boolean): MediaPart | undefined {
  const { role, key, dataBytes, sealedBytes, hash } = part;
  if (key === null) return undefined;
  const end = isLive
    ? { dataBytes: 0, sealedBytes: 0, hash: EMPTY }
    : { dataBytes, sealedBytes, hash };
  return { role, key, place: blobPlace(part), ...end };
}

export function blobPlace({ relay, uploadId }: SentPartRow): BlobPlace {
  return { relay: parseRelayAddress(relay), blobId: parseBlobId(blobIdOf(uploadId)) };
}

/** All parts go to the best place there is when the manifest is sealed first. */
function placeParts(
  tx: VaultTransaction,
  core: Core,
  id: Uint8Array,
  places: readonly GrantPlace[],
): void {
  const [best] = places;
  if (best === undefined) return;
  for (const [part, row] of sentPartsOf(tx, id)) {
    if (row.relay !== "") continue;
    const expiryDay = core.time.day() + BLOB_LIFE_DAYS;
    putSentPart(tx, id, part, { ...row, ...addressOf(best), expiryDay });
  }
}

export function addressOf(place: GrantPlace): Pick<SentPartRow, "relay" | "depositId"> {
  return { relay: formatRelayAddress(place.relay), depositId: place.depositId };
}
