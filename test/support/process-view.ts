/**
 * What Linux shows of a running process: the TCP connections it holds, and its memory. For tests of
 * what a process knows; its owner, or the parent of it, may look.
 */

import { open, readdir, readFile, readlink } from "node:fs/promises";
import type { Needle } from "./leak-search.ts";

export interface TcpEnd {
  /** `127.0.0.1:4711` */
  readonly local: string;
  readonly remote: string;
}

const ESTABLISHED = "01";

/** Connections over IPv4 that this process has open. */
export async function connectionsOf(pid: number): Promise<readonly TcpEnd[]> {
  const folder = `/proc/${pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => "")),
  );
  const rows = (await readFile("/proc/net/tcp", "utf8")).trim().split("\n").slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => {
      return state === ESTABLISHED && links.includes(`socket:[${inode}]`);
    })
    .map(([, local = "", remote = ""]) => ({ local: placeOf(local), remote: placeOf(remote) }));
}

/** As /proc/net/tcp has it: the address in the machine's byte order, hex. */
function placeOf(hex: string): string {
  const [address = "", port = ""] = hex.split(":");
  const bytes = [...Buffer.from(address, "hex").reverse()];
  return `${bytes.join(".")}:${Number.parseInt(port, 16)}`;
}

const CHUNK_BYTES = 1 << 24;
/** More than any needle, so that none is missed between two chunks. */
const OVERLAP_BYTES = 4096;

/** Which of these the writable memory of a process holds: raw, in hex and base64url, text as UTF-16 too. */
export async function foundInMemory(pid: number, needles: readonly Needle[]): Promise<string[]> {
  const forms = needles.map(({ what, secret }) => ({ what, forms: formsOf(secret) }));
  const found = new Set<string>();
  const memory = await open(`/proc/${pid}/mem`, "r");
  try {
    for (const [from, to] of await writableRegions(pid)) {
      for (let at = from; at < to; at += CHUNK_BYTES - OVERLAP_BYTES) {
        const chunk = await chunkOf(memory, at, Math.min(CHUNK_BYTES, to - at));
        for (const { what, forms: wanted } of forms) {
          if (!found.has(what) && wanted.some((form) => chunk.includes(form))) found.add(what);
        }
      }
    }
  } finally {
    await memory.close();
  }
  return [...found];
}

async function writableRegions(pid: number): Promise<readonly (readonly [number, number])[]> {
  const maps = await readFile(`/proc/${pid}/maps`, "utf8");
  return [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)].map(([, from = "", to = ""]) => {
    return [Number.parseInt(from, 16), Number.parseInt(to, 16)];
  });
}

/** Empty where nothing is mapped any more. */
async function chunkOf(
  memory: Awaited<ReturnType<typeof open>>,
  at: number,
  length: number,
): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await memory.read(buffer, 0, length, at).catch(() => ({ bytesRead: 0 }));
  return buffer.subarray(0, bytesRead);
}

function formsOf(secret: Uint8Array | string): readonly Buffer[] {
  if (typeof secret === "string") return [Buffer.from(secret), Buffer.from(secret, "utf16le")];
  const bytes = Buffer.from(secret);
  return [bytes, Buffer.from(bytes.toString("hex")), Buffer.from(bytes.toString("base64url"))];
}
