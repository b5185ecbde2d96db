/**
 * Where a fetched clip is written: a file, or a folder in which the sender's cleaned name is taken.
 *
 * It is written beside its place under a name of our own and moved there when it is whole and on disk, so
 * that a kill leaves no half file under its name. Nothing is overwritten unless `--force`, no link in the
 * way is followed, and a name can only be one entry of its folder.
 */

import { randomBytes } from "node:crypto";
import {
  type FileHandle,
  link,
  lstat,
  open,
  readdir,
  rename,
  stat,
  unlink,
} from "node:fs/promises";
import { basename, dirname, extname, join, sep } from "node:path";
import { TumarError } from "../../shared/crypto/errors.ts";

/** Only the owner reads it, as the vault it comes from. */
const FILE_MODE = 0o600;
const LEFTOVER = /^\.tumar-fetch-(\d+)-[0-9a-f]{16}\.part$/;

export type FetchTarget =
  | { readonly kind: "stdout" }
  | { readonly kind: "folder"; readonly folder: string }
  | { readonly kind: "file"; readonly folder: string; readonly name: string };

/** `-` is stdout; a folder that exists, or a path that ends like one, is a folder. @throws TumarError FILE_NOT_WRITTEN */
export async function fetchTarget(out: string): Promise<FetchTarget> {
  if (out === "-") return { kind: "stdout" };
  if (await isFolder(out)) return { kind: "folder", folder: out };
  const name = basename(out);
  if (out.endsWith(sep) || out.endsWith("/") || name === "" || name === "." || name === "..") {
    throw notWritten("there is no such folder");
  }
  const folder = dirname(out);
  if (!(await isFolder(folder))) throw notWritten("there is no such folder");
  return { kind: "file", folder, name };
}

/** `clip.webm` → `clip.cut-off-at-0m41s.webm`: whoever sees the file sees the gap. */
export function markedName(name: string, mark: string): string {
  const extension = extname(name);
  return `${name.slice(0, name.length - extension.length)}.${mark}${extension}`;
}

/**
 * Bytes that stand in the folder under this name when it resolves.
 * @throws TumarError FILE_NOT_WRITTEN; what `bytes` throws
 */
export async function writeInto(
  folder: string,
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  { isForced }: { readonly isForced: boolean },
): Promise<{ readonly path: string; readonly bytes: number }> {
  const path = join(folder, name);
  if (basename(path) !== name) throw notWritten("the name of the file is not one");
  await attempted(() => removeLeftovers(folder));
  if (!isForced && (await isThere(path))) throw isTaken();
  const part = join(folder, `.tumar-fetch-${process.pid}-${randomBytes(8).toString("hex")}.part`);
  const handle = await attempted(() => open(part, "wx", FILE_MODE));
  try {
    const written = await fill(handle, bytes);
    await attempted(() => (isForced ? rename(part, path) : moveWithout(part, path)));
    await syncFolder(folder);
    return { path, bytes: written };
  } catch (fault) {
    await unlink(part).catch(() => undefined);
    throw fault;
  }
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return false;
    throw notWritten("the folder cannot be read", cause);
  }
}

async function fill(handle: FileHandle, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  let written = 0;
  try {
    for await (const piece of bytes) {
      await attempted(() => handle.appendFile(piece));
      written += piece.length;
    }
    await attempted(() => handle.sync());
  } finally {
    await handle.close();
  }
  return written;
}

/** A hard link never replaces anything; where there are none, a look before the move must do. */
async function moveWithout(part: string, path: string): Promise<void> {
  try {
    await link(part, path);
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") throw isTaken(cause);
    if (await isThere(path)) throw isTaken(cause);
    await rename(part, path);
    return;
  }
  await unlink(part);
}

/** What a killed process of ours left here was on its way to a person: it does not stay around. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(LEFTOVER.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    await unlink(join(folder, name)).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (fault) {
    return codeOf(fault) !== "ESRCH";
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Not every system opens a folder; the file itself is on disk.
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function attempted<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof TumarError) throw cause;
    throw notWritten(`the file could not be written (${codeOf(cause)})`, cause);
  }
}

function isTaken(cause?: unknown): TumarError {
  return notWritten("something of this name is there already; --force replaces it", cause);
}

function notWritten(message: string, cause?: unknown): TumarError {
  return new TumarError("FILE_NOT_WRITTEN", message, cause === undefined ? {} : { cause });
}

function codeOf(fault: unknown): string {
  return fault instanceof Error && "code" in fault ? String(fault.code) : "unknown";
}
