/**
 * The port to what makes the small copy of a photo that goes first: sharp in Node (node/), a canvas in browsers
 * (browser/). The copy is legible, the right way up, and has no metadata.
 */

export const MAX_PHOTO_COPY_BYTES = 150_000;
/** Longest side in pixels: a page of text photographed whole stays readable. */
export const PHOTO_COPY_SIDE = 1_600;
/** Decoding more than this would take hundreds of megabytes: no phone's camera makes it, a bomb does. */
export const MAX_PHOTO_PIXELS = 120_000_000;

/** A JPEG of at most `MAX_PHOTO_COPY_BYTES`. @throws TumarError MEDIA_TYPE if it is no picture that can be decoded */
export type PhotoCopy = (photo: Uint8Array) => Promise<Uint8Array>;

/** Tried in order until the copy is small enough: first quality goes, then size. */
export const PHOTO_COPY_STEPS: readonly { readonly side: number; readonly quality: number }[] = [
  { side: 1_600, quality: 75 },
  { side: 1_600, quality: 60 },
  { side: 1_600, quality: 45 },
  { side: 1_400, quality: 42 },
  { side: 1_200, quality: 40 },
  { side: 1_000, quality: 36 },
  { side: 800, quality: 32 },
  { side: 640, quality: 28 },
  { side: 480, quality: 25 },
  { side: 320, quality: 20 },
];
