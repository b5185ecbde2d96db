/** Manifests and updates: exact sizes, one encoding each, and nothing a sender may claim gets past. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY, u8, u32, u64, utf8 } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { generateBlobKey, paddedBlobBytes } from "../../../shared/e2ee/blob.ts";
import { parseMessageId } from "../../../shared/e2ee/content.ts";
import {
  type BlobPlace,
  decodeMedia,
  decodeMediaUpdate,
  encodeMedia,
  encodeMediaUpdate,
  isGrowing,
  isMediaType,
  type Media,
  type MediaPart,
  type MediaUpdate,
  parseBlobId,
} from "../../../shared/e2ee/media.ts";
import { parseRelayHash } from "../../../shared/e2ee/relay-address.ts";
import { medias, mediaUpdates } from "../../support/media-arbitraries.ts";

const MALFORMED = { code: "MALFORMED" };

const place: BlobPlace = {
  relay: { scheme: "https", host: "relay.example.org", hash: parseRelayHash(systemRandom(16)) },
  blobId: parseBlobId(systemRandom(24)),
};
const whole: MediaPart = {
  role: "whole",
  place,
  key: generateBlobKey(systemRandom),
  dataBytes: 20_971_520,
  sealedBytes: paddedBlobBytes(1284),
  hash: systemRandom(32),
};
const growing: MediaPart = { ...whole, dataBytes: 0, sealedBytes: 0, hash: EMPTY };
const preview: MediaPart = {
  ...whole,
  role: "preview",
  dataBytes: 140_000,
  sealedBytes: paddedBlobBytes(9),
};
const clip: Media = {
  name: "a.webm",
  type: "video/webm",
  metadata: "stripped",
  durationMs: 41_000,
  parts: [whole],
};
const update: MediaUpdate = {
  messageId: parseMessageId(systemRandom(16)),
  part: 0,
  place,
  end: {
    dataBytes: whole.dataBytes,
    sealedBytes: whole.sealedBytes,
    hash: whole.hash,
    durationMs: 41_000,
    isCutOff: false,
  },
};

/** Where the parts begin, and where the end of the first one does. */
const HEAD = 1 + 6 + 1 + 10 + 1 + 4 + 1;
const END = HEAD + 1 + 35 + 24 + 32;

function patched(bytes: Uint8Array, at: number, value: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  changed.set(value, at);
  return changed;
}

