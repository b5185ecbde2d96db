/**
 * A sender who wants two recipients of one blob to see two things: the seal alone would let him, the
 * header does not. And a relay that puts chunks of two blobs together.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { concat, EMPTY, lp, u64, utf8 } from "../../shared/crypto/bytes.ts";
import { H } from "../../shared/crypto/hash.ts";
import { systemRandom, tryOpen } from "../../shared/crypto/sodium.ts";
import {
  BLOB_CHUNK_BYTES,
  type BlobKey,
  blobHeader,
  checkBlobHeader,
  generateBlobKey,
  openChunk,
  parseBlobKey,
  sealChunk,
} from "../../shared/e2ee/blob.ts";
import { twoKeyBox } from "../support/two-key-box.ts";

const DAMAGED = { code: "BLOB_DAMAGED" };

function chunkKey(key: BlobKey): Uint8Array {
  return H(key, "blob.chunk", EMPTY, 32);
}

function passes(key: BlobKey, header: Uint8Array): boolean {
  try {
    checkBlobHeader(key, header);
    return true;
  } catch {
    return false;
  }
}

describe("one blob, two keys", () => {
  const keys = [generateBlobKey(systemRandom), generateBlobKey(systemRandom)] as const;
  const associated = lp(utf8("tumar/v1/blob"), u64(0));
  const { nonce, box } = twoKeyBox(
    [chunkKey(keys[0]), chunkKey(keys[1])],
    associated,
    BLOB_CHUNK_BYTES - 24 - 16,
    systemRandom,
  );

  it("can be made as far as the seal goes: one box opens under both, to two texts", () => {
    const opened = keys.map((key) => tryOpen(chunkKey(key), nonce, box, associated));
    assert.ok(opened[0] !== undefined && opened[1] !== undefined);
    assert.equal(opened[0].length, BLOB_CHUNK_BYTES - 24 - 16);
    assert.notDeepEqual(opened[0], opened[1]);
  });

  it("cannot be made as far as the blob goes: no header is of both, whatever it is", () => {
    const [mine, yours] = keys;
    for (const header of [blobHeader(mine), blobHeader(yours), systemRandom(32)]) {
      assert.ok(!(passes(mine, header) && passes(yours, header)));
    }
    checkBlobHeader(mine, blobHeader(mine));
    assert.throws(() => checkBlobHeader(yours, blobHeader(mine)), DAMAGED);
  });

  it("cannot be made of keys that differ in one bit, or by a header that is changed (property)", () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), (bit, other) => {
        const key = generateBlobKey(systemRandom);
        const near = parseBlobKey(key.with(bit >>> 3, (key[bit >>> 3] ?? 0) ^ (1 << (bit & 7))));
        assert.throws(() => checkBlobHeader(near, blobHeader(key)), DAMAGED);
        const header = blobHeader(key);
        header[other >>> 3] = (header[other >>> 3] ?? 0) ^ (1 << (other & 7));
        assert.throws(() => checkBlobHeader(key, header), DAMAGED);
      }),
    );
  });
});

describe("chunks of two blobs, mixed", () => {
  it("open in their own blob and place only, also when everything else is the same (property)", () => {
    const [mine, other] = [generateBlobKey(systemRandom), generateBlobKey(systemRandom)];
    const data = utf8("the same in both");
    const seal = (key: BlobKey, index: number) =>
      sealChunk(key, index, { kind: "data", data, elapsedMs: 0 }, systemRandom);
    const stock = [0, 1, 2].flatMap((index) => [
      { key: mine, index, sealed: seal(mine, index) },
      { key: other, index, sealed: seal(other, index) },
    ]);
    fc.assert(
      fc.property(fc.constantFrom(...stock), fc.nat(3), ({ key, index, sealed }, asked) => {
        if (key === mine && index === asked) openChunk(mine, asked, sealed);
        else assert.throws(() => openChunk(mine, asked, sealed), DAMAGED);
      }),
    );
  });

  it("do not open when their halves are joined", () => {
    const key = generateBlobKey(systemRandom);
    const chunk = { kind: "last", data: utf8("a"), elapsedMs: 0 } as const;
    const [one, two] = [0, 0].map((index) => sealChunk(key, index, chunk, systemRandom));
    assert.ok(one && two);
    for (const at of [1, 24, 32, 8192, 16_368, 16_383]) {
      const joined = concat(one.subarray(0, at), two.subarray(at));
      assert.throws(() => openChunk(key, 0, joined), DAMAGED);
    }
  });
});
