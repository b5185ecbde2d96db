/** Every byte a relay keeps on disk, for tests that search it. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The contents of every file under the directory; one that vanishes meanwhile is left out. */
export async function rawFiles(directory: string): Promise<Buffer> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const contents = await Promise.all(
    files.map(({ parentPath, name }) =>
      readFile(join(parentPath, name)).catch(() => Buffer.alloc(0)),
    ),
  );
  return Buffer.concat(contents);
}

const PIECE_BYTES = 32;

/** How many of these byte strings lie, whole or with a part of theirs, somewhere in the files. */
export async function countInFiles(
  directory: string,
  needles: readonly Uint8Array[],
): Promise<number> {
  const raw = await rawFiles(directory);
  return needles.filter((needle) => piecesOf(needle).some((piece) => raw.includes(piece))).length;
}

/** Beginning, middle and end: an engine may split what it stores over pages. */
function piecesOf(needle: Uint8Array): Buffer[] {
  const last = Math.max(0, needle.length - PIECE_BYTES);
  return [0, Math.floor(last / 2), last].map((at) =>
    Buffer.from(needle.subarray(at, at + PIECE_BYTES)),
  );
}

/** The files of blobs that a relay keeps in this directory. */
export async function blobFiles(directory: string): Promise<readonly Buffer[]> {
  const folder = join(directory, "blobs");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name))));
}
