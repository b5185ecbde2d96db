/** Any manifest and any update of one, as an honest sender may write them. */

import fc from "fast-check";
import { EMPTY, utf8 } from "../../shared/crypto/bytes.ts";
import {
  BLOB_CHUNK_DATA_BYTES,
  type BlobKey,
  paddedBlobBytes,
  parseBlobKey,
} from "../../shared/e2ee/blob.ts";
import { parseMessageId } from "../../shared/e2ee/content.ts";
import {
  type BlobEnd,
  type BlobPlace,
  MAX_DURATION_MS,
  METADATA_STATES,
  type Media,
  type MediaPart,
  type MediaUpdate,
  type PartRole,
  parseBlobId,
} from "../../shared/e2ee/media.ts";
import { parseRelayHash } from "../../shared/e2ee/relay-address.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const record = <T>(fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;

const keys: fc.Arbitrary<BlobKey> = bytes(32).map(parseBlobKey);

const places: fc.Arbitrary<BlobPlace> = fc.tuple(bytes(16), bytes(24)).map(([hash, id]) => ({
  relay: { scheme: "https", host: "relay.example:8443", hash: parseRelayHash(hash) },
  blobId: parseBlobId(id),
}));

/** Full chunks as of a file, or any number of short ones as of a recording. */
const ends: fc.Arbitrary<BlobEnd> = fc
  .tuple(fc.nat(2 ** 40), fc.nat(1000), bytes(32))
  .map(([dataBytes, shortChunks, hash]) => {
    const least = Math.max(1, Math.ceil(dataBytes / BLOB_CHUNK_DATA_BYTES));
    const chunks = Math.min(least + shortChunks, dataBytes + 1);
    return { dataBytes, sealedBytes: paddedBlobBytes(chunks), hash };
  });

const growing = fc.constant<BlobEnd>({ dataBytes: 0, sealedBytes: 0, hash: EMPTY });

function parts(role: PartRole, end: fc.Arbitrary<BlobEnd>): fc.Arbitrary<MediaPart> {
  return fc.tuple(places, keys, end).map(([place, key, known]) => ({ role, place, key, ...known }));
}

const wholes = parts("whole", fc.oneof(ends, growing));

export const medias: fc.Arbitrary<Media> = record<Media>({
  name: fc.string({ unit: "binary", maxLength: 255 }).filter((name) => utf8(name).length <= 255),
  type: fc.constantFrom("", "video/webm", "image/jpeg", "application/vnd.a+json"),
  metadata: fc.constantFrom(...METADATA_STATES),
  durationMs: fc.integer({ min: 0, max: 0xffff_ffff }),
  parts: fc.oneof(
    wholes.map((whole) => [whole]),
    fc.tuple(parts("preview", ends), wholes).map(([preview, whole]) => [preview, whole]),
  ),
});

export const mediaUpdates: fc.Arbitrary<MediaUpdate> = record<MediaUpdate>({
  messageId: bytes(16).map(parseMessageId),
  part: fc.constantFrom(0, 1),
  place: fc.option(places),
  end: fc.option(
    fc
      .tuple(ends, fc.nat(MAX_DURATION_MS), fc.boolean())
      .map(([end, durationMs, isCutOff]) => ({ ...end, durationMs, isCutOff })),
  ),
}).filter(({ place, end }) => place !== null || end !== null);
