/** Content, envelope and order: exact sizes, one encoding each, and nothing unknown is lost. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, lp, u8 } from "../../../shared/crypto/bytes.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  CONTENT_HEAD_BYTES,
  type Content,
  decodeBody,
  decodeContent,
  encodeContent,
  KINDS,
  MAX_READ_IDS,
  type MessageBody,
  type MessageId,
  parseMessageId,
  readContent,
} from "../../../shared/e2ee/content.ts";
import { parseDeviceId } from "../../../shared/e2ee/device.ts";
import {
  BUCKETS,
  bucketFor,
  envelopeId,
  frameBytesOf,
  unwrapFrame,
  wrapFrame,
} from "../../../shared/e2ee/envelope.ts";
import { parseWrapKey } from "../../../shared/e2ee/grant.ts";
import {
  arrive,
  FIRST_ORDER,
  MAX_GAP_WAIT_MS,
  nextReleaseMs,
  type Order,
  release,
} from "../../../shared/e2ee/ordering.ts";
import { parseRelayHash, type RelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { generateStatusPlace } from "../../../shared/e2ee/status-record.ts";
import { medias, mediaUpdates } from "../../support/media-arbitraries.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const list = (length: number) => fc.array(bytes(length), { minLength: 1, maxLength: 5 });

const relayWith = (hash: Uint8Array): RelayAddress => ({
  scheme: "https",
  host: "relay.example",
  hash: parseRelayHash(hash),
});

const bodies: fc.Arbitrary<MessageBody> = fc.oneof(
  fc.string({ unit: "binary" }).map((text) => ({ kind: "text" as const, text })),
  fc.string({ unit: "binary" }).map((text) => ({ kind: "alert" as const, text })),
  list(16).map((ids) => ({ kind: "read" as const, messageIds: ids.map(parseMessageId) })),
  fc.array(bytes(16), { maxLength: 3 }).map((hashes) => ({
    kind: "status" as const,
    places: hashes.map((hash) => generateStatusPlace(relayWith(hash), systemRandom)),
  })),
  fc
    .array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 3 })
    .map((statements) => ({ kind: "statements" as const, statements })),
  list(32).map((commitments) => ({ kind: "reset" as const, commitments })),
  fc.constant({ kind: "grant" as const, places: [] }),
  fc.tuple(fc.constantFrom("clip", "photo", "voice", "file"), medias).map(([kind, media]) => ({
    kind,
    media,
  })),
  mediaUpdates.map((update) => ({ kind: "media-update" as const, update })),
  fc
    .tuple(fc.integer({ min: 13, max: 255 }), fc.uint8Array({ maxLength: 40 }))
    .map(([number, bytes]) => ({ kind: "unsupported" as const, number, bytes })),
);
const contents: fc.Arbitrary<Content> = fc.record(
  {
    messageId: bytes(16).map(parseMessageId),
    deviceId: bytes(16).map(parseDeviceId),
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    hour: fc.integer({ min: 0, max: 0xffff_ffff }),
    senderSet: bytes(16),
    readerSet: bytes(16),
    body: bodies,
  },
  { noNullPrototype: true },
);

function withKind(kind: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(CONTENT_HEAD_BYTES - 1);
  head[39] = 1;
  return concat(head, u8(kind), body);
}

describe("content", () => {
  it("has a head of 77 bytes, and decodes what it encodes, every kind (property)", () => {
    assert.equal(CONTENT_HEAD_BYTES, 16 + 16 + 8 + 4 + 16 + 16 + 1);
    fc.assert(
      fc.property(contents, (content) => {
        const encoded = encodeContent(content);
        assert.deepEqual(decodeContent(encoded), content);
      }),
    );
  });

  it("keeps a kind of a later version as it came", () => {
    const encoded = withKind(200, Uint8Array.of(1, 2, 3));
    const { body } = decodeContent(encoded);
    assert.deepEqual(body, { kind: "unsupported", number: 200, bytes: Uint8Array.of(1, 2, 3) });
  });

  it("refuses cut, empty, over-long and malformed bodies", () => {
    const none = new Uint8Array(0);
    const bad = [
      withKind(0, none),
      withKind(KINDS.text, Uint8Array.of(0xff)),
      withKind(KINDS.read, none),
      withKind(KINDS.read, new Uint8Array(17)),
      withKind(KINDS.read, new Uint8Array(16 * (MAX_READ_IDS + 1))),
      withKind(KINDS.alert, Uint8Array.of(0xff)),
      withKind(KINDS.grant, none),
      withKind(KINDS.grant, Uint8Array.of(0, 0)),
      withKind(KINDS.status, none),
      withKind(KINDS.status, Uint8Array.of(0, 0)),
      withKind(KINDS.statements, none),
      withKind(KINDS.statements, lp(none)),
      withKind(KINDS.reset, none),
      withKind(KINDS.reset, new Uint8Array(33)),
      withKind(KINDS.clip, none),
      withKind(KINDS.photo, none),
      withKind(KINDS.voice, none),
      withKind(KINDS.file, none),
      withKind(KINDS["media-update"], none),
      withKind(KINDS.text, none).subarray(0, 76),
      withKind(KINDS.text, none).with(39, 0),
    ];
    for (const encoded of bad) assert.throws(() => decodeContent(encoded), { code: "MALFORMED" });
  });

  it("that came over a session is never lost: a body without form is kept (property)", () => {
    fc.assert(
      fc.property(fc.nat(255), fc.uint8Array({ maxLength: 60 }), (kind, rest) => {
        const encoded = withKind(kind, rest);
        const { body } = readContent(encoded);
        const kept = { kind: "unsupported", number: kind, bytes: rest };
        if (body.kind === "unsupported") assert.deepEqual(body, kept);
        else assert.deepEqual(body, decodeBody(kind, rest));
        assert.deepEqual(encodeContent(readContent(encoded)), encoded);
      }),
    );
    assert.throws(() => readContent(withKind(KINDS.text, new Uint8Array(0)).subarray(0, 76)), {
      code: "MALFORMED",
    });
  });

  it("holds as many ids as the smallest envelope does, and no more", () => {
    const ids = (count: number) =>
      new Array<MessageId>(count).fill(parseMessageId(systemRandom(16)));
    const content = decodeContent(withKind(KINDS.text, new Uint8Array(0)));
    const read = (count: number) => ({
      ...content,
      body: { kind: "read", messageIds: ids(count) } as const,
    });
    // 984 of a frame, 130 around its content, 1 of padding.
    assert.ok(encodeContent(read(MAX_READ_IDS)).length <= 984 - 130 - 1);
    assert.ok(encodeContent(read(MAX_READ_IDS)).length + 16 > 984 - 130 - 1);
    assert.throws(() => encodeContent(read(MAX_READ_IDS + 1)), RangeError);
  });

  it("does not encode a head whose fields have a wrong size", () => {
    const content = decodeContent(withKind(KINDS.text, new Uint8Array(0)));
    const wrong = { ...content, senderSet: new Uint8Array(15) };
    assert.throws(() => encodeContent(wrong), RangeError);
  });
});

describe("envelope", () => {
  const wrapKey = parseWrapKey(systemRandom(32));

  it("fills a bucket exactly and opens with the same wrap key only", () => {
    assert.deepEqual(BUCKETS.map(frameBytesOf), [984, 4056, 16344]);
    for (const bucket of BUCKETS) {
      const frame = systemRandom(frameBytesOf(bucket));
      const envelope = wrapFrame(wrapKey, frame, systemRandom);
      assert.equal(envelope.length, bucket);
      assert.equal(envelopeId(envelope).length, 24);
      assert.deepEqual(unwrapFrame(wrapKey, envelope), frame);
      const other = parseWrapKey(systemRandom(32));
      assert.throws(() => unwrapFrame(other, envelope), { code: "CANNOT_OPEN" });
      const changed = envelope.with(30, (envelope[30] ?? 0) ^ 1);
      assert.throws(() => unwrapFrame(wrapKey, changed), { code: "CANNOT_OPEN" });
      assert.throws(() => unwrapFrame(wrapKey, envelope.subarray(1)), { code: "MALFORMED" });
      assert.throws(() => wrapFrame(wrapKey, frame.subarray(1), systemRandom), RangeError);
      assert.notDeepEqual(wrapFrame(wrapKey, frame, systemRandom), envelope);
    }
  });

  it("picks the smallest bucket", () => {
    assert.deepEqual([0, 984, 985, 4056, 4057, 16344, 16345].map(bucketFor), [
      1024,
      1024,
      4096,
      4096,
      16384,
      16384,
      undefined,
    ]);
  });
});

describe("order", () => {
  it("shows everything once, by seq, when all arrives within the wait (property)", () => {
    const shuffled = fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7], { minLength: 7 });
    fc.assert(
      fc.property(shuffled, (seqs) => {
        let order: Order<number> = FIRST_ORDER;
        const shown: number[] = [];
        for (const seq of seqs) {
          const step = arrive(order, seq, seq, 0);
          order = step.order;
          shown.push(...step.ready);
        }
        assert.deepEqual(shown, [1, 2, 3, 4, 5, 6, 7]);
        assert.equal(nextReleaseMs(order), undefined);
      }),
    );
  });

  it("waits 60 seconds for a gap, then goes on; what comes later is shown at once", () => {
    const third = arrive<string>(FIRST_ORDER, 3, "c", 1000);
    assert.deepEqual(third.ready, []);
    const fourth = arrive(third.order, 4, "d", 5000);
    assert.deepEqual(fourth.ready, []);
    assert.equal(nextReleaseMs(fourth.order), 1000 + MAX_GAP_WAIT_MS);
    assert.deepEqual(release(fourth.order, 60_999).ready, []);
    const given = release(fourth.order, 61_000);
    assert.deepEqual(given.ready, ["c", "d"]);
    assert.deepEqual(arrive(given.order, 2, "b", 62_000).ready, ["b"]);
    assert.deepEqual(arrive(given.order, 5, "e", 62_000).ready, ["e"]);
    assert.deepEqual(arrive(given.order, 7, "g", 62_000).ready, []);
  });
});
