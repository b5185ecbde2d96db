/** Photos: where, when and by what they were taken is gone; pixels, colours and the right way up stay. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import sharp from "sharp";
import { photoCopy } from "../../../client/media/node/photo-copy.ts";
import { MAX_PHOTO_COPY_BYTES, PHOTO_COPY_SIDE } from "../../../client/media/photo-copy.ts";
import { type PhotoFormat, photoFile, TELLTALES } from "../../support/media.ts";
import { inPieces, prepared } from "../../support/prepared.ts";

const FORMATS = ["jpeg", "png", "webp"] as const;

function telltales(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes).toString("latin1");
  return TELLTALES.filter((telltale) => text.includes(telltale));
}

/** As they are stored, before they are turned. */
async function pixels(photo: Uint8Array): Promise<Buffer> {
  return await sharp(photo).raw().toBuffer();
}

describe("photos", () => {
  for (const format of FORMATS) {
    it(`${format}: metadata is gone, pixels, colour profile and orientation are kept`, async () => {
      await checkPhoto(format);
    });
  }

  async function checkPhoto(format: PhotoFormat): Promise<void> {
    const original = new Uint8Array(await readFile(await photoFile({ format, orientation: 6 })));
    assert.ok(telltales(original).length > 3);
    const { bytes, ...media } = await prepared(original, { kind: "photo" });
    assert.deepEqual([media.type, media.metadata], [`image/${format}`, "stripped"]);
    assert.equal(media.size, bytes.length);
    assert.deepEqual(telltales(bytes), []);
    assert.deepEqual(await pixels(bytes), await pixels(original));
    const [found, before] = await Promise.all([
      sharp(bytes).metadata(),
      sharp(original).metadata(),
    ]);
    assert.equal(found.orientation, 6);
    assert.deepEqual(found.icc, before.icc);
    assert.ok(before.icc !== undefined);
    assert.equal(found.xmp, undefined);
    const written = (found.exif ?? Buffer.alloc(0)).filter((byte) => byte !== 0);
    assert.ok(written.length < 24, "nothing but the orientation");
    // What is left of EXIF is the orientation, and that is not taken for more.
    const again = await prepared(bytes, { kind: "photo" });
    assert.equal(again.metadata, "none");
    assert.deepEqual(again.bytes, bytes);
  }

  for (const format of FORMATS) {
    it(`${format}: without metadata it is sent byte for byte`, async () => {
      const original = new Uint8Array(await readFile(await photoFile({ format, isClean: true })));
      const media = await prepared(original, { kind: "photo" });
      assert.equal(media.metadata, "none");
      assert.deepEqual(media.bytes, original);
    });
  }

  it("leave behind what cameras add after the end: second pictures, films", async () => {
    const film = Buffer.from("ftypmp42 a film with +48.8577+002.2950/");
    for (const format of FORMATS) {
      const clean = new Uint8Array(await readFile(await photoFile({ format, isClean: true })));
      const media = await prepared(Buffer.concat([clean, film]), { kind: "photo" });
      assert.equal(media.metadata, "stripped");
      assert.deepEqual(media.bytes, clean);
    }
  });

  it("lose all that is not needed to draw them: comments, IPTC, times, text", async () => {
    const jpeg = await readFile(await photoFile({ format: "jpeg", isClean: true }));
    const segment = (marker: number, text: string): Buffer =>
      Buffer.concat([Buffer.from([0xff, marker, 0, text.length + 2]), Buffer.from(text, "latin1")]);
    const added = Buffer.concat([
      segment(0xed, "Photoshop 3.0\x008BIM secret"),
      segment(0xe2, "MPF\0 secret"),
      segment(0xe5, "secret"),
      segment(0xfe, "secret"),
    ]);
    const photo = Buffer.concat([jpeg.subarray(0, 2), added, jpeg.subarray(2)]);
    assert.deepEqual((await prepared(photo, { kind: "photo" })).bytes, new Uint8Array(jpeg));
  });

  it("come in pieces, too", async () => {
    const original = await readFile(await photoFile({ format: "jpeg" }));
    const whole = await prepared(original, { kind: "photo" });
    const source = inPieces(original);
    assert.deepEqual((await prepared(original, { kind: "photo", source })).bytes, whole.bytes);
  });

  it("of a kind that cannot be cleaned are refused, or sent as they are on purpose", async () => {
    const tiff = new Uint8Array(
      await sharp(await photoFile({ format: "png", isClean: true }))
        .tiff()
        .toBuffer(),
    );
    await assert.rejects(prepared(tiff, { kind: "photo" }), { code: "METADATA_NOT_REMOVABLE" });
    for (const kind of ["photo", "file"] as const) {
      const media = await prepared(tiff, { kind, keepMetadata: kind === "photo" });
      assert.deepEqual([media.metadata, media.type], ["kept", "image/tiff"]);
      assert.deepEqual(media.bytes, tiff);
    }
  });

  it("are told by their bytes, not by their name", async () => {
    const text = Buffer.from("no photo at all, whatever it is called");
    await assert.rejects(prepared(text, { kind: "photo", name: "a.jpg" }), { code: "MEDIA_TYPE" });
    const png = await readFile(await photoFile({ format: "png" }));
    const media = await prepared(png, { kind: "file", name: "a.txt" });
    assert.deepEqual([media.type, media.metadata, media.name], ["image/png", "stripped", "a.txt"]);
    await assert.rejects(prepared(png, { kind: "clip" }), { code: "MEDIA_TYPE" });
  });
});

