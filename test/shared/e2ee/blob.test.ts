/** Blobs: exact sizes; what was sealed opens, chunk by chunk; anything else in a chunk's place does not. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY, lp, u8, u16, u32, u64, utf8 } from "../../../shared/crypto/bytes.ts";
import { H } from "../../../shared/crypto/hash.ts";
import { blake2b, seal, systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  BLOB_CHUNK_BYTES,
  BLOB_CHUNK_DATA_BYTES,
  BLOB_HEADER_BYTES,
  BlobCipher,
  BlobHash,
  type BlobKey,
  blobHeader,
  type Chunk,
  checkBlobHeader,
  chunkOffset,
  generateBlobKey,
  isBlobSize,
  MAX_ELAPSED_MS,
  openChunk,
  paddedBlobBytes,
  parseBlobKey,
  sealChunk,
} from "../../../shared/e2ee/blob.ts";

const DAMAGED = { code: "BLOB_DAMAGED" };
const MALFORMED = { code: "MALFORMED" };
/** Chunks are 16 KiB: fewer runs than usual keep the file within a second or two. */
const RUNS = { numRuns: 40 };

const key = generateBlobKey(systemRandom);

const chunks: fc.Arbitrary<Chunk> = fc.oneof(
  chunkOf("data", 1),
  chunkOf("last", 0),
  fc.constant<Chunk>({
    kind: "data",
    data: systemRandom(BLOB_CHUNK_DATA_BYTES),
    elapsedMs: MAX_ELAPSED_MS,
  }),
);
const indexes = fc.oneof(fc.nat(5), fc.integer({ min: 0, max: 2 ** 38 }));

function chunkOf(kind: Chunk["kind"], minLength: number): fc.Arbitrary<Chunk> {
  const data = fc.uint8Array({ minLength, maxLength: 600 });
  const elapsedMs = fc.integer({ min: 0, max: MAX_ELAPSED_MS });
  return fc.tuple(data, elapsedMs).map(([bytes, ms]) => ({ kind, data: bytes, elapsedMs: ms }));
}

function sealed(index: number, chunk: Chunk, under: BlobKey = key): Uint8Array {
  return sealChunk(under, index, chunk, systemRandom);
}

/** As `sealChunk`, for what it refuses to seal: bytes of whoever has the key. */
function sealRaw(index: number, plain: Uint8Array): Uint8Array {
  const nonce = systemRandom(24);
  const chunkKey = H(key, "blob.chunk", EMPTY, 32);
  return concat(nonce, seal(chunkKey, nonce, plain, lp(utf8("tumar/v1/blob"), u64(index))));
}

/** A whole blob: its data cut at these places, each piece a chunk. */
function blobOf(pieces: readonly Uint8Array[]): Uint8Array {
  const all = pieces.map((data, index) => {
    const kind = index === pieces.length - 1 ? "last" : "data";
    return sealed(index, { kind, data, elapsedMs: index });
  });
  const used = BLOB_HEADER_BYTES + BLOB_CHUNK_BYTES * pieces.length;
  return concat(blobHeader(key), ...all, systemRandom(paddedBlobBytes(pieces.length) - used));
}

/** What a reader does: header, chunks up to the last, each at its place. */
function openBlob(blob: Uint8Array): Uint8Array {
  checkBlobHeader(key, blob.subarray(0, BLOB_HEADER_BYTES));
  const data: Uint8Array[] = [];
  for (let index = 0; ; index++) {
    const offset = chunkOffset(index);
    const chunk = openChunk(key, index, blob.subarray(offset, offset + BLOB_CHUNK_BYTES));
    data.push(chunk.data);
    if (chunk.kind === "last") return concat(...data);
  }
}