describe("media", () => {
  it("has the size of its parts", () => {
    assert.equal(encodeMedia({ ...clip, parts: [growing] }).length, HEAD + 1 + 35 + 24 + 32 + 16);
    assert.equal(encodeMedia({ ...clip, parts: [growing] }).length, 132);
    assert.equal(encodeMedia(clip).length, 164);
    assert.equal(encodeMedia({ ...clip, parts: [preview, whole] }).length, 164 + 140);
    assert.equal(encodeMediaUpdate(update).length, 16 + 1 + 1 + 35 + 24 + 8 + 8 + 32 + 4);
    assert.equal(encodeMediaUpdate(update).length, 129);
    assert.equal(encodeMediaUpdate({ ...update, place: null }).length, 70);
    assert.equal(encodeMediaUpdate({ ...update, end: null }).length, 77);
  });

  it("with a preview, the longest name and the longest host fits the second envelope", () => {
    const host = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(10)}:65535`;
    const far = { ...place, relay: { ...place.relay, host } };
    const parts = [
      { ...preview, place: far },
      { ...whole, place: far },
    ];
    const longest = { ...clip, name: "n".repeat(255), type: `video/${"x".repeat(58)}`, parts };
    assert.equal(host.length, 199);
    assert.ok(encodeMedia(longest).length <= 973);
  });

  it("decodes what it encodes (property)", () => {
    fc.assert(
      fc.property(medias, mediaUpdates, (media, change) => {
        assert.deepEqual(decodeMedia(encodeMedia(media)), media);
        assert.deepEqual(decodeMediaUpdate(encodeMediaUpdate(change)), change);
      }),
    );
  });

  it("has one encoding: whatever decodes encodes to the same bytes (fuzz)", () => {
    const starts = [clip, { ...clip, parts: [growing] }, { ...clip, parts: [preview, whole] }];
    const manifests = fc.constantFrom(...starts.map(encodeMedia));
    const updates = fc.constantFrom(
      encodeMediaUpdate(update),
      encodeMediaUpdate({ ...update, place: null }),
    );
    const changes = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 });
    const length = fc.integer({ min: -3, max: 3 });
    const mutate = (bytes: Uint8Array, edits: [number, number][], more: number) => {
      const changed = concat(bytes, new Uint8Array(3))
        .subarray(0, bytes.length + more)
        .slice();
      for (const [at, value] of edits) changed[at % changed.length] = value;
      return changed;
    };
    let decoded = 0;
    const survives = <T>(
      bytes: Uint8Array,
      decode: (bytes: Uint8Array) => T,
      encode: (value: T) => Uint8Array,
    ) => {
      try {
        const value = decode(bytes);
        decoded += 1;
        assert.deepEqual(encode(value), bytes);
      } catch (error) {
        if (!(error instanceof TumarError)) throw error;
        assert.equal(error.code, "MALFORMED");
      }
    };
    fc.assert(
      fc.property(manifests, updates, changes, length, (media, change, edits, more) => {
        survives(mutate(media, edits, more), decodeMedia, encodeMedia);
        survives(mutate(change, edits, more), decodeMediaUpdate, encodeMediaUpdate);
      }),
      { numRuns: 1000 },
    );
    assert.ok(decoded > 100, "changed names and keys still decode");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        survives(noise, decodeMedia, encodeMedia);
        survives(noise, decodeMediaUpdate, encodeMediaUpdate);
      }),
    );
  });

  it("refuses cut and trailing bytes, at every length", () => {
    const manifest = encodeMedia({ ...clip, parts: [preview, whole] });
    for (let length = 0; length < manifest.length; length++) {
      assert.throws(() => decodeMedia(manifest.subarray(0, length)), MALFORMED);
    }
    assert.throws(() => decodeMedia(concat(manifest, u8(0))), MALFORMED);
    const news = encodeMediaUpdate(update);
    for (let length = 0; length < news.length; length++) {
      assert.throws(() => decodeMediaUpdate(news.subarray(0, length)), MALFORMED);
    }
    assert.throws(() => decodeMediaUpdate(concat(news, u8(0))), MALFORMED);
  });

  it("refuses lengths that no blob has: what a lying manifest could claim", () => {
    const manifest = encodeMedia(clip);
    const claim = (dataBytes: Uint8Array, sealedBytes: Uint8Array) =>
      patched(manifest, END, concat(dataBytes, sealedBytes));
    const sealedBytes = u64(whole.sealedBytes);
    const bad = [
      claim(u64(0), sealedBytes),
      claim(u64(1), sealedBytes),
      claim(u64(1311 * 16337 + 1), sealedBytes),
      claim(u64(whole.dataBytes), u64(whole.sealedBytes + 1)),
      claim(u64(whole.dataBytes), u64(whole.dataBytes)),
      claim(u64(whole.dataBytes), u64(32)),
      claim(u64(100 * 2 ** 30), sealedBytes),
      claim(new Uint8Array(8).fill(0xff), sealedBytes),
      claim(u64(1), new Uint8Array(8).fill(0xff)),
      claim(u64(1), u64(Number.MAX_SAFE_INTEGER)),
    ];
    for (const bytes of bad) assert.throws(() => decodeMedia(bytes), MALFORMED);
    assert.throws(
      () => decodeMedia(patched(encodeMedia({ ...clip, parts: [growing] }), END, u64(1))),
      MALFORMED,
      "data, but nothing sealed",
    );
  });

  it("refuses parts out of order or number, unknown roles, states, types and names", () => {
    const manifest = encodeMedia(clip);
    const two = encodeMedia({ ...clip, parts: [preview, whole] });
    const bad = [
      patched(manifest, HEAD - 1, u8(0)),
      patched(manifest, HEAD - 1, u8(2)),
      patched(manifest, HEAD - 1, u8(3)),
      patched(manifest, HEAD, u8(0)),
      patched(manifest, HEAD, u8(2)),
      patched(manifest, HEAD, u8(3)),
      patched(two, HEAD, u8(1)),
      patched(two, HEAD + 140, u8(2)),
      patched(manifest, 18, u8(3)),
      patched(manifest, 1, u8(0xff)),
      patched(manifest, 8, utf8("VIDEO/WEBM")),
      patched(manifest, 8, utf8("video;webm")),
      patched(manifest, 8, utf8("video/we m")),
      patched(manifest, 8, utf8("vid/eo/web")),
      patched(manifest, 8, utf8("видео")),
    ];
    for (const bytes of bad) assert.throws(() => decodeMedia(bytes), MALFORMED);
    const wrong: Media[] = [
      { ...clip, parts: [] },
      { ...clip, parts: [preview] },
      { ...clip, parts: [whole, preview] },
      { ...clip, parts: [whole, whole] },
      { ...clip, parts: [preview, whole, whole] },
      { ...clip, parts: [{ ...growing, role: "preview" }, whole] },
      { ...clip, parts: [{ ...whole, hash: EMPTY }] },
      { ...clip, parts: [{ ...whole, dataBytes: -1 }] },
      { ...clip, parts: [{ ...whole, dataBytes: 0.5 }] },
      { ...clip, name: "n".repeat(256) },
      { ...clip, name: "ұ".repeat(128) },
      { ...clip, type: `video/${"x".repeat(59)}` },
      { ...clip, type: "video/webm; codecs=vp9" },
      { ...clip, durationMs: -1 },
      { ...clip, durationMs: 2 ** 32 },
      { ...clip, durationMs: Number.NaN },
    ];
    for (const media of wrong) assert.throws(() => encodeMedia(media), RangeError);
  });

  it("refuses updates of nothing, of an unknown part, and an end that is none", () => {
    const news = encodeMediaUpdate({ ...update, place: null });
    const bad = [
      patched(news, 16, u8(2)),
      patched(news, 17, u8(0)),
      patched(news, 17, u8(1)),
      patched(news, 17, u8(3)),
      patched(news, 17, u8(4)),
      patched(news, 17, u8(5)),
      patched(news, 17, u8(8)),
      patched(news, 17, u8(10)),
      patched(news, 18, concat(u32(0), u32(0), u32(0), u32(0))),
      patched(news, 18, concat(u32(0), u32(0), u32(0), u32(0))).subarray(0, 38),
    ];
    for (const bytes of bad) assert.throws(() => decodeMediaUpdate(bytes), MALFORMED);
    const none = { ...update, place: null, end: null };
    assert.throws(() => encodeMediaUpdate(none), RangeError);
    const open = { dataBytes: 0, sealedBytes: 0, hash: EMPTY, durationMs: 0, isCutOff: false };
    assert.throws(() => encodeMediaUpdate({ ...update, end: open }), RangeError);
  });

  it("tells a recording that was closed from one that broke off", () => {
    assert.ok(update.end);
    const broken = { ...update, end: { ...update.end, isCutOff: true } };
    const [closed, cut] = [encodeMediaUpdate(update), encodeMediaUpdate(broken)];
    assert.deepEqual(decodeMediaUpdate(cut), broken);
    assert.deepEqual(
      closed.map((byte, i) => byte ^ (cut[i] ?? 0)).filter(Boolean),
      Uint8Array.of(4),
    );
    const tooLong = { ...update.end, durationMs: 2 ** 32 };
    assert.throws(() => encodeMediaUpdate({ ...update, end: tooLong }), RangeError);
  });

  it("tells a growing blob from one that ended empty", () => {
    assert.ok(isGrowing(growing));
    const nothing = { ...whole, dataBytes: 0, sealedBytes: paddedBlobBytes(1) };
    const [part] = decodeMedia(encodeMedia({ ...clip, parts: [nothing] })).parts;
    assert.deepEqual(part, nothing);
    assert.ok(!isGrowing(nothing));
  });

  it("knows media types by their form", () => {
    for (const type of ["", "video/mp4", "application/vnd.oasis.opendocument.text", "a/b"]) {
      assert.ok(isMediaType(type), type);
    }
    for (const type of [
      "video",
      "video/",
      "/mp4",
      "Video/mp4",
      "a/b/c",
      "a/b c",
      "a/b;c=d",
      "a/б",
    ]) {
      assert.ok(!isMediaType(type), type);
    }
  });
});
