/**
 * Photos, clips and voice recordings as a phone makes them, with where, when and by what they were taken, made by
 * ffmpeg and sharp.
 *
 * Each is made once on this machine and kept in the system's temporary folder under a name that says how it was made.
 * The files are shared: whoever wants to change one copies it.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import type { Sharp } from "sharp";

const run = promisify(execFile);

const { TUMAR_FFMPEG = "ffmpeg" } = process.env;

export const ffmpegPath: string = TUMAR_FFMPEG;
/** Comes with ffmpeg, and lies beside it. */
export const ffprobePath: string = isAbsolute(ffmpegPath)
  ? join(dirname(ffmpegPath), "ffprobe")
  : "ffprobe";

/** Where, by what and when everything here was taken. */
export const LOCATION = "+48.8577+002.2950/";
export const DEVICE = "TumarPhone7";
export const MAKER = "QamqaMobile";
export const TAKEN_AT = "2026-11-20T21:13:07Z";
const EXIF_DATE = "2026:11:20 21:13:07";

/** What is in the bytes of every file made with metadata, and must not be in a cleaned one. */
export const TELLTALES: readonly string[] = [
  LOCATION,
  "+48.8577",
  DEVICE,
  MAKER,
  "2026-11-20",
  EXIF_DATE,
];

export type ClipContainer = "mp4" | "mov" | "3gp" | "fragmented-mp4" | "webm" | "mkv";
export type VoiceContainer = "m4a" | "ogg" | "opus" | "webm" | "mp3" | "wav" | "flac";
export type PhotoFormat = "jpeg" | "png" | "webp";

export interface ClipOptions {
  readonly container: ClipContainer;
  /** About as many bytes, by repeating two seconds: of noise from 1 MB on. Without it, two small seconds. */
  readonly bytes?: number;
  /** Taken with the phone upright: a matrix in the container turns it. MP4, MOV and 3GP. */
  readonly isUpright?: boolean;
  /** Without location, device, dates and tags of the writer. */
  readonly isClean?: boolean;
}

const LEAST_LARGE_BYTES = 1_000_000;

/** The path of a clip. MP4, MOV and 3GP have their index at the end, as phones write them. */
export async function clipFile(options: ClipOptions): Promise<string> {
  const { container, bytes, isUpright = false, isClean = false } = options;
  const extension = container === "fragmented-mp4" ? "mp4" : container;
  return await once("clip", options, extension, async (path) => {
    const base = await baseClip(container, bytes !== undefined && bytes >= LEAST_LARGE_BYTES);
    const turns = bytes === undefined ? 1 : Math.max(1, Math.ceil(bytes / (await stat(base)).size));
    await ffmpeg([
      ...["-stream_loop", String(turns - 1), "-i", base, "-map", "0", "-c", "copy"],
      ...tags(isClean),
      ...(isUpright ? ["-metadata:s:v:0", "rotate=90"] : []),
      ...CLIP_MUXERS[container],
      path,
    ]);
    if (!isClean && container in WITH_INDEX_AT_END) await addAppleKeys(path);
  });
}

/** The path of two seconds of sound. */
export async function voiceFile(options: {
  readonly container: VoiceContainer;
  readonly isClean?: boolean;
}): Promise<string> {
  return await once("voice", options, options.container, async (path) => {
    await ffmpeg([
      ...["-f", "lavfi", "-i", "sine=frequency=440:duration=2:sample_rate=48000", "-ac", "1"],
      ...VOICE_CODECS[options.container],
      ...tags(options.isClean ?? false),
      path,
    ]);
  });
}

export interface PhotoOptions {
  readonly format: PhotoFormat;
  readonly width?: number;
  readonly height?: number;
  /** EXIF orientation, 1 to 8; 6 is a phone held upright. Not with `isClean`. */
  readonly orientation?: number;
  /** Without EXIF, XMP and colour profile. */
  readonly isClean?: boolean;
}

