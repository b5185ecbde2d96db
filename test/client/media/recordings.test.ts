/** Clips and voice recordings: where, when and by what they were made is gone, every packet is as it was. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ALL_FORMATS, BufferSource, Input } from "mediabunny";
import {
  type ClipContainer,
  clipFile,
  packetHashes,
  probe,
  TELLTALES,
  type VoiceContainer,
  voiceFile,
} from "../../support/media.ts";
import { inPieces, prepared } from "../../support/prepared.ts";

let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tumar-recordings-"));
});

after(() => rm(folder, { recursive: true, force: true }));

async function saved(bytes: Uint8Array): Promise<string> {
  const path = join(folder, "cleaned");
  await writeFile(path, bytes);
  return path;
}

function telltales(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes).toString("latin1");
  return TELLTALES.filter((telltale) => text.includes(telltale));
}

/** What another reader finds: raw tags, whatever they are called. */
async function tagsOf(bytes: Uint8Array): Promise<readonly string[]> {
  const input = new Input({ formats: ALL_FORMATS, source: new BufferSource(bytes) });
  const { raw = {} } = await input.getMetadataTags();
  const ours = new Set(["MuxingApp", "WritingApp", "vendor", "encoder"]);
  return Object.entries(raw)
    .filter(([name, value]) => value !== "" && !ours.has(name))
    .map(([name]) => name);
}

describe("clips", () => {
  for (const container of ["mp4", "mov", "3gp", "fragmented-mp4", "webm", "mkv"] as const) {
    it(`${container}: nothing of place, date and device; packets, turning and length are kept`, async () => {
      await checkClip(container);
    });
  }

  async function checkClip(container: ClipContainer): Promise<void> {
    const isUpright = container === "mp4" || container === "mov";
    const path = await clipFile({ container, isUpright });
    const original = await readFile(path);
    assert.ok(telltales(original).length > 3);
    const { bytes, ...media } = await prepared(original, { kind: "clip", name: `x.${container}` });
    assert.equal(media.metadata, "stripped");
    assert.equal(media.size, bytes.length);
    assert.deepEqual(telltales(bytes), []);
    assert.deepEqual(await tagsOf(bytes), []);
    const cleanPath = await saved(bytes);
    assert.deepEqual(await packetHashes(cleanPath), await packetHashes(path));
    const streams = (await probe(cleanPath)).streams;
    const rotation = streams.flatMap(({ side_data_list }) => side_data_list ?? []);
    assert.deepEqual(
      rotation.map(({ rotation: degrees }) => Math.abs(degrees ?? 0)),
      isUpright ? [90] : [],
    );
    if (container !== "fragmented-mp4") assert.ok(Math.abs(media.durationMs - 2_000) < 100);
    await checkAgain(bytes);
  }

  /** Nothing is left to be found, and then nothing is changed. */
  async function checkAgain(bytes: Uint8Array): Promise<void> {
    const again = await prepared(bytes, { kind: "clip" });
    assert.equal(again.metadata, "none");
    assert.deepEqual(again.bytes, bytes);
  }

  for (const container of ["mp4", "fragmented-mp4", "webm"] as const) {
    it(`${container}: what was sent before it was cut off plays`, async () => {
      const path = await clipFile({ container, bytes: 1_000_000 });
      const { bytes } = await prepared(await readFile(path), { kind: "clip" });
      const whole = await packetHashes(path);
      for (const share of [0.3, 0.7]) {
        const cut = await saved(bytes.subarray(0, Math.floor(bytes.length * share)));
        const [pictures = []] = await packetHashes(cut);
        const expected = Math.floor((whole[0]?.length ?? 0) * (share - 0.25));
        assert.ok(pictures.length > expected, `${pictures.length} of ${expected} pictures`);
        assert.deepEqual(pictures.slice(0, -1), whole[0]?.slice(0, pictures.length - 1));
      }
    });
  }

  it("are not touched when the metadata is kept on purpose", async () => {
    for (const container of ["mp4", "webm"] as const) {
      const original = new Uint8Array(await readFile(await clipFile({ container })));
      const media = await prepared(original, { kind: "clip", keepMetadata: true });
      assert.equal(media.metadata, "kept");
      assert.deepEqual(media.bytes, original);
    }
  });

  it("say how many tracks were left out, and nothing of those is sent", async () => {
    const original = await readFile(await clipFile({ container: "mp4" }));
    // The sound becomes a track of positions, as action cameras write them.
    const handler = original.indexOf("soun", original.indexOf("moov"));
    original.write("meta", handler);
    const { bytes, droppedTracks } = await prepared(original, { kind: "clip" });
    assert.equal(droppedTracks, 1);
    const path = await saved(bytes);
    const clip = await clipFile({ container: "mp4" });
    assert.deepEqual(await packetHashes(path), (await packetHashes(clip)).slice(0, 1));
    assert.equal(bytes.filter((byte) => byte === 0).length > 15_000, true);
  });
});

describe("voice recordings", () => {
  for (const container of ["m4a", "ogg", "opus", "webm", "mp3", "wav", "flac"] as const) {
    it(`${container}: nothing of place, date and device; packets are kept`, async () => {
      await checkVoice(container);
    });
  }

  async function checkVoice(container: VoiceContainer): Promise<void> {
    const path = await voiceFile({ container });
    const original = await readFile(path);
    assert.ok(telltales(original).length > 3);
    const { bytes, ...media } = await prepared(original, { kind: "voice" });
    assert.equal(media.metadata, "stripped");
    assert.match(media.type, /^audio\//);
    assert.ok(Math.abs(media.durationMs - 2_000) < 100);
    assert.deepEqual(telltales(bytes), []);
    assert.deepEqual(await tagsOf(bytes), []);
    assert.equal(media.size, bytes.length);
    assert.deepEqual(await packetHashes(await saved(bytes)), await packetHashes(path));
    const again = await prepared(bytes, { kind: "voice" });
    assert.equal(again.metadata, "none");
    assert.deepEqual(again.bytes, bytes);
  }

  it("mp3: tags before and behind the frames go, also where they look like frames", async () => {
    const path = await voiceFile({ container: "mp3", isClean: true });
    const { bytes: clean } = await prepared(await readFile(path), { kind: "voice" });
    const frame = Buffer.from(clean.subarray(0, 4));
    const text = Buffer.from("\xff\xfe+48.8577 TumarPhone7", "latin1");
    const tag = Buffer.concat([Buffer.from("APETAGEX"), text, frame, text, frame, text]);
    const emptyTag = Buffer.from("ID3\x04\0\0\0\0\0\0", "latin1");
    for (const tagged of [Buffer.concat([emptyTag, tag, clean]), Buffer.concat([clean, tag])]) {
      const media = await prepared(tagged, { kind: "voice" });
      assert.equal(media.metadata, "stripped");
      assert.deepEqual(media.bytes, clean);
    }
  });

  it("never hold a picture: a clip is refused", async () => {
    for (const container of ["mp4", "webm"] as const) {
      const original = await readFile(await clipFile({ container }));
      await assert.rejects(prepared(original, { kind: "voice" }), { code: "MEDIA_TYPE" });
      const source = inPieces(original);
      if (container === "webm") {
        await assert.rejects(prepared(original, { kind: "voice", source }), { code: "MEDIA_TYPE" });
      }
    }
  });
});