describe("the small copy of a photo", () => {
  /** A page of text as a phone photographs it: large, turned by EXIF, with the noise of a sensor. */
  async function photographedPage(): Promise<Uint8Array> {
    const [width, height] = [1_800, 2_400];
    const lines = Array.from(
      { length: 44 },
      (_, line) =>
        `<text x="100" y="${150 + line * 50}" font-family="DejaVu Sans" font-size="30">` +
        `${line + 1}. Decision No. 2026/${line * 37} is served on the applicant in transit</text>`,
    );
    const page = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
      <rect width="${width}" height="${height}" fill="#f4f1ea"/>${lines.join("")}</svg>`;
    const drawn = await sharp(Buffer.from(page)).removeAlpha().raw().toBuffer();
    for (let index = 0; index < drawn.length; index += 2) {
      drawn[index] = Math.min(255, (drawn[index] ?? 0) + ((index * 2_654_435_761) >>> 28));
    }
    const photo = sharp(drawn, { raw: { width, height, channels: 3 } }).rotate(-90);
    const tagged = photo.jpeg({ quality: 92 }).withMetadata({ orientation: 6 });
    return new Uint8Array(await tagged.toBuffer());
  }

  it("is at most 150,000 bytes, the right way up, without metadata, and text stays legible", async () => {
    const original = await photographedPage();
    const { preview, bytes } = await prepared(original, { kind: "photo", makePreview: photoCopy });
    assert.ok(preview !== null && bytes.length > 500_000);
    assert.ok(preview.length <= MAX_PHOTO_COPY_BYTES, `${preview.length} bytes`);
    const found = await sharp(preview).metadata();
    assert.deepEqual([found.width, found.height], [1200, PHOTO_COPY_SIDE]);
    assert.deepEqual(
      [found.exif, found.xmp, found.icc, found.orientation],
      Array(4).fill(undefined),
    );
    const likeness = await inkLikeness(original, preview);
    assert.ok(likeness > 0.9, `likeness ${likeness}`);
  });

  /** Correlation of a line of text in both, at the size it has in the copy. Ink that blurs into paper lowers it. */
  async function inkLikeness(original: Uint8Array, copy: Uint8Array): Promise<number> {
    const part = { left: 60, top: 700, width: 900, height: 100 };
    const grey = async (photo: Uint8Array): Promise<Uint8Array> => {
      const sized = await sharp(photo).rotate().resize(1200, PHOTO_COPY_SIDE).png().toBuffer();
      return new Uint8Array(await sharp(sized).extract(part).greyscale().raw().toBuffer());
    };
    return correlation(await grey(original), await grey(copy));
  }

  function correlation(a: Uint8Array, b: Uint8Array): number {
    const mean = (values: Uint8Array): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    const [meanA, meanB] = [mean(a), mean(b)];
    let [both, onlyA, onlyB] = [0, 0, 0];
    for (const [index, value] of a.entries()) {
      const [x, y] = [value - meanA, (b[index] ?? 0) - meanB];
      both += x * y;
      onlyA += x * x;
      onlyB += y * y;
    }
    return both / Math.sqrt(onlyA * onlyB);
  }

  it("is not made of a photo that is as small itself", async () => {
    const small = await readFile(await photoFile({ format: "jpeg" }));
    const media = await prepared(small, { kind: "photo", makePreview: photoCopy });
    assert.equal(media.preview, null);
  });

  it("refuses what is no picture, and a picture that would fill the memory", async () => {
    await assert.rejects(photoCopy(Buffer.from("no picture")), { code: "MEDIA_TYPE" });
    // A few kilobytes that say of themselves to be 65,500 by 65,500 pixels.
    const bomb = await readFile(await photoFile({ format: "jpeg", isClean: true }));
    const frame = bomb.indexOf(Buffer.from([0xff, 0xc0]));
    bomb.writeUInt16BE(65_500, frame + 5);
    bomb.writeUInt16BE(65_500, frame + 7);
    await assert.rejects(photoCopy(bomb), { code: "MEDIA_TYPE" });
  });
});
