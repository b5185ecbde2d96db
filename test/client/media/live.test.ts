/** Recordings that are sent while they grow: cleaned on the way, without waiting, and whole as far as they came. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { prepareMedia } from "../../../client/media/prepare.ts";
import { clipFile, packetHashes, TELLTALES, voiceFile } from "../../support/media.ts";
import { inPieces, prepared } from "../../support/prepared.ts";

function withoutTelltales(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString("latin1");
  assert.deepEqual(
    TELLTALES.filter((telltale) => text.includes(telltale)),
    [],
  );
}

/** A sender that gives a piece only when it is told to. */
class Recorder {
  given = 0;
  readonly #bytes: Uint8Array;
  readonly #piece: number;

  constructor(bytes: Uint8Array, piece: number) {
    this.#bytes = bytes;
    this.#piece = piece;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.given < this.#bytes.length) {
      const piece = this.#bytes.subarray(this.given, this.given + this.#piece);
      this.given += piece.length;
      yield piece;
    }
  }
}

describe("a recording that grows", () => {
  for (const container of ["webm", "fragmented-mp4"] as const) {
    it(`${container}: comes out as the file would, whatever its pieces`, async () => {
      const original = await readFile(await clipFile({ container }));
      const whole = await prepared(original, { kind: "clip" });
      for (const size of [1, 999, original.length]) {
        const pieces = inPieces(size === 1 ? original.subarray(0, 6_000) : original, size);
        const live = await prepared(original, { kind: "clip", source: pieces, isLive: true });
        assert.equal(live.metadata, "stripped");
        assert.deepEqual(live.bytes, whole.bytes.subarray(0, live.bytes.length));
        assert.ok(live.bytes.length > (size === 1 ? 4_000 : original.length - 1));
      }
      withoutTelltales(whole.bytes);
    });

    it(`${container}: comes out while it comes in`, async () => {
      const original = await readFile(await clipFile({ container, bytes: 1_000_000 }));
      const source = new Recorder(original, 2_000);
      const media = await prepareMedia({
        ...{ kind: "clip", source, name: "", keepMetadata: false, isLive: true },
      });
      assert.ok(source.given < 20_000, "the head is enough to begin");
      let out = 0;
      for await (const piece of media.stream) {
        out += piece.length;
        assert.ok(source.given - out < 20_000, `${source.given - out} bytes are held back`);
      }
    });

    it(`${container}: what came before it broke off plays`, async () => {
      const path = await clipFile({ container, bytes: 1_000_000 });
      const original = await readFile(path);
      const cut = original.subarray(0, Math.floor(original.length * 0.6) + 7);
      const live = await prepared(cut, { kind: "clip", source: inPieces(cut), isLive: true });
      withoutTelltales(live.bytes);
      const folder = await mkdtemp(join(tmpdir(), "tumar-live-"));
      try {
        await writeFile(join(folder, "cut"), live.bytes);
        const [pictures = []] = await packetHashes(join(folder, "cut"));
        const [all = []] = await packetHashes(path);
        assert.ok(pictures.length > all.length * 0.4);
        assert.deepEqual(pictures.slice(0, -1), all.slice(0, pictures.length - 1));
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  it("voice in Ogg is cleaned on the way", async () => {
    const original = await readFile(await voiceFile({ container: "opus" }));
    const whole = await prepared(original, { kind: "voice" });
    const source = inPieces(original, 333);
    const live = await prepared(original, { kind: "voice", source, isLive: true });
    assert.deepEqual(live.bytes, whole.bytes);
  });

  it("marks where a segment that plays alone begins, and passes on such marks", async () => {
    const original = await readFile(await clipFile({ container: "webm" }));
    async function* marked(): AsyncGenerator<Uint8Array> {
      yield* inPieces(original, 30_000);
      yield new Uint8Array();
    }
    const media = await prepareMedia({
      ...{ kind: "clip", source: marked(), name: "", keepMetadata: false, isLive: true },
    });
    let marks = 0;
    for await (const piece of media.stream) if (piece.length === 0) marks += 1;
    assert.ok(marks >= 3, `${marks} marks in two seconds`);
  });

  it("is refused when its index comes last, unless its metadata is kept", async () => {
    const original = new Uint8Array(await readFile(await clipFile({ container: "mp4" })));
    const source = (): AsyncIterable<Uint8Array> => inPieces(original);
    await assert.rejects(prepared(original, { kind: "clip", source: source(), isLive: true }), {
      code: "METADATA_NOT_REMOVABLE",
    });
    const kept = await prepared(original, {
      ...{ kind: "clip", source: source(), isLive: true, keepMetadata: true },
    });
    assert.equal(kept.metadata, "kept");
    assert.deepEqual(kept.bytes, original);
  });

  it("closes its source when it is refused or no longer read", async () => {
    let closed = 0;
    async function* source(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      try {
        yield* inPieces(bytes);
      } finally {
        closed += 1;
      }
    }
    const clip = await readFile(await clipFile({ container: "webm" }));
    const options = { kind: "clip", name: "", keepMetadata: false, isLive: true } as const;
    const damaged = new Uint8Array(clip).fill(0, 60, 9_000);
    for (const refused of [damaged, new Uint8Array(9_000)]) {
      await assert.rejects(prepareMedia({ ...options, source: source(refused) }));
    }
    assert.equal(closed, 2);
    const media = await prepareMedia({ ...options, source: source(clip) });
    for await (const piece of media.stream) if (piece.length > 0) break;
    assert.equal(closed, 3);
  });
});
