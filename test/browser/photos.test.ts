/** A photo prepared in a browser: cleaned by the same code, its small copy drawn on a canvas. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, describe, it } from "node:test";
import sharp from "sharp";
import { MAX_PHOTO_COPY_BYTES, PHOTO_COPY_SIDE } from "../../client/media/photo-copy.ts";
import { lastFirst, newContext, servePage, startChromium } from "../support/browser.ts";
import { bundle } from "../support/browser-bundle.ts";
import { photoFile } from "../support/media.ts";
import type { PhotoPage } from "../support/photo-page.ts";
import { prepared } from "../support/prepared.ts";

const wholeFile = lastFirst({ after });

declare const photos: PhotoPage;

describe("a photo in a browser", { timeout: 120_000 }, () => {
  it("is cleaned as in Node; its copy is small, the right way up and says nothing", async () => {
    const address = await servePage(
      wholeFile,
      await bundle(wholeFile, "test/support/photo-page.ts"),
    );
    const browser = await startChromium(wholeFile);
    const page = await (await newContext(wholeFile, browser)).newPage();
    await page.goto(address);
    await page.waitForFunction(() => "photos" in globalThis);
    const path = await photoFile({ format: "png", width: 2000, height: 1500, orientation: 6 });
    const photo = await readFile(path);
    const sent = await page.evaluate((base64) => photos.prepare(base64), photo.toString("base64"));
    const { bytes } = await prepared(photo, { kind: "photo" });
    const pieces = sent.whole.match(/[^=]+=*/gu) ?? [];
    const whole = Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
    assert.ok(whole.equals(bytes));
    const copy = Buffer.from(sent.preview ?? "", "base64");
    assert.ok(copy.length > 0 && copy.length <= MAX_PHOTO_COPY_BYTES);
    const { width, height, format, exif, xmp } = await sharp(copy).metadata();
    assert.deepEqual([width, height, format], [1200, PHOTO_COPY_SIDE, "jpeg"]);
    assert.deepEqual([exif, xmp], [undefined, undefined]);
    // The red corner lies at the top left before the photo is turned, and at the top right after it.
    const corner = { left: 1100, top: 100, width: 1, height: 1 };
    const [red = 0, green = 0] = await sharp(copy).extract(corner).raw().toBuffer();
    assert.ok(red > 200 && green < 60, `${red}, ${green}`);
    assert.equal(await page.evaluate(() => photos.copyFault(btoa("no picture"))), "MEDIA_TYPE");
  });
});