/** The path of a photo with place, device and date in EXIF and XMP, and a colour profile (Display P3). */
export async function photoFile(options: PhotoOptions): Promise<string> {
  const { format, width = 640, height = 480, orientation = 1, isClean = false } = options;
  return await once("photo", options, format, async (path) => {
    const { default: sharp } = await import("sharp");
    const picture = sharp(picturePixels(width, height), { raw: { width, height, channels: 3 } });
    const tagged = isClean ? picture : withPhotoTags(picture, orientation);
    await writeFile(path, await tagged.toFormat(format).toBuffer());
  });
}

function withPhotoTags(picture: Sharp, orientation: number): Sharp {
  return picture
    .withIccProfile("p3")
    .withExif({
      IFD0: { Make: MAKER, Model: DEVICE, DateTime: EXIF_DATE, Software: `${DEVICE} 1.0` },
      IFD2: { DateTimeOriginal: EXIF_DATE, UserComment: LOCATION },
      IFD3: {
        GPSLatitudeRef: "N",
        GPSLatitude: "48/1 51/1 2772/100",
        GPSLongitudeRef: "E",
        GPSLongitude: "2/1 17/1 4200/100",
      },
    })
    .withXmp(
      `<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><d>${LOCATION} ${MAKER}</d></x:xmpmeta><?xpacket end="r"?>`,
    )
    .withMetadata({ orientation });
}

/** Smooth colours with a corner of its own, so that a turned picture differs. */
function picturePixels(width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isCorner = x < width / 4 && y < height / 4;
      const red = isCorner ? 255 : Math.floor((x * 200) / width);
      pixels.set([red, Math.floor((y * 200) / height), (x ^ y) & 63], (y * width + x) * 3);
    }
  }
  return pixels;
}

/** What ffprobe says of a file or of bytes that broke off, as JSON: `format`, `streams`. */
export async function probe(path: string): Promise<Probe> {
  const args = ["-v", "error", "-show_format", "-show_streams", "-of", "json", path];
  return JSON.parse((await run(ffprobePath, args, { maxBuffer: 1e8 })).stdout) as Probe;
}

export interface Probe {
  readonly format: {
    readonly format_name: string;
    readonly duration?: string;
    readonly tags?: Readonly<Record<string, string>>;
  };
  readonly streams: readonly {
    readonly codec_type: string;
    readonly codec_name?: string;
    readonly tags?: Readonly<Record<string, string>>;
    readonly side_data_list?: readonly { readonly rotation?: number }[];
  }[];
}

/** MD5 of each packet of sound and picture as it lies in the container, by track, in order. */
export async function packetHashes(path: string): Promise<readonly (readonly string[])[]> {
  const tracks: string[][] = [];
  const args = ["-v", "error", "-i", path, "-map", "0:v?", "-map", "0:a?", "-c", "copy"];
  const { stdout } = await run(ffmpegPath, [...args, "-f", "framemd5", "-"], { maxBuffer: 1e8 });
  for (const line of stdout.split("\n")) {
    if (line.startsWith("#") || line.trim() === "") continue;
    const cells = line.split(",").map((cell) => cell.trim());
    const track = Number(cells[0]);
    tracks[track] ??= [];
    tracks[track].push(cells[HASH_CELL] ?? "");
  }
  return tracks;
}

/** Stream, decoding time, time, duration, size, hash; side data may follow. */
const HASH_CELL = 5;

export async function ffmpeg(args: readonly string[]): Promise<void> {
  await run(ffmpegPath, ["-v", "error", "-nostdin", "-y", ...args], { maxBuffer: 1e8 });
}

// ---------------------------------------------------------------------------------------------

/** Raised when the making of files changes, so that none of an older form is used. */
const MAKING = 1;
const folder = join(tmpdir(), `tumar-media-${userInfo().username}-${MAKING}`);
const beingMade = new Map<string, Promise<string>>();

/** Two processes may make the same file at once; each finds a whole one under its name. */
async function once(
  what: string,
  options: object,
  extension: string,
  make: (path: string) => Promise<void>,
): Promise<string> {
  const told = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256").update(JSON.stringify(told)).digest("hex").slice(0, 12);
  const name = `${what}-${hash}.${extension}`;
  const path = join(folder, name);
  const made =
    beingMade.get(path) ?? makeInPlace(path, join(folder, `${process.pid}-${name}`), make);
  beingMade.set(path, made);
  return await made;
}

