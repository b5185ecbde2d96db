/** What `tumar send` reads: a file, whose size is known, or a stream that grows while it is being sent. */

import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { Readable } from "node:stream";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { MediaKind } from "../core/types.ts";
import type { MediaSource } from "../media/source.ts";

export interface SentFile {
  /** Empty for standard input. */
  readonly name: string;
  readonly source: MediaSource;
  readonly isLive: boolean;
  close(): Promise<void>;
}

const EXTENSION = /^\.[a-z][a-z0-9]{1,4}$/;

/**
 * What the other side sees. A camera names files after the moment and itself: without metadata only what
 * kind of file it is is left of such a name. A document is what its name says.
 */
export function sentName(
  {
    kind,
    name,
    keepMetadata,
  }: {
    readonly kind: MediaKind;
    readonly name: string | undefined;
    readonly keepMetadata: boolean;
  },
  ownName: string,
): string {
  if (name !== undefined) return name;
  if (kind === "file" || keepMetadata || ownName === "") return ownName;
  const extension = extname(ownName).toLowerCase();
  return EXTENSION.test(extension) ? `${kind}${extension}` : kind;
}

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
    source: piecesUntil(stream, ending),
    isLive: true,
    close: async () => {
      stream.destroy();
    },
  };
}

/** What the stream brings, until it ends or `ending` aborts. @throws TumarError FILE_NOT_READ */
export async function* piecesUntil(
  stream: Readable,
  ending: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const ended = new Promise<undefined>((resolve) => {
    if (ending.aborted) resolve(undefined);
    ending.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  while (!ending.aborted) {
    const next = reading(() => pieces.next());
    const came = await Promise.race([next, ended]);
    // What comes after the end is nobody's any more, a fault neither.
    if (came === undefined) next.catch(() => undefined);
    if (came === undefined || came.done === true) return;
    yield came.value;
  }
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
