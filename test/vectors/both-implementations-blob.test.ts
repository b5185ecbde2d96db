/**
 * Blobs and manifests (section 10) in the second implementation: it makes the frozen blob again from
 * its random bytes, reads every frozen manifest, and agrees with the first on what either seals.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { TumarError } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import {
  BlobHash,
  blobHeader,
  generateBlobKey,
  openChunk,
  paddedBlobBytes,
  sealChunk,
} from "../../shared/e2ee/blob.ts";
import { decodeBody } from "../../shared/e2ee/content.ts";
import {
  blobHash,
  header,
  openBlob,
  openPiece,
  type Piece,
  paddedSize,
  sealPiece,
} from "../second/blob.ts";
import { concat, fromHex, hex } from "../second/bytes.ts";
import { type Body, openBody } from "../second/content.ts";
import type { End, Part, Place } from "../second/media.ts";
import { RandomStream } from "../second/random-stream.ts";
import { Refused } from "../second/refused.ts";
import { relayText } from "../second/relay-address.ts";
import { blobVectors, flipped, refusesFlips } from "../second/transcripts.ts";

const vector = blobVectors();
const key = fromHex(vector.key);
/** A chunk is 16 KiB, and the second implementation is slow on purpose. */
const RUNS = { numRuns: 25 };

/** The frozen blob from its random bytes, in the order the page gives. */
function remade(): { readonly blob: Uint8Array; readonly stream: RandomStream } {
  const stream = new RandomStream(fromHex(vector.seededRandom.seed));
  assert.equal(hex(stream.take(32)), vector.key);
  const pieces = vector.chunks.map(
    ({ kind, elapsedMs, used }): Piece => ({
      isLast: kind === "last",
      elapsedMs,
      data: stream.take(used),
    }),
  );
  const sealed = pieces.map((piece, index) => sealPiece(key, index, piece, stream.take(24)));
  const bare = concat(header(key), ...sealed);
  return { blob: concat(bare, stream.take(paddedSize(pieces.length) - bare.length)), stream };
}

function placeHex({ relay, blobId }: Place): object {
  return { relay: relayText(relay), blobId: hex(blobId) };
}

function endHex({ dataBytes, sealedBytes, hash }: End): object {
  return { dataBytes, sealedBytes, hash: hex(hash) };
}

function partHex({ role, place, key: partKey, end }: Part): object {
  return { role, place: placeHex(place), key: hex(partKey), end: endHex(end) };
}

/** In the words of the vectors. */
function shown(body: Body): object {
  if ("manifest" in body) {
    return { ...body.manifest, parts: body.manifest.parts.map(partHex) };
  }
  assert.ok(body.kind === "media-update");
  const { messageId, part, place, end } = body.update;
  return {
    messageId: hex(messageId),
    part,
    place: place === null ? null : placeHex(place),
    end:
      end === null ? null : { ...endHex(end), durationMs: end.durationMs, isCutOff: end.brokeOff },
  };
}

function isAccepted(open: () => unknown): boolean {
  try {
    open();
    return true;
  } catch (error) {
    if (error instanceof Refused || error instanceof TumarError) return false;
    throw error;
  }
}

