/**
 * Key files of the relay: written whole or not at all, read only when nobody else could read them.
 *
 *     file = "TUMARKEY" ‖ kind u8 ‖ hour u32 ‖ secret 32 ‖ H("", "key.file", all before, 16)
 *
 * The check finds damage, not forgery: who can write the directory has the relay. `hour` is 0 for
 * keys that do not expire. A file appears under its name only after it is on disk (fsync), and its
 * name is on disk (fsync of the directory) before anybody learns the public half.
 */

import { randomUUID } from "node:crypto";
import { chmod, mkdir, open, readdir, readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ByteReader, concat, EMPTY, equalBytes, u8, u32, utf8 } from "../shared/crypto/bytes.ts";
import { TumarError } from "../shared/crypto/errors.ts";
import { H } from "../shared/crypto/hash.ts";

export const KEY_FILE_KINDS = { identity: 1, channel: 2, store: 3 } as const;

export type KeyFileKind = keyof typeof KEY_FILE_KINDS;

export interface KeyFile {
  readonly kind: KeyFileKind;
  readonly hour: number;
  readonly secret: Uint8Array;
}

const MAGIC = utf8("TUMARKEY");
const SECRET_BYTES = 32;
const CHECK_BYTES = 16;
const OTHERS = 0o077;

export function encodeKeyFile(file: KeyFile): Uint8Array {
  if (file.secret.length !== SECRET_BYTES) throw new RangeError("a secret has 32 bytes");
  const body = concat(MAGIC, u8(KEY_FILE_KINDS[file.kind]), u32(file.hour), file.secret);
  return concat(body, checkOf(body));
}

/** @throws TumarError KEY_FILE_DAMAGED */
export function decodeKeyFile(kind: KeyFileKind, bytes: Uint8Array): KeyFile {
  try {
    const reader = new ByteReader(bytes);
    const magic = reader.take(MAGIC.length);
    const number = reader.u8();
    const hour = reader.u32();
    const secret = Uint8Array.from(reader.take(SECRET_BYTES));
    const body = bytes.subarray(0, reader.offset);
    const check = reader.take(CHECK_BYTES);
    reader.finish();
    const isWhole = equalBytes(magic, MAGIC) && number === KEY_FILE_KINDS[kind];
    if (isWhole && equalBytes(check, checkOf(body))) return { kind, hour, secret };
  } catch (cause) {
    throw new TumarError("KEY_FILE_DAMAGED", `the ${kind} key file is damaged`, { cause });
  }
  throw new TumarError("KEY_FILE_DAMAGED", `the ${kind} key file is damaged`);
}

/**
 * Makes the directory if needed; an empty one that was there before is closed to others.
 * @throws TumarError KEY_FILE_EXPOSED, DATA_UNUSABLE
 */
export async function openKeyDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await readdir(directory)).length === 0) await chmod(directory, 0o700);
  } catch (cause) {
    throw new TumarError("DATA_UNUSABLE", "the data directory cannot be used", { cause });
  }
  await refuseExposed(directory, "the data directory");
}

/**
 * undefined when there is no such file.
 * @throws TumarError KEY_FILE_EXPOSED, KEY_FILE_DAMAGED, DATA_UNUSABLE
 */
export async function readKeyFile(path: string, kind: KeyFileKind): Promise<KeyFile | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new TumarError("DATA_UNUSABLE", `the ${kind} key file cannot be read`, { cause });
  }
  await refuseExposed(path, `the ${kind} key file`);
  return decodeKeyFile(kind, bytes);
}

/** Never replaces a file by half of one. @throws TumarError DATA_UNUSABLE */
export async function writeKeyFile(path: string, file: KeyFile): Promise<void> {
  const temporary = `${path}.${randomUUID()}.new`;
  try {
    await writeDurably(temporary, encodeKeyFile(file), "wx");
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw new TumarError("DATA_UNUSABLE", `the ${file.kind} key file cannot be written`, { cause });
  }
}

/**
 * Overwrites, then unlinks. On flash and copying file systems the old bytes may stay in the medium
 * (docs/THREAT-MODEL.md).
 */
export async function destroyKeyFile(path: string, noise: Uint8Array): Promise<void> {
  await writeDurably(path, noise, "r+");
  await unlink(path);
  await syncDirectory(dirname(path));
}

export const KEY_FILE_BYTES: number = MAGIC.length + 1 + 4 + SECRET_BYTES + CHECK_BYTES;

export function keyPath(directory: string, name: string): string {
  return join(directory, `${name}.key`);
}

function checkOf(body: Uint8Array): Uint8Array {
  return H(EMPTY, "key.file", body, CHECK_BYTES);
}

/** Windows knows no such modes and shows all of them set. */
async function refuseExposed(path: string, what: string): Promise<void> {
  const { mode } = await stat(path);
  if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
    throw new TumarError("KEY_FILE_EXPOSED", `${what} can be read by others`);
  }
}

async function writeDurably(path: string, bytes: Uint8Array, flags: string): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