describe("blob: sizes", () => {
  it("are the sums of their parts", () => {
    assert.equal(BLOB_HEADER_BYTES, 32);
    assert.equal(BLOB_CHUNK_BYTES, 16384);
    assert.equal(BLOB_CHUNK_BYTES, 24 + 1 + 2 + 4 + BLOB_CHUNK_DATA_BYTES + 16);
    assert.equal(BLOB_CHUNK_DATA_BYTES, 16337);
    assert.deepEqual([0, 1, 1280].map(chunkOffset), [32, 16416, 20_971_552]);
    for (const data of [EMPTY, systemRandom(1), systemRandom(16337)]) {
      assert.equal(sealed(0, { kind: "last", data, elapsedMs: 0 }).length, 16384);
    }
  });

  it("of whole blobs are Padmé of header and chunks", () => {
    const sizes = [1, 2, 3, 10, 64, 1284, 12_854].map(paddedBlobBytes);
    assert.deepEqual(sizes, [17_408, 34_816, 51_200, 167_936, 1_081_344, 21_495_808, 213_909_504]);
    assert.equal(32 + 16384 + 992, 17_408);
    assert.throws(() => paddedBlobBytes(0), RangeError);
    assert.throws(() => paddedBlobBytes(2 ** 53), RangeError);
  });

  it("cost at most 6.2 % of padding, and grow with the number of chunks (property)", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 38 }), (count) => {
        const size = paddedBlobBytes(count);
        const inside = chunkOffset(count);
        assert.ok(size >= inside && size <= inside * 1.062, `${count} chunks`);
        assert.ok(paddedBlobBytes(count + 1) >= size);
      }),
    );
  });

  it("tell O(log log) bits: few sizes in each doubling, whatever its magnitude (property)", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 52 }),
        fc.double({ min: 1, max: 2, noNaN: true }),
        (e, part) => {
          const count = Math.floor((2 ** e * part) / BLOB_CHUNK_BYTES);
          const size = paddedBlobBytes(count);
          // Of the digits of a size only the first stay: at most 1 + log2(e) rounded up.
          const digits = size.toString(2).replace(/0+$/, "").length;
          assert.ok(digits <= 2 + Math.floor(Math.log2(e + 1)), `${size} has ${digits} digits`);
        },
      ),
    );
    const upTo1GiB = new Set(Array.from({ length: 65_536 }, (_, i) => paddedBlobBytes(i + 1)));
    assert.equal(upTo1GiB.size, 384);
  });

  it("fit the data they may hold: each chunk full, or with one byte, and no other size", () => {
    const cases: [sealedBytes: number, dataBytes: number, fits: boolean][] = [
      [17_408, 0, true],
      [17_408, 1, true],
      [17_408, 16_337, true],
      [17_408, 16_338, false],
      [34_816, 16_338, true],
      [34_816, 1, true],
      [34_816, 0, false],
      [51_200, 1, false],
      [51_200, 2, true],
      [17_409, 1, false],
      [18_432, 1, false],
      [16_416, 1, false],
      [32, 0, false],
      [0, 0, false],
      [21_495_808, 20_971_520, true],
      [21_495_808, 20_971_520 + 1_000_000, false],
      [Number.MAX_SAFE_INTEGER, 1, false],
    ];
    for (const [sealedBytes, dataBytes, fits] of cases) {
      assert.equal(isBlobSize(sealedBytes, dataBytes), fits, `${sealedBytes} for ${dataBytes}`);
    }
  });

  it("fit exactly the data that some split into chunks makes that large (property)", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(70_000), (count, dataBytes) => {
        const sealedBytes = paddedBlobBytes(count + 1);
        const least = Math.max(1, Math.ceil(dataBytes / BLOB_CHUNK_DATA_BYTES));
        const most = Math.min(dataBytes + 1, 400);
        const sizes = Array.from({ length: most - least + 1 }, (_, i) =>
          paddedBlobBytes(least + i),
        );
        assert.equal(isBlobSize(sealedBytes, dataBytes), sizes.includes(sealedBytes));
      }),
    );
  });
});