async function makeInPlace(
  path: string,
  draft: string,
  make: (path: string) => Promise<void>,
): Promise<string> {
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await make(draft);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  return path;
}

function isMatroska(container: ClipContainer): boolean {
  return container === "webm" || container === "mkv";
}

/** Two seconds with picture and sound; encoded once, whatever container holds it later. */
async function baseClip(container: ClipContainer, isLarge: boolean): Promise<string> {
  const extension = isMatroska(container) ? "webm" : "mp4";
  return await once("base", { extension, isLarge }, extension, async (path) => {
    const source = isLarge
      ? "color=gray:s=640x360:r=25,noise=alls=100:allf=t"
      : "testsrc2=s=320x180:r=25";
    const rate = isLarge ? "8M" : "300k";
    await ffmpeg([
      ...["-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "2"],
      ...["-pix_fmt", "yuv420p", "-g", "25", "-b:v", rate, "-maxrate", rate, "-bufsize", rate],
      ...(extension === "webm"
        ? ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "16", "-c:a", "libopus"]
        : ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-c:a", "aac"]),
      path,
    ]);
  });
}

const CLIP_MUXERS: Readonly<Record<ClipContainer, readonly string[]>> = {
  mp4: [],
  mov: [],
  "3gp": [],
  "fragmented-mp4": ["-movflags", "frag_keyframe+empty_moov+default_base_moof"],
  webm: ["-cluster_time_limit", "1000"],
  mkv: ["-cluster_time_limit", "1000"],
};

const WITH_INDEX_AT_END = { mp4: true, mov: true };

const VOICE_CODECS: Readonly<Record<VoiceContainer, readonly string[]>> = {
  m4a: ["-c:a", "aac"],
  ogg: ["-c:a", "libvorbis"],
  opus: ["-c:a", "libopus"],
  webm: ["-c:a", "libopus"],
  mp3: ["-c:a", "libmp3lame", "-write_id3v1", "1"],
  wav: ["-c:a", "pcm_s16le"],
  flac: ["-c:a", "flac"],
};

/** `bitexact` keeps the writer's own name out as well. */
function tags(isClean: boolean): readonly string[] {
  if (isClean) return ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact"];
  const values: Readonly<Record<string, string>> = {
    creation_time: TAKEN_AT,
    location: LOCATION,
    artist: DEVICE,
    title: `${MAKER} ${TAKEN_AT}`,
    comment: LOCATION,
  };
  return Object.entries(values).flatMap(([name, value]) => ["-metadata", `${name}=${value}`]);
}

/** What an iPhone writes: `moov/meta` with keys. The index is the last box, so that nothing moves. */
async function addAppleKeys(path: string): Promise<void> {
  const bytes = await readFile(path);
  const keys: Readonly<Record<string, string>> = {
    "com.apple.quicktime.location.ISO6709": LOCATION,
    "com.apple.quicktime.make": MAKER,
    "com.apple.quicktime.model": DEVICE,
    "com.apple.quicktime.creationdate": TAKEN_AT,
  };
  let moov = 0;
  while (bytes.toString("latin1", moov + 4, moov + 8) !== "moov") moov += bytes.readUInt32BE(moov);
  const names = Object.keys(keys).map((key) => box("mdta", Buffer.from(key)));
  const values = Object.values(keys).map((value, index) =>
    box(number(index + 1), box("data", number(1), number(0), Buffer.from(value))),
  );
  const meta = box(
    "meta",
    box("hdlr", number(0), number(0), Buffer.from("mdta"), Buffer.alloc(13)),
    box("keys", number(0), number(names.length), ...names),
    box("ilst", ...values),
  );
  const size = bytes.readUInt32BE(moov) + meta.length;
  bytes.writeUInt32BE(size, moov);
  await writeFile(path, Buffer.concat([bytes, meta]));
}

export function box(type: string | Buffer, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat([
    typeof type === "string" ? Buffer.from(type, "latin1") : type,
    ...parts,
  ]);
  return Buffer.concat([number(body.length + 4), body]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
