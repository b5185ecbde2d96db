/**
 * A vault in a file of mode 600: `PATH`, beside it `PATH.lock` (empty) and, while a new image is
 * being written, `PATH.new`.
 *
 * Replacing writes the new file, syncs it, renames it and syncs the directory; patching writes in
 * place and syncs. Every call opens the path anew, since another process may have replaced it.
 */

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, copyFile, type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { type ByteRange, type Patch, storageFault, type VaultStorage } from "../storage.ts";
import { FileLock } from "./file-lock.ts";

const MODE = 0o600;

export class FileStorage implements VaultStorage {
  readonly #path: string;
  readonly #lock: FileLock;

  constructor(path: string) {
    this.#path = path;
    this.#lock = new FileLock(`${path}.lock`);
  }

  async exists(): Promise<boolean> {
    try {
      await access(this.#path);
      return true;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return false;
      throw storageFault("look", error);
    }
  }

  async create(image: Uint8Array): Promise<void> {
    await inStorage("create", () => mkdir(dirname(this.#path), { recursive: true, mode: 0o700 }));
    const fresh = `${this.#path}.${randomBytes(6).toString("hex")}.new`;
    try {
      await writeFresh(fresh, image);
      await linkExclusive(fresh, this.#path);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw storageFault("create", error);
      throw new TumarError("VAULT_EXISTS", "a vault is there already", { cause: error });
    } finally {
      await rm(fresh, { force: true });
    }
    await inStorage("create", () => syncDirectory(this.#path));
  }

  readAll(): Promise<Uint8Array> {
    return this.#withFile("r", "read", async (file) => new Uint8Array(await file.readFile()));
  }

  readRanges(ranges: readonly ByteRange[]): Promise<Uint8Array[]> {
    return this.#withFile("r", "read", async (file) => {
      const out: Uint8Array[] = [];
      for (const { offset, length } of ranges) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, offset);
        out.push(buffer.subarray(0, bytesRead));
      }
      return out;
    });
  }

  patch(patches: readonly Patch[]): Promise<void> {
    return this.#withFile("r+", "write", async (file) => {
      for (const { offset, bytes } of patches) await writeWhole(file, bytes, offset);
      await file.datasync();
    });
  }

  replace(image: Uint8Array): Promise<void> {
    const fresh = `${this.#path}.new`;
    return inStorage("replace", async () => {
      try {
        await writeFresh(fresh, image);
        await rename(fresh, this.#path);
      } catch (error) {
        await rm(fresh, { force: true });
        throw error;
      }
      await syncDirectory(this.#path);
    });
  }

  async lock(waitMs: number): Promise<() => Promise<void>> {
    const release = await this.#lock.take(waitMs);
    return async () => release();
  }

  close(): Promise<void> {
    return this.#lock.close();
  }

  async destroy(): Promise<void> {
    await this.#lock.close();
    for (const suffix of ["", ".new", ".lock"]) {
      await inStorage("remove", () => rm(this.#path + suffix, { force: true }));
    }
  }

  #withFile<T>(flags: string, doing: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
    return inStorage(doing, async () => {
      const file = await open(this.#path, flags);
      try {
        return await work(file);
      } finally {
        await file.close();
      }
    });
  }
}

async function inStorage<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw storageFault(doing, error);
    throw new TumarError("VAULT_MISSING", "there is no vault", { cause: error });
  }
}

async function writeFresh(path: string, image: Uint8Array): Promise<void> {
  const file = await open(path, "w", MODE);
  try {
    await file.chmod(MODE);
    await writeWhole(file, image, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One write may take fewer bytes than given. */
async function writeWhole(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offset + at);
    at += bytesWritten;
  }
}

/** Atomic where the file system has links; where it has none (FAT), an exclusive copy. */
async function linkExclusive(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
    await syncFile(to);
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename durable. Windows has no such call and needs none. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), "r").catch(() => undefined);
  try {
    await directory?.sync();
  } catch (error) {
    if (codeOf(error) !== "EPERM" && codeOf(error) !== "EINVAL") throw error;
  } finally {
    await directory?.close();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
