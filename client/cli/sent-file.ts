/**
 * What `tumar send` reads: a file, whose size is known, or a stream that grows while it is being sent.
 *
 * A stream that comes slowly is cut into segments: what came leaves after 3 s at the latest, though the
 * chunk it is sealed in is not full, so that no more than that is lost with the device.
 */

import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { TumarError } from "../../shared/crypto/errors.ts";

export interface FileSource {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface SentFile {
  /** Empty for standard input. */
  readonly name: string;
  readonly source: FileSource | AsyncIterable<Uint8Array>;
  readonly isLive: boolean;
  close(): Promise<void>;
}

/** Ends a segment: the sealing side seals what it has at an empty piece. */
const SEGMENT_END: Uint8Array = new Uint8Array(0);
/** At most so much of a slow stream (speech is 2 to 4 kB/s) waits for a chunk to fill. */
export const SEGMENT_MS = 3_000;

/** `-` is standard input; a pipe or device is read as a stream too. @throws TumarError FILE_NOT_READ */
export async function openSentFile(
  path: string,
  input: Readable,
  ending: AbortSignal,
): Promise<SentFile> {
  if (path === "-") return streamed("", input, ending);
  const handle = await reading(() => open(path, "r"));
  const state = await reading(() => handle.stat());
  if (state.isFile()) return whole(basename(path), handle, state.size);
  await handle.close();
  if (state.isDirectory()) throw new TumarError("FILE_NOT_READ", "this is a folder, not a file");
  return streamed(basename(path), createReadStream(path), ending);
}

function whole(name: string, handle: FileHandle, size: number): SentFile {
  const source = {
    size,
    read: async (offset: number, length: number) => {
      const bytes = new Uint8Array(Math.min(length, size - offset));
      let filled = 0;
      while (filled < bytes.length) {
        const room = bytes.length - filled;
        const { bytesRead } = await reading(() =>
          handle.read(bytes, filled, room, offset + filled),
        );
        if (bytesRead === 0) {
          throw new TumarError("FILE_NOT_READ", "the file became shorter while it was read");
        }
        filled += bytesRead;
      }
      return bytes;
    },
  };
  return { name, source, isLive: false, close: () => handle.close() };
}

function streamed(name: string, stream: Readable, ending: AbortSignal): SentFile {
  return {
    name,
    source: segments(stream, ending),
    isLive: true,
    close: async () => {
      stream.destroy();
    },
  };
}

/**
 * What the stream brings, with an empty piece whenever something has waited for `segmentMs`. Ends with the
 * stream, or when `ending` aborts.
 */
export async function* segments(
  stream: Readable,
  ending: AbortSignal,
  segmentMs: number = SEGMENT_MS,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const alarm = new Alarm(ending);
  let next: Promise<IteratorResult<Uint8Array>> | undefined;
  try {
    while (!ending.aborted) {
      next ??= reading(() => pieces.next());
      const came = await Promise.race([next, alarm.rings()]);
      if (came === "segment") yield SEGMENT_END;
      if (came === "segment" || came === "end") continue;
      next = undefined;
      if (came.done === true) return;
      alarm.set(segmentMs);
      if (came.value.length > 0) yield came.value;
    }
  } finally {
    alarm.stop();
    next?.catch(() => undefined);
  }
}

/** Rings once for each time it is set; setting it again before it rang changes nothing. */
class Alarm {
  readonly #ending: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #hasRung = false;
  #tell: () => void = () => undefined;

  constructor(ending: AbortSignal) {
    this.#ending = ending;
    ending.addEventListener("abort", this.#wake);
  }

  set(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#hasRung = true;
      this.#wake();
    }, ms);
  }

  rings(): Promise<"segment" | "end"> {
    return new Promise((resolve) => {
      this.#tell = () => {
        if (this.#ending.aborted) resolve("end");
        else if (this.#hasRung) {
          this.#hasRung = false;
          resolve("segment");
        }
      };
      this.#tell();
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#ending.removeEventListener("abort", this.#wake);
  }

  readonly #wake = (): void => this.#tell();
}

async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof TumarError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new TumarError("FILE_NOT_READ", `it could not be read (${code})`, { cause });
  }
}