describe("blob: chunks", () => {
  it("open to what was sealed, at any index (property)", () => {
    fc.assert(
      fc.property(indexes, chunks, (index, chunk) => {
        const one = sealed(index, chunk);
        assert.equal(one.length, BLOB_CHUNK_BYTES);
        assert.deepEqual(openChunk(key, index, one), chunk);
      }),
      RUNS,
    );
  });

  it("make the blob of any data, however it is split (property)", () => {
    const pieces = fc.tuple(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(pieces, ([first, last]) => {
        const blob = blobOf([...first, last]);
        assert.equal(blob.length, paddedBlobBytes(first.length + 1));
        assert.deepEqual(openBlob(blob), concat(...first, last));
      }),
      RUNS,
    );
  });

  it("are never the same twice, and do not keep what they were given", () => {
    const data = systemRandom(100);
    const chunk = { kind: "data", data, elapsedMs: 5 } as const;
    const one = sealed(3, chunk);
    assert.notDeepEqual(one.subarray(0, 24), sealed(3, chunk).subarray(0, 24));
    const expected = data.slice();
    data.fill(0);
    const opened = openChunk(key, 3, one);
    one.fill(0);
    assert.deepEqual(opened.data, expected);
  });

  it("do not open with a bit changed, anywhere (property)", () => {
    const one = sealed(1, { kind: "data", data: utf8("what was said"), elapsedMs: 9 });
    const bits = fc.oneof(fc.nat(16384 * 8 - 1), fc.nat((24 + 7 + 16) * 8));
    fc.assert(
      fc.property(bits, (bit) => {
        const changed = one.slice();
        changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        assert.throws(() => openChunk(key, 1, changed), DAMAGED);
      }),
      RUNS,
    );
  });

  it("do not open cut, lengthened, in another place or under another key (property)", () => {
    fc.assert(
      fc.property(indexes, indexes, chunks, fc.nat(16384), (index, other, chunk, length) => {
        fc.pre(index !== other && length !== 16384);
        const one = sealed(index, chunk);
        assert.throws(() => openChunk(key, other, one), DAMAGED);
        assert.throws(() => openChunk(key, index, one.subarray(0, length)), DAMAGED);
        assert.throws(() => openChunk(key, index, concat(one, u8(0))), DAMAGED);
        const stranger = generateBlobKey(systemRandom);
        assert.throws(() => openChunk(stranger, index, one), DAMAGED);
      }),
      RUNS,
    );
  });

  it("say which is the last: a blob without it has no end, and nobody can make another the last", () => {
    const pieces = [systemRandom(10), systemRandom(20), systemRandom(30)];
    const blob = blobOf(pieces);
    for (const cut of [32, 32 + 16384, 32 + 2 * 16384, 32 + 2 * 16384 + 100]) {
      assert.throws(() => openBlob(blob.subarray(0, cut)), DAMAGED);
    }
    // Kind is inside the seal: the byte that would turn `data` into `last` is covered by the tag.
    const second = blob.slice(chunkOffset(1), chunkOffset(2));
    second[24] = (second[24] ?? 0) ^ (1 ^ 2);
    assert.throws(() => openChunk(key, 1, second), DAMAGED);
  });

  it("refuse what the sender must not seal: no data, too much, an index or a time out of bounds", () => {
    const data = utf8("a");
    const bad: [number, Chunk][] = [
      [0, { kind: "data", data: EMPTY, elapsedMs: 0 }],
      [0, { kind: "data", data: new Uint8Array(16338), elapsedMs: 0 }],
      [0, { kind: "last", data: new Uint8Array(16338), elapsedMs: 0 }],
      [0, { kind: "data", data, elapsedMs: -1 }],
      [0, { kind: "data", data, elapsedMs: 0.5 }],
      [0, { kind: "data", data, elapsedMs: MAX_ELAPSED_MS + 1 }],
      [-1, { kind: "data", data, elapsedMs: 0 }],
      [0.5, { kind: "data", data, elapsedMs: 0 }],
      [2 ** 40, { kind: "data", data, elapsedMs: 0 }],
    ];
    for (const [index, chunk] of bad) assert.throws(() => sealed(index, chunk), RangeError);
    const one = sealed(0, { kind: "last", data, elapsedMs: 0 });
    for (const index of [-1, 0.5, 2 ** 40]) {
      assert.throws(() => openChunk(key, index, one), RangeError);
    }
  });

  it("of a sender that breaks the rules are malformed: one encoding for each chunk", () => {
    const plain = (kind: number, used: number, rest: Uint8Array) => {
      const bytes = new Uint8Array(16344);
      bytes.set(concat(u8(kind), u16(used), u32(7), rest));
      return bytes;
    };
    const good = plain(1, 2, utf8("ab"));
    assert.deepEqual(openChunk(key, 0, sealRaw(0, good)).data, utf8("ab"));
    const bad = [
      plain(0, 2, utf8("ab")),
      plain(3, 2, utf8("ab")),
      plain(255, 2, utf8("ab")),
      plain(1, 0, EMPTY),
      plain(1, 2, utf8("abc")),
      plain(2, 0, utf8("a")),
      plain(1, 16338, EMPTY),
      plain(2, 65535, EMPTY),
      good.with(16343, 1),
    ];
    for (const bytes of bad) assert.throws(() => openChunk(key, 0, sealRaw(0, bytes)), MALFORMED);
    for (const bytes of [good.subarray(1), concat(good, u8(0))]) {
      assert.throws(() => openChunk(key, 0, sealRaw(0, bytes)), DAMAGED);
    }
  });
});