describe("second implementation: blobs", () => {
  it("makes the frozen blob, byte for byte, and opens it", () => {
    const { blob } = remade();
    assert.equal(hex(header(key)), vector.header);
    assert.equal(blob.length, vector.sealedBytes);
    assert.equal(hex(blobHash(blob)), vector.hash);
    vector.chunks.forEach(({ nonce, hash }, index) => {
      const chunk = blob.slice(32 + index * 16_384, 32 + (index + 1) * 16_384);
      assert.equal(hex(chunk.slice(0, 24)), nonce);
      assert.equal(hex(blobHash(chunk)), hash);
    });
    const pieces = openBlob(key, blob);
    const data = concat(...pieces.map((piece) => piece.data));
    assert.equal(hex(blobHash(data)), vector.dataHash);
    assert.equal(data.length, vector.dataBytes);
    assert.deepEqual(
      pieces.map(({ elapsedMs }) => elapsedMs),
      vector.chunks.map(({ elapsedMs }) => elapsedMs),
    );
  });

  it("opens the chunk that is frozen whole, and refuses it with a bit flipped or elsewhere", () => {
    const sealed = fromHex(vector.lastChunk.sealed);
    const place = vector.chunks.length - 1;
    const piece = refusesFlips(sealed, 997, (one) => openPiece(key, place, one));
    assert.equal(hex(piece.data), vector.lastChunk.data);
    assert.ok(piece.isLast);
    assert.throws(() => openPiece(key, place - 1, sealed), { code: "CANNOT_DECRYPT" });
    assert.throws(() => openPiece(key, place, sealed.slice(1)), Refused);
  });

  it("refuses the blob cut, swapped, lengthened or under another key", () => {
    const { blob } = remade();
    const chunk = (index: number) => blob.slice(32 + index * 16_384, 32 + (index + 1) * 16_384);
    const swapped = concat(header(key), chunk(1), chunk(0), chunk(2), blob.slice(32 + 3 * 16_384));
    const bad = [swapped, blob.slice(0, -1), concat(blob, Uint8Array.of(0)), blob.slice(0, 32_800)];
    for (const one of [...bad, flipped(blob, 0)]) assert.throws(() => openBlob(key, one), Refused);
    assert.throws(() => openBlob(flipped(key, 0), blob), Refused);
  });

  it("agrees with the first on the size of every blob (property)", () => {
    for (const [chunks, bytes] of vector.padded) assert.equal(paddedSize(chunks), bytes);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 38 }), (chunks) => {
        assert.equal(paddedBlobBytes(chunks), paddedSize(chunks));
      }),
    );
  });

  it("and the first open each other's chunks, at any index (property)", () => {
    const index = fc.integer({ min: 0, max: 2 ** 38 });
    const piece = fc.record({
      isLast: fc.boolean(),
      elapsedMs: fc.integer({ min: 0, max: 0xffff_ffff }),
      data: fc.uint8Array({ minLength: 1, maxLength: 16_337 }),
    });
    fc.assert(
      fc.property(index, piece, (at, { isLast, elapsedMs, data }) => {
        const fresh = generateBlobKey(systemRandom);
        const kind = isLast ? "last" : "data";
        const theirs = sealPiece(fresh, at, { isLast, elapsedMs, data }, systemRandom(24));
        assert.deepEqual(openChunk(fresh, at, theirs), { kind, elapsedMs, data });
        const ours = sealChunk(fresh, at, { kind, elapsedMs, data }, systemRandom);
        assert.deepEqual(openPiece(fresh, at, ours), { isLast, elapsedMs, data });
        assert.equal(hex(header(fresh)), hex(blobHeader(fresh)));
        const hash = new BlobHash();
        hash.update(ours);
        assert.equal(hex(blobHash(ours)), hex(hash.digest()));
      }),
      RUNS,
    );
  });
});

describe("second implementation: manifests", () => {
  it("reads each frozen one, and finds what was put in", () => {
    const kinds = ["clip", "clip", "photo", "voice", "file"];
    const updates = ["media-update", "media-update", "media-update"];
    assert.deepEqual(
      vector.contents.map(({ kind }) => kind),
      [...kinds, ...updates],
    );
    for (const { kind, number, bytes, ...expected } of vector.contents) {
      const body = openBody(number, fromHex(bytes));
      assert.equal(body.kind, kind);
      assert.deepEqual(shown(body), expected);
    }
  });

  it("accepts and refuses what the first does: any byte changed, any length (property)", () => {
    const contents = fc.constantFrom(...vector.contents);
    const edits = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 2 });
    let accepted = 0;
    fc.assert(
      fc.property(contents, edits, fc.integer({ min: -2, max: 2 }), (content, changes, more) => {
        const bytes = concat(fromHex(content.bytes), new Uint8Array(2));
        const changed = bytes.slice(0, bytes.length - 2 + more);
        for (const [at, value] of changes) changed[at % changed.length] = value;
        const first = isAccepted(() => decodeBody(content.number, changed));
        const second = isAccepted(() => openBody(content.number, changed));
        assert.equal(first, second, hex(changed));
        if (first) accepted += 1;
      }),
      { numRuns: 2000 },
    );
    assert.ok(accepted > 50, `${accepted} accepted`);
  });
});
