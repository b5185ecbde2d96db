/**
 * The small copy of a photo, made by sharp (libvips). It is loaded when the first photo is sent.
 *
 * sharp writes no metadata unless asked to, and turns the colours to sRGB.
 */

import type { Sharp, SharpOptions } from "sharp";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { MAX_PHOTO_COPY_BYTES, MAX_PHOTO_PIXELS, PHOTO_COPY_STEPS } from "../photo-copy.ts";

type SharpFactory = (photo: Uint8Array, options: SharpOptions) => Sharp;

const OPTIONS: SharpOptions = {
  limitInputPixels: MAX_PHOTO_PIXELS,
  // A photo that is cut off in the middle still shows its beginning.
  failOn: "none",
  sequentialRead: true,
};

/** A `PhotoCopy`. @throws TumarError MEDIA_TYPE */
export async function photoCopy(photo: Uint8Array): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  try {
    return await smallEnough(sharp, photo);
  } catch (error) {
    throw new TumarError("MEDIA_TYPE", "this is no picture that can be shown", { cause: error });
  }
}

async function smallEnough(sharp: SharpFactory, photo: Uint8Array): Promise<Uint8Array> {
  let copy = new Uint8Array();
  for (const { side, quality } of PHOTO_COPY_STEPS) {
    copy = new Uint8Array(
      await sharp(photo, OPTIONS)
        .rotate()
        .resize({ width: side, height: side, fit: "inside", withoutEnlargement: true })
        .flatten({ background: "white" })
        .jpeg({ quality, mozjpeg: true })
        .toBuffer(),
    );
    if (copy.length <= MAX_PHOTO_COPY_BYTES) return copy;
  }
  throw new RangeError(`the smallest copy has ${copy.length} bytes`);
}
