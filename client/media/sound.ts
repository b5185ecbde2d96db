/**
 * Cleans MP3 and FLAC with mediabunny: the packets of the sound are put into a new container, and nothing else.
 *
 * The library is loaded when the first recording of this kind is sent. It is given one piece of the file at a time.
 */

import type { InputAudioTrack, OutputFormat } from "mediabunny";
import { TumarError } from "../../shared/crypto/errors.ts";
import { copyOf } from "./bytes.ts";
import { notRemovable } from "./cleaner.ts";
import type { MediaForm } from "./sniff.ts";
import type { MediaFile } from "./source.ts";

type Library = typeof import("mediabunny");

/** So much of a file may be in memory. */
const CACHE_BYTES = 1024 * 1024;

export type SoundForm = Extract<MediaForm, "mp3" | "flac">;

export function isSoundForm(form: MediaForm): form is SoundForm {
  return form === "mp3" || form === "flac";
}

export interface Sound {
  readonly durationMs: number;
  /** Read once. */
  readonly stream: AsyncIterable<Uint8Array>;
}

/** @throws TumarError METADATA_NOT_REMOVABLE */
export async function cleanSound(file: MediaFile, form: SoundForm): Promise<Sound> {
  const library = await import("mediabunny");
  try {
    const track = await soundTrack(library, file, form);
    const durationMs = Math.round((await track.computeDuration()) * 1_000);
    return { durationMs: Math.max(0, durationMs), stream: repacked(library, track, form) };
  } catch (error) {
    throw unreadable(error);
  }
}

async function soundTrack(
  library: Library,
  file: MediaFile,
  form: SoundForm,
): Promise<InputAudioTrack> {
  const formats = { mp3: library.MP3, flac: library.FLAC };
  const source = new library.CustomSource({
    getSize: () => file.size,
    read: async (from, to) => await file.read(from, to - from),
    maxCacheSize: CACHE_BYTES,
  });
  const input = new library.Input({ formats: [formats[form]], source });
  const tracks = await input.getTracks();
  const track = await input.getPrimaryAudioTrack();
  if (track === null || tracks.length !== 1)
    throw notRemovable("it has not exactly one sound track");
  return track;
}

async function* repacked(
  library: Library,
  track: InputAudioTrack,
  form: SoundForm,
): AsyncGenerator<Uint8Array> {
  const codec = await track.getCodec();
  if (codec === null) throw notRemovable("its codec is not known");
  const pieces: Uint8Array[] = [];
  const target = new library.AppendOnlyStreamTarget(
    new WritableStream({ write: (piece) => void pieces.push(copyOf(piece)) }),
  );
  const output = new library.Output({ format: outputFormat(library, form), target });
  const source = new library.EncodedAudioPacketSource(codec);
  output.addAudioTrack(source);
  const decoderConfig = await track.getDecoderConfig();
  try {
    await output.start();
    for await (const packet of new library.EncodedPacketSink(track).packets()) {
      await source.add(packet, decoderConfig === null ? undefined : { decoderConfig });
      yield* pieces.splice(0);
    }
    await output.finalize();
    yield* pieces.splice(0);
  } catch (error) {
    throw unreadable(error);
  }
}

/** What the library says of a file it cannot read is for developers. */
function unreadable(error: unknown): TumarError {
  if (error instanceof TumarError) return error;
  return new TumarError("METADATA_NOT_REMOVABLE", "this sound cannot be read", { cause: error });
}

function outputFormat(library: Library, form: SoundForm): OutputFormat {
  switch (form) {
    case "mp3":
      return new library.Mp3OutputFormat({ xingHeader: false });
    case "flac":
      return new library.FlacOutputFormat({ appendOnly: true });
  }
}
