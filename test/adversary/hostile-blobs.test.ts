/**
 * A relay that speaks the protocol and serves blobs as it likes: it changes, swaps, cuts, repeats and
 * mixes them. The reader asks once more, then says what is wrong, keeps all that opened, and goes on from
 * there when the relay is honest again.
 */

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { Client } from "../../client/core/client.ts";
import type { StoredBlob } from "../../server/store/store.ts";
import { concat, toHex } from "../../shared/crypto/bytes.ts";
import type { ErrorCode } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import {
  BLOB_CHUNK_BYTES,
  BLOB_CHUNK_DATA_BYTES,
  chunkOffset,
  paddedBlobBytes,
} from "../../shared/e2ee/blob.ts";
import { type LyingRelay, lyingRelay } from "../support/lying-relay.ts";
import { asFile, bytesOf, opened, openedSoFar } from "../support/media-bytes.ts";
import { acquaint, type Person, person } from "../support/people.ts";
import { synced, until } from "../support/stories.ts";

/** Seven chunks, the last one short. */
const FILE_BYTES = 100_000;
const CHUNKS = Math.ceil(FILE_BYTES / BLOB_CHUNK_DATA_BYTES);
const WHOLE_BYTES = paddedBlobBytes(CHUNKS);
/** The chunk that is interfered with. */
const BAD = 3;

interface Scene extends LyingRelay {
  readonly aigul: Person;
  readonly bek: Person;
}

interface Sent {
  readonly id: Uint8Array;
  readonly bytes: Uint8Array;
  /** As it lies at the relay. */
  readonly blob: Uint8Array;
}

interface Lie {
  readonly what: string;
  /** The blob as it is served; `other` is another one of the same sender and size. */
  readonly serve: (blob: Uint8Array, other: Uint8Array) => Uint8Array;
  readonly code: ErrorCode;
  /** Chunks that the reader has for good. */
  readonly kept: number;
}

function chunkOf(blob: Uint8Array, index: number): Uint8Array {
  return blob.slice(chunkOffset(index), chunkOffset(index + 1));
}

function patched(blob: Uint8Array, at: number, bytes: Uint8Array): Uint8Array {
  const changed = blob.slice();
  changed.set(bytes, at);
  return changed;
}

function flipped(blob: Uint8Array, at: number): Uint8Array {
  return blob.with(at, (blob[at] ?? 0) ^ 1);
}

const LIES: readonly Lie[] = [
  {
    what: "with a bit flipped in a chunk",
    serve: (blob) => flipped(blob, chunkOffset(BAD) + 5000),
    code: "BLOB_DAMAGED",
    kept: BAD,
  },
  {
    what: "with two chunks swapped",
    serve: (blob) =>
      patched(blob, chunkOffset(BAD), concat(chunkOf(blob, BAD + 1), chunkOf(blob, BAD))),
    code: "BLOB_DAMAGED",
    kept: BAD,
  },
  {
    what: "with a chunk repeated",
    serve: (blob) => patched(blob, chunkOffset(BAD), chunkOf(blob, BAD - 1)),
    code: "BLOB_DAMAGED",
    kept: BAD,
  },
  {
    what: "with its last chunk in the middle",
    serve: (blob) => patched(blob, chunkOffset(BAD), chunkOf(blob, CHUNKS - 1)),
    code: "BLOB_DAMAGED",
    kept: BAD,
  },
  {
    what: "with a chunk left out",
    serve: (blob) => concat(blob.slice(0, chunkOffset(BAD)), blob.slice(chunkOffset(BAD + 1))),
    code: "BLOB_DAMAGED",
    kept: BAD,
  },
  {
    what: "with a chunk of another blob",
    serve: (blob, other) => patched(blob, chunkOffset(BAD), chunkOf(other, BAD)),
    code: "BLOB_DAMAGED",
    kept: BAD,
  },
  {
    what: "with noise in the place of its last chunk",
    serve: (blob) => patched(blob, chunkOffset(CHUNKS - 1), systemRandom(BLOB_CHUNK_BYTES)),
    code: "BLOB_DAMAGED",
    kept: CHUNKS - 1,
  },
  {
    what: "in the place of which another blob stands",
    serve: (_, other) => other,
    code: "BLOB_MISMATCH",
    kept: 0,
  },
  {
    what: "under the header of another blob",
    serve: (blob, other) => patched(blob, 0, other.subarray(0, 32)),
    code: "BLOB_MISMATCH",
    kept: 0,
  },
  {
    what: "cut, and called complete",
    serve: (blob) => blob.slice(0, chunkOffset(BAD) + 7),
    code: "BLOB_MISMATCH",
    kept: BAD,
  },
  {
    what: "that ends with its last chunk, and is called complete",
    serve: (blob) => blob.slice(0, chunkOffset(CHUNKS)),
    code: "BLOB_MISMATCH",
    kept: CHUNKS,
  },
  {
    what: "with other padding",
    serve: (blob) => flipped(blob, WHOLE_BYTES - 1),
    code: "BLOB_MISMATCH",
    kept: CHUNKS,
  },
  {
    what: "that goes on after its end",
    serve: (blob) => concat(blob, systemRandom(100)),
    code: "BLOB_MISMATCH",
    kept: CHUNKS,
  },
];

