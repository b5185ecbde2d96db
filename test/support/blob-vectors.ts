/**
 * Makes test/vectors/blob.json: a recording of three chunks sealed whole, and manifests and updates of
 * every form (docs/CRYPTOGRAPHY.md 10). Randomness is test/support/seeded-random.ts with the seed named.
 */

import { concat, EMPTY, type Random, toHex, utf8 } from "../../shared/crypto/bytes.ts";
import {
  BLOB_CHUNK_DATA_BYTES,
  BlobHash,
  blobHeader,
  type Chunk,
  chunkOffset,
  generateBlobKey,
  paddedBlobBytes,
  sealChunk,
} from "../../shared/e2ee/blob.ts";
import { encodeBody, KINDS, type MessageBody, parseMessageId } from "../../shared/e2ee/content.ts";
import {
  type BlobEnd,
  type BlobPlace,
  type Media,
  type MediaPart,
  parseBlobId,
} from "../../shared/e2ee/media.ts";
import {
  formatRelayAddress,
  parseRelayHash,
  type RelayAddress,
} from "../../shared/e2ee/relay-address.ts";
import { seededRandom } from "./seeded-random.ts";

const SEED = "blob vectors";

export function blobVectors(): object {
  const random = seededRandom(SEED);
  const key = generateBlobKey(random);
  const chunks = recording(random);
  const sealed = chunks.map((chunk, index) => sealChunk(key, index, chunk, random));
  const sealedBytes = paddedBlobBytes(chunks.length);
  const padding = random(sealedBytes - chunkOffset(chunks.length));
  const hash = hashOf(blobHeader(key), ...sealed, padding);
  const dataBytes = chunks.reduce((sum, { data }) => sum + data.length, 0);
  const end: BlobEnd = { dataBytes, sealedBytes, hash };
  const part: MediaPart = { role: "whole", place: placeOf(random), key, ...end };
  return {
    origin: "made by scripts/freeze-vectors.mjs from our own code",
    page: "docs/CRYPTOGRAPHY.md, section 10; all bytes in hex",
    key: toHex(key),
    header: toHex(blobHeader(key)),
    chunks: chunks.map(({ kind, data, elapsedMs }, index) => ({
      kind,
      elapsedMs,
      used: data.length,
      nonce: toHex(sealed[index]?.subarray(0, 24) ?? EMPTY),
      hash: toHex(hashOf(sealed[index] ?? EMPTY)),
    })),
    lastChunk: { data: toHex(chunks.at(-1)?.data ?? EMPTY), sealed: toHex(sealed.at(-1) ?? EMPTY) },
    dataHash: toHex(hashOf(...chunks.map(({ data }) => data))),
    dataBytes,
    sealedBytes,
    hash: toHex(hash),
    padded: [1, 2, 3, 64, 65, 1284, 12_854, 2 ** 30].map((count) => [
      count,
      paddedBlobBytes(count),
    ]),
    contents: contentsOf(part, random).map(contentHex),
    seededRandom: { seed: toHex(utf8(SEED)), next: toHex(random(32)) },
  };
}

/** Cut as a recording is: a full chunk, the rest of its segment, and what came after. */
function recording(random: Random): readonly Chunk[] {
  return [
    { kind: "data", data: random(BLOB_CHUNK_DATA_BYTES), elapsedMs: 1000 },
    { kind: "data", data: random(300), elapsedMs: 1999 },
    { kind: "last", data: random(17), elapsedMs: 41_000 },
  ];
}

function placeOf(random: Random): BlobPlace {
  return { relay: relayOf(random), blobId: parseBlobId(random(24)) };
}

function relayOf(random: Random): RelayAddress {
  return { scheme: "https", host: "relay.example", hash: parseRelayHash(random(16)) };
}

function contentsOf(whole: MediaPart, random: Random): readonly MessageBody[] {
  const growing: MediaPart = { ...whole, dataBytes: 0, sealedBytes: 0, hash: EMPTY };
  const preview: MediaPart = {
    role: "preview",
    place: placeOf(random),
    key: generateBlobKey(random),
    dataBytes: 140_000,
    sealedBytes: paddedBlobBytes(9),
    hash: random(32),
  };
  const clip: Media = {
    name: "жаңа бейне.webm",
    type: "video/webm",
    metadata: "stripped",
    durationMs: 41_000,
    parts: [whole],
  };
  const messageId = parseMessageId(random(16));
  const { place, dataBytes, sealedBytes, hash } = whole;
  const end = { dataBytes, sealedBytes, hash, durationMs: 41_000, isCutOff: false };
  return [
    { kind: "clip", media: clip },
    { kind: "clip", media: { ...clip, durationMs: 0, parts: [growing] } },
    { kind: "photo", media: { ...clip, type: "image/jpeg", parts: [preview, whole] } },
    { kind: "voice", media: { ...clip, name: "", metadata: "none" } },
    { kind: "file", media: { ...clip, type: "", metadata: "kept" } },
    { kind: "media-update", update: { messageId, part: 0, place: null, end } },
    { kind: "media-update", update: { messageId, part: 1, place, end: null } },
    {
      kind: "media-update",
      update: { messageId, part: 0, place, end: { ...end, isCutOff: true } },
    },
  ];
}

function contentHex(body: MessageBody): object {
  if (body.kind === "unsupported") throw new TypeError("not one of ours");
  return {
    kind: body.kind,
    number: KINDS[body.kind],
    bytes: toHex(encodeBody(body)),
    ...shown(body),
  };
}

/** The fields a reader must find, as plain JSON. */
function shown(body: MessageBody): object {
  if ("media" in body) {
    const { parts, ...rest } = body.media;
    return { ...rest, parts: parts.map(partHex) };
  }
  if (body.kind !== "media-update") return {};
  const { messageId, part, place, end } = body.update;
  return {
    messageId: toHex(messageId),
    part,
    place: place === null ? null : placeHex(place),
    end:
      end === null ? null : { ...endHex(end), durationMs: end.durationMs, isCutOff: end.isCutOff },
  };
}

function partHex({ role, place, key, ...end }: MediaPart): object {
  return { role, place: placeHex(place), key: toHex(key), end: endHex(end) };
}

function placeHex({ relay, blobId }: BlobPlace): object {
  return { relay: formatRelayAddress(relay), blobId: toHex(blobId) };
}

function endHex({ dataBytes, sealedBytes, hash }: BlobEnd): object {
  return { dataBytes, sealedBytes, hash: toHex(hash) };
}

function hashOf(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = new BlobHash();
  hash.update(concat(...parts));
  return hash.digest();
}
