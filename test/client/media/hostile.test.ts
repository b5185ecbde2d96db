/**
 * Files that lie about themselves: cut, with sizes beyond their end, with boxes without end, of one byte. Each ends
 * with a typed error or with what was whole; none hangs, fills the memory or lets through what was to be removed.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import type { MediaKind } from "../../../client/media/prepare.ts";
import { prepareMedia } from "../../../client/media/prepare.ts";
import type { MediaFile } from "../../../client/media/source.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { clipFile, photoFile, voiceFile } from "../../support/media.ts";
import { inPieces, prepared } from "../../support/prepared.ts";

interface Sample {
  readonly kind: MediaKind;
  readonly name: string;
  readonly bytes: Uint8Array;
}

const samples: Sample[] = [];

before(async () => {
  const add = async (kind: MediaKind, name: string, path: Promise<string>): Promise<void> => {
    const bytes = new Uint8Array(await readFile(await path));
    samples.push({ kind, name, bytes });
  };
  for (const container of ["mp4", "fragmented-mp4", "webm"] as const) {
    await add("clip", container, clipFile({ container }));
  }
  for (const container of ["opus", "ogg", "mp3", "wav", "flac"] as const) {
    await add("voice", container, voiceFile({ container }));
  }
  for (const format of ["jpeg", "png", "webp"] as const) {
    await add("photo", format, photoFile({ format, width: 64, height: 48, orientation: 3 }));
  }
});

/** Any typed error will do; anything else is a fault of ours. */
async function survived(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof TumarError, String((error as Error).stack));
    assert.ok(["METADATA_NOT_REMOVABLE", "MEDIA_TYPE"].includes(error.code), error.code);
  }
}

const LARGE_NUMBERS: readonly Uint8Array[] = [
  new Uint8Array(4),
  new Uint8Array(4).fill(255),
  new Uint8Array(8).fill(255),
  new Uint8Array([0x7f, 255, 255, 255]),
  new Uint8Array([0, 0, 0, 1, 0, 0, 0, 8]),
  new Uint8Array([1, 255, 255, 255, 255, 255, 255, 255]),
];

/** Where structures are: the beginning and the end. */
const places = fc.oneof(
  fc.nat(400),
  fc.nat(400).map((back) => -1 - back),
  fc.nat(200_000),
);

const mutations = fc.array(
  fc.oneof(
    fc.record({ at: places, put: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
    fc.record({ at: places, put: fc.constantFrom(...LARGE_NUMBERS) }),
    fc.record({ at: places, cut: fc.nat(1_000) }),
  ),
  { minLength: 1, maxLength: 4 },
);

type Mutation = { readonly at: number } & ({ readonly put: Uint8Array } | { readonly cut: number });

function mutated(original: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(original);
  for (const change of changes) {
    const at = change.at < 0 ? Math.max(0, bytes.length + change.at) : change.at % bytes.length;
    if ("put" in change) bytes.set(change.put.subarray(0, bytes.length - at), at);
    else bytes = new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(at + change.cut)]);
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

describe("files that lie", () => {
  it("damaged anywhere: a typed error or a result, as a file and as a stream", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(samples.length - 1),
        mutations,
        fc.boolean(),
        async (index, changes, isStream) => {
          const { kind, bytes } = samples[index] ?? assert.fail();
          const damaged = mutated(bytes, changes);
          const source = isStream ? { source: inPieces(damaged, 4_000), isLive: true } : {};
          await survived(prepared(damaged, { kind, ...source }));
        },
      ),
      { numRuns: 120 },
    );
  });

  it("cut at any place: no place, no device, and no wait", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(samples.length - 1),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        async (index, share, isStream) => {
          const { kind, bytes } = samples[index] ?? assert.fail();
          const cut = bytes.subarray(0, 1 + Math.floor(share * bytes.length));
          const source = isStream ? { source: inPieces(cut, 900), isLive: true } : {};
          await survived(
            prepared(cut, { kind, ...source }).then((media) => {
              const text = Buffer.from(media.bytes).toString("latin1");
              assert.ok(!text.includes("+48.8577") && !text.includes("TumarPhone7"));
            }),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it("of one byte, of nothing but zeros, of nothing but text", async () => {
    for (const bytes of [new Uint8Array(1), new Uint8Array(5_000), Buffer.from("hello")]) {
      for (const kind of ["photo", "clip", "voice"] as const) {
        await assert.rejects(prepared(bytes, { kind }), { code: "MEDIA_TYPE" });
      }
      const file = await prepared(bytes, { kind: "file" });
      assert.deepEqual([file.metadata, file.type], ["kept", ""]);
      assert.deepEqual(file.bytes, new Uint8Array(bytes));
    }
  });

  it("with parts that claim to be larger than anything: refused before they are read", async () => {
    const heads: readonly Buffer[] = [
      Buffer.from("\0\0\0\x10ftypisom\0\0\0\0\xf0\0\0\0moov", "latin1"),
      Buffer.from("\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x01moov\0\0\x0f\0\0\0\0\0", "latin1"),
      Buffer.from("\x1aE\xdf\xa3\x80\x18S\x80g\xff\x15I\xa9f\x08\xff\xff\xff\xff", "latin1"),
      Buffer.from("\x1aE\xdf\xa3\x80\x18S\x80g\xff\x16T\xaek\x01\0\x0f\0\0\0\0\0", "latin1"),
    ];
    for (const head of heads) {
      let read = 0;
      const file: MediaFile = {
        size: 100e9,
        read: (offset, length) => {
          read += length;
          const bytes = new Uint8Array(length);
          bytes.set(head.subarray(offset, offset + length));
          return Promise.resolve(bytes);
        },
      };
      await assert.rejects(
        prepareMedia({
          ...{ kind: "clip", source: file, name: "" },
          keepMetadata: false,
          isLive: false,
        }),
        { code: "METADATA_NOT_REMOVABLE" },
      );
      assert.ok(read < 1_000_000, `${read} bytes were read`);
    }
  });

  it("of boxes without end: refused in seconds, in little memory", async () => {
    const file: MediaFile = {
      size: 100e9,
      read: (offset, length) => {
        const bytes = Buffer.alloc(length, "\0\0\0\x08free", "latin1");
        if (offset === 0) bytes.write("\0\0\0\x10ftypisom\0\0\0\0", "latin1");
        return Promise.resolve(bytes);
      },
    };
    await assert.rejects(
      prepareMedia({
        ...{ kind: "clip", source: file, name: "" },
        keepMetadata: false,
        isLive: false,
      }),
      { code: "METADATA_NOT_REMOVABLE" },
    );
  });

  it("of hundreds of megabytes pass in little memory", async () => {
    const { bytes } = samples.find(({ name }) => name === "webm") ?? assert.fail();
    const cluster = Buffer.from("\x1fC\xb6u\x01\xff\xff\xff\xff\xff\xff\xff\xe7\x81\0", "latin1");
    const block = Buffer.concat([
      Buffer.from("\xa3\x08\x0f\xff\xfb", "latin1"),
      Buffer.alloc(0xffffb, 7),
    ]);
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes;
      for (let index = 0; index < 200; index++) {
        yield cluster;
        yield block;
      }
    }
    const media = await prepareMedia({
      ...{ kind: "clip", source: source(), name: "" },
      ...{ keepMetadata: false, isLive: true },
    });
    let length = 0;
    const before = process.memoryUsage().rss;
    let most = 0;
    for await (const piece of media.stream) {
      length += piece.length;
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    assert.ok(length > 200_000_000);
    assert.ok(most < 48 * 1024 * 1024, `${most} bytes`);
  });
});