describe("a hostile relay: a blob", () => {
  let scene: Scene;
  let other: Sent;
  let folder: string;

  const cleans: (() => Promise<void>)[] = [];

  after(async () => {
    for (const clean of cleans) await clean();
  });

  before(async () => {
    const cleanup = { after: (clean: () => Promise<void>) => cleans.push(clean) };
    const lying = await lyingRelay(cleanup);
    const { address } = lying.relay;
    scene = {
      ...lying,
      aigul: await person(cleanup, address),
      bek: await person(cleanup, address),
    };
    folder = join(scene.relay.directory, "blobs");
    await acquaint([scene.aigul, "Aigul"], [scene.bek, "Bek"]);
    scene.aigul.client.start();
    scene.bek.client.start();
    other = await sent(LIES.length);
  });

  afterEach(() => {
    scene.store.lies = {};
  });

  function pathOf(name: string): string {
    return join(folder, name.slice(0, 2), name.slice(2, 4), name);
  }

  /** Of the blob that was made last. */
  function lastName(): string {
    const { result } = scene.store.committed.findLast(
      ({ operation, result: one }) => operation.type === "createBlob" && one?.ok === true,
    ) ?? { result: undefined };
    assert.ok(result?.ok === true && typeof result.value === "object" && "name" in result.value);
    return result.value.name;
  }

  async function putFile(bytes: Uint8Array): Promise<string> {
    const name = toHex(systemRandom(24));
    await mkdir(dirname(pathOf(name)), { recursive: true });
    await writeFile(pathOf(name), bytes);
    return name;
  }

  /** A file of Aigul's that lies at the relay whole, and whose message Bek has. */
  async function sent(seed: number): Promise<Sent> {
    const bytes = bytesOf(FILE_BYTES, seed);
    const { client } = scene.bek;
    const { id } = await scene.aigul.client.sendMedia("Bek", asFile(bytes));
    await scene.aigul.client.stored(id);
    await synced(client);
    await until("the message", async () =>
      (await client.received()).some((message) => toHex(message.id) === toHex(id)),
    );
    return { id, bytes, blob: Uint8Array.from(await readFile(pathOf(lastName()))) };
  }

  /** Reads of the file `served` in the place of a blob of that size are lies. */
  async function liesWith(served: Uint8Array, isLie: () => boolean = () => true): Promise<void> {
    const name = await putFile(served);
    const lie = (found: StoredBlob): StoredBlob => ({ ...found, name, storedBytes: served.length });
    scene.store.lies = { blob: (found) => (isLie() ? lie(found) : found) };
  }

  /** What so many chunks hold. */
  function prefix(bytes: Uint8Array, chunks: number): Uint8Array {
    return bytes.subarray(0, chunks * BLOB_CHUNK_DATA_BYTES);
  }

  async function fetchedFrom(client: Client, id: Uint8Array): Promise<number> {
    let first: number | undefined;
    await client.fetchMedia(id, {
      onProgress: ({ fetchedBytes }) => {
        first ??= fetchedBytes;
      },
    });
    return first ?? WHOLE_BYTES;
  }

  for (const [seed, { what, serve, code, kept }] of LIES.entries()) {
    it(`${what} is ${code}; what opened stays, and the rest comes from an honest relay`, async () => {
      const { client } = scene.bek;
      const one = await sent(seed);
      await liesWith(serve(one.blob, other.blob));
      for (const _ of ["at first", "and again"]) {
        await assert.rejects(client.fetchMedia(one.id), { code });
        assert.deepEqual(await openedSoFar(client, one.id), prefix(one.bytes, kept));
      }
      scene.store.lies = {};
      const first = await fetchedFrom(client, one.id);
      assert.ok(first >= chunkOffset(kept), `${first} of ${kept} chunks`);
      assert.deepEqual(await opened(client, one.id), one.bytes);
    });
  }

  it("that is less than it claimed is not complete, and what came of it does not end in silence", async () => {
    const { client } = scene.bek;
    const { id, bytes, blob } = await sent(101);
    const complete = (await client.receivedMessage(id)).media;
    assert.equal(complete?.state, "complete");
    const name = await putFile(blob.slice(0, chunkOffset(BAD)));
    for (const isQuiet of [false, true]) {
      const grownHour = isQuiet ? 0 : Math.floor(Date.now() / 3_600_000);
      const storedBytes = chunkOffset(BAD);
      // As it says before it is asked for the bytes.
      await client.refreshMedia([id]);
      await assert.rejects(opened(client, id), { code: "BLOB_CUT_OFF" });
      scene.store.lies = {
        blob: (found) => ({ ...found, name, storedBytes, isComplete: false, grownHour }),
      };
      const media = await client.fetchMedia(id);
      assert.notEqual(media.state, "complete");
      assert.deepEqual([media.isFetched, media.parts[0]?.storedBytes], [false, storedBytes]);
      assert.deepEqual(await opened(client, id), prefix(bytes, BAD), "with the state that says so");
      scene.store.lies = {};
    }
    await client.refreshMedia([id]);
    assert.ok((await client.fetchMedia(id)).isFetched);
    assert.deepEqual(await opened(client, id), bytes);
  });

  it("that came damaged once is asked for once more, and is whole", async () => {
    const { client } = scene.bek;
    const { id, bytes, blob } = await sent(100);
    let reads = 0;
    await liesWith(flipped(blob, 40), () => reads++ === 0);
    await client.fetchMedia(id);
    assert.ok(reads > 1);
    assert.deepEqual(await opened(client, id), bytes);
  });
});
