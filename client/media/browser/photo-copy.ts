/**
 * The small copy of a photo, made by the browser's own decoder and a canvas. A canvas has no metadata; the browser
 * turns the picture by its orientation when it decodes it.
 */

import { TumarError } from "../../../shared/crypto/errors.ts";
import { MAX_PHOTO_COPY_BYTES, MAX_PHOTO_PIXELS, PHOTO_COPY_STEPS } from "../photo-copy.ts";

/** A `PhotoCopy`. @throws TumarError MEDIA_TYPE */
export async function photoCopy(photo: Uint8Array): Promise<Uint8Array> {
  const picture = await decoded(photo);
  try {
    for (const { side, quality } of PHOTO_COPY_STEPS) {
      const copy = await drawn(picture, side, quality / 100);
      if (copy.length <= MAX_PHOTO_COPY_BYTES) return copy;
    }
  } finally {
    picture.close();
  }
  throw new TumarError("MEDIA_TYPE", "no copy of this picture is small enough");
}

async function decoded(photo: Uint8Array): Promise<ImageBitmap> {
  let picture: ImageBitmap;
  try {
    const blob = new Blob([new Uint8Array(photo)]);
    picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch (error) {
    throw new TumarError("MEDIA_TYPE", "this is no picture that can be shown", { cause: error });
  }
  if (picture.width * picture.height <= MAX_PHOTO_PIXELS) return picture;
  picture.close();
  throw new TumarError("MEDIA_TYPE", "this picture is larger than any photo");
}

async function drawn(picture: ImageBitmap, side: number, quality: number): Promise<Uint8Array> {
  const scale = Math.min(1, side / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (context === null) throw new TumarError("MEDIA_TYPE", "this browser cannot draw the picture");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
  return new Uint8Array(await blob.arrayBuffer());
}
