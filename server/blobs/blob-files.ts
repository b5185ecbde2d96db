/**
 * The bytes of blobs: one file each, DATA/blobs/ab/cd/abcd…, named by a keyed hash, readable by the
 * relay only.
 *
 * A file is as long as the index says (server/store), or longer: what stands beyond is of an append
 * that nobody was told is stored. It is cut off when that append is refused; after a kill the next one
 * writes over it. Times of files and folders are those of an hour, as far as a program may set them.
 * All work is done by the thread pool of Node, none on the main thread.
 */

import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, unlink, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TumarError } from "../../shared/crypto/errors.ts";
import { OpenFiles } from "./open-files.ts";

/** Handles kept of files that nobody uses just now. */
const MAX_OPEN = 128;
/** Reads at the same time: more than the thread pool has threads gains nothing. */
const MAX_READS = 16;
const NAME = /^[0-9a-f]{48}$/;
/** Of a disk that takes no more: full, over its quota, or worn. */
const FULL_CODES: readonly string[] = ["ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS"];
/** Linux; 0 elsewhere. */
const NO_ATIME: number = constants.O_NOATIME ?? 0;

export interface Piece {
  /** Where it belongs. */
  readonly at: number;
  readonly parts: readonly Uint8Array[];
  /** Nothing may stand behind it. */
  readonly isEnd: boolean;
}

export class BlobFiles {
  readonly #directory: string;
  readonly #hour: () => number;
  readonly #open = new OpenFiles(MAX_OPEN);
  /** Bytes of files that are open, at least. */
  readonly #sizes = new WeakMap<FileHandle, number>();
  #reads = 0;
  readonly #readers: (() => void)[] = [];

  constructor(directory: string, hour: () => number) {
    this.#directory = directory;
    this.#hour = hour;
  }

  /**
   * On disk when it resolves. @throws TumarError STORAGE_FULL; STORE_CORRUPT when the file is shorter
   * than `at`
   */
  async write(name: string, { at, parts, isEnd }: Piece): Promise<void> {
    try {
      await this.#open.use(
        name,
        () => this.#openToWrite(name),
        async (file) => {
          const size = this.#sizes.get(file) ?? (await file.stat()).size;
          if (size < at) throw new TumarError("STORE_CORRUPT", "a blob's file has lost its end");
          const end = await writeAll(file, at, parts);
          if (isEnd && size > end) await file.truncate(end);
          await this.#toTheHour(file);
          await file.datasync();
          this.#sizes.set(file, isEnd ? end : Math.max(size, end));
          // its name must be on disk before its first byte counts
          if (at === 0) await this.#syncFolders(name);
        },
      );
    } catch (error) {
      throw asStoreError(error);
    }
  }

  /** Removes what stands behind `length`, if anything does. */
  async cut(name: string, length: number): Promise<void> {
    try {
      await this.#open.use(
        name,
        () => openQuietly(this.#path(name), constants.O_RDWR),
        async (file) => {
          const size = this.#sizes.get(file) ?? (await file.stat()).size;
          if (size <= length) return;
          await file.truncate(length);
          await this.#toTheHour(file);
          await file.datasync();
          this.#sizes.set(file, length);
        },
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw asStoreError(error);
    }
  }

  /** Of bytes that the index says are there. @throws TumarError STORE_CORRUPT */
  async read(name: string, at: number, length: number): Promise<Uint8Array> {
    await this.#readTurn();
    try {
      return await this.#open.use(
        name,
        () => openQuietly(this.#path(name), constants.O_RDWR),
        (file) => readAll(file, at, length),
      );
    } catch (error) {
      throw isNone(error) ? gone(error) : error;
    } finally {
      this.#reads -= 1;
      this.#readers.shift()?.();
    }
  }

  /** Succeeds when there is none. */
  async remove(name: string): Promise<void> {
    this.#open.drop(name);
    const path = this.#path(name);
    try {
      await unlink(path);
    } catch (error) {
      if (isNone(error)) return;
      throw error;
    }
    const seconds = this.#hour() * 3600;
    await utimes(dirname(path), seconds, seconds);
  }

  /** Names of all files, folder by folder. */
  async *names(): AsyncGenerator<readonly string[]> {
    for (const first of await entriesOf(this.#directory)) {
      for (const second of await entriesOf(join(this.#directory, first))) {
        const names = await entriesOf(join(this.#directory, first, second));
        yield names.filter((name) => NAME.test(name));
      }
    }
  }

  close(): Promise<void> {
    return this.#open.close();
  }

  #path(name: string): string {
    if (!NAME.test(name)) throw new RangeError("not the name of a blob");
    return join(this.#directory, name.slice(0, 2), name.slice(2, 4), name);
  }

  async #openToWrite(name: string): Promise<FileHandle> {
    const path = this.#path(name);
    try {
      return await openQuietly(path, constants.O_RDWR);
    } catch (error) {
      if (!isNone(error)) throw error;
    }
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await openQuietly(path, constants.O_RDWR | constants.O_CREAT);
  }

  /** From the file's own up to the one that holds all of them. */
  async #syncFolders(name: string): Promise<void> {
    const folder = dirname(this.#path(name));
    for (const path of [folder, dirname(folder), this.#directory]) {
      await withDirectory(path, async (directory) => {
        await this.#toTheHour(directory);
        await directory.sync();
      });
    }
    await withDirectory(dirname(this.#directory), (directory) => directory.sync());
  }

  async #toTheHour(file: FileHandle): Promise<void> {
    const seconds = this.#hour() * 3600;
    await file.utimes(seconds, seconds);
  }

  async #readTurn(): Promise<void> {
    this.#reads += 1;
    if (this.#reads <= MAX_READS) return;
    await new Promise<void>((resolve) => {
      this.#readers.push(resolve);
    });
  }
}

/** Where they end. */
async function writeAll(
  file: FileHandle,
  at: number,
  parts: readonly Uint8Array[],
): Promise<number> {
  let left = parts.filter(({ length }) => length > 0);
  let place = at;
  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left, place);
    place += bytesWritten;
    left = after(left, bytesWritten);
  }
  return place;
}

function after(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  return parts.flatMap((part) => {
    const rest = part.subarray(Math.min(skip, part.length));
    skip = Math.max(0, skip - part.length);
    return rest.length === 0 ? [] : [rest];
  });
}

async function readAll(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) throw new TumarError("STORE_CORRUPT", "a blob's file has lost its end");
    filled += bytesRead;
  }
  return bytes;
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

async function withDirectory(
  path: string,
  work: (directory: FileHandle) => Promise<void>,
): Promise<void> {
  const directory = await open(path, "r");
  try {
    await work(directory);
  } finally {
    await directory.close();
  }
}

/** So that reading leaves no time behind, where the file is ours. */
async function openQuietly(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags | NO_ATIME, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    return await open(path, flags, 0o600);
  }
}

function asStoreError(error: unknown): unknown {
  const { code } = error as { readonly code?: string };
  if (code !== undefined && FULL_CODES.includes(code)) {
    return new TumarError("STORAGE_FULL", "a blob's file cannot be written", { cause: error });
  }
  return isNone(error) ? gone(error) : error;
}

function isNone(error: unknown): boolean {
  return (error as { readonly code?: string }).code === "ENOENT";
}

function gone(error: unknown): TumarError {
  return new TumarError("STORE_CORRUPT", "a blob's file is gone", { cause: error });
}
