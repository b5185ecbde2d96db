/** Which cleaner is for which container. */

import type { Cleaner } from "./cleaner.ts";
import { FlacCleaner } from "./flac.ts";
import { JpegCleaner } from "./jpeg.ts";
import { MatroskaCleaner } from "./matroska.ts";
import { MovieCleaner } from "./movie.ts";
import { Mp3Cleaner } from "./mp3.ts";
import { OggCleaner } from "./ogg.ts";
import { PngCleaner } from "./png.ts";
import { WavCleaner, WebpCleaner } from "./riff.ts";
import type { MediaForm } from "./sniff.ts";

/** A new one for each pass. `before` is the one of the pass before it. Null: none cleans this in place. */
export function cleanerFor(form: MediaForm, before?: Cleaner): Cleaner | null {
  switch (form) {
    case "jpeg":
      return new JpegCleaner();
    case "png":
      return new PngCleaner();
    case "webp":
      return new WebpCleaner(before instanceof WebpCleaner ? before.orientation : 1);
    case "isobmff":
      return new MovieCleaner();
    case "matroska":
      return new MatroskaCleaner();
    case "ogg":
      return new OggCleaner();
    case "wav":
      return new WavCleaner();
    case "mp3":
      return new Mp3Cleaner();
    case "flac":
      return new FlacCleaner();
    case "other-photo":
    case "other-recording":
      return null;
  }
}
