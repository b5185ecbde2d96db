/**
 * Blobs as files of mode 600 in a folder of mode 700, `<vault>.blobs`: one file for each under its
 * random name, and beside it `NAME.lock` (empty) while it is worked on. The folder is made with the
 * first blob.
 */

import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { type BlobClaim, type BlobStorage, newBlobName } from "../blob-storage.ts";
import { storageFault } from "../storage.ts";
import { FileLock } from "./file-lock.ts";

const MODE = 0o600;
const FOLDER_MODE = 0o700;
const NAME = /^([0-9a-f]{32})(\.lock)?$/;
const APPEND = constants.O_WRONLY | constants.O_APPEND;

interface Held {
  readonly lock: FileLock;
  readonly end: () => void;
}

export class FileBlobStorage implements BlobStorage {
  readonly #folder: string;
  readonly #held = new Map<string, Held>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async create(): Promise<BlobClaim> {
    const name = newBlobName(systemRandom);
    const claim = await this.claim(name);
    if (claim === null) throw storageFault("make a blob", undefined);
    await inStorage("make a blob", async () => {
      const file = await open(this.#path(name), "wx", MODE);
      await file.close();
      await this.#syncFolder();
    });
    return claim;
  }

  async claim(name: string): Promise<BlobClaim | null> {
    await inStorage("make a folder", () =>
      mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE }),
    );
    const lock = new FileLock(`${this.#path(name)}.lock`);
    try {
      this.#held.set(name, { lock, end: await lock.take(0) });
      return { name, release: () => this.#release(name) };
    } catch (error) {
      await lock.close();
      if (error instanceof TumarError && error.code === "VAULT_BUSY") return null;
      throw storageFault("claim a blob", error);
    }
  }

  async append(name: string, bytes: Uint8Array): Promise<void> {
    await this.#withFile(name, APPEND, "append", async (file) => {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
        at += bytesWritten;
      }
    });
  }

  async sync(name: string): Promise<void> {
    await this.#withFile(name, "r+", "sync", (file) => file.sync());
  }

  async length(name: string): Promise<number | null> {
    try {
      return (await stat(this.#path(name))).size;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw storageFault("look at a blob", error);
    }
  }

  async read(name: string, offset: number, length: number): Promise<Uint8Array> {
    return await this.#withFile(name, "r", "read", async (file) => {
      const out = new Uint8Array(length);
      let at = 0;
      while (at < length) {
        const { bytesRead } = await file.read(out, at, length - at, offset + at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return out.subarray(0, at);
    });
  }

  async truncate(name: string, length: number): Promise<void> {
    await this.#withFile(name, "r+", "cut", async (file) => {
      if ((await file.stat()).size <= length) return;
      await file.truncate(length);
      await file.sync();
    });
  }

  async delete(name: string): Promise<void> {
    await inStorage("delete", async () => {
      await rm(this.#path(name), { force: true });
      await rm(`${this.#path(name)}.lock`, { force: true });
    });
  }

  async list(): Promise<readonly string[]> {
    try {
      const names = (await readdir(this.#folder)).flatMap((name) => NAME.exec(name)?.[1] ?? []);
      return [...new Set(names)];
    } catch (error) {
      if (codeOf(error) === "ENOENT") return [];
      throw storageFault("list blobs", error);
    }
  }

  async close(): Promise<void> {
    for (const name of [...this.#held.keys()]) await this.#release(name);
  }

  async destroy(): Promise<void> {
    await this.close();
    await inStorage("remove", () => rm(this.#folder, { recursive: true, force: true }));
  }

  async #release(name: string): Promise<void> {
    const held = this.#held.get(name);
    if (held === undefined) return;
    this.#held.delete(name);
    // Nobody comes back to the name of a blob that is gone.
    if ((await this.length(name)) === null) await this.delete(name);
    held.end();
    await held.lock.close();
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  async #withFile<T>(
    name: string,
    flags: string | number,
    doing: string,
    work: (file: FileHandle) => Promise<T>,
  ): Promise<T> {
    return await inStorage(`${doing} a blob`, async () => {
      const file = await open(this.#path(name), flags);
      try {
        return await work(file);
      } finally {
        await file.close();
      }
    });
  }

  /** Makes a new name durable. Windows has no such call and needs none. */
  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, "r").catch(() => undefined);
    try {
      await folder?.sync();
    } catch (error) {
      if (codeOf(error) !== "EPERM" && codeOf(error) !== "EINVAL") throw error;
    } finally {
      await folder?.close();
    }
  }
}

async function inStorage<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageFault(doing, error);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