describe("blob: cipher", () => {
  it("seals and opens as the functions do, in any order, and leaves nothing of a chunk in the next (property)", () => {
    const cipher = new BlobCipher(key);
    fc.assert(
      fc.property(indexes, chunks, indexes, chunks, (index, chunk, later, next) => {
        const one = cipher.seal(index, chunk, systemRandom);
        const two = cipher.seal(later, next, systemRandom);
        assert.deepEqual(openChunk(key, index, one), chunk);
        assert.deepEqual(cipher.open(later, two), next);
        assert.deepEqual(cipher.open(index, sealed(index, chunk)), chunk);
      }),
      RUNS,
    );
  });

  it("does nothing once it is wiped, also not under a key of zeros", () => {
    const chunk = { kind: "last", data: utf8("a"), elapsedMs: 0 } as const;
    const cipher = new BlobCipher(key);
    const one = cipher.seal(0, chunk, systemRandom);
    cipher.wipe();
    assert.throws(() => cipher.seal(0, chunk, systemRandom), TypeError);
    assert.throws(() => cipher.open(0, one), TypeError);
    assert.deepEqual(openChunk(key, 0, one), chunk);
  });
});

describe("blob: key", () => {
  it("is 32 bytes, and the header is of it alone", () => {
    assert.equal(blobHeader(key).length, 32);
    checkBlobHeader(key, blobHeader(key));
    const other = generateBlobKey(systemRandom);
    assert.throws(() => checkBlobHeader(other, blobHeader(key)), DAMAGED);
    assert.throws(() => checkBlobHeader(key, blobHeader(key).subarray(1)), DAMAGED);
    assert.throws(() => checkBlobHeader(key, EMPTY), DAMAGED);
    assert.throws(() => parseBlobKey(systemRandom(31)), MALFORMED);
  });
});

describe("blob: hash", () => {
  it("is BLAKE2b-256 of all bytes, however they come, and ends once (property)", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 500 })), (parts) => {
        const hash = new BlobHash();
        for (const part of parts) hash.update(part);
        assert.deepEqual(hash.digest(), blake2b(32, concat(...parts)));
        assert.throws(() => hash.update(EMPTY), TypeError);
        assert.throws(() => hash.digest(), TypeError);
      }),
    );
  });
});
