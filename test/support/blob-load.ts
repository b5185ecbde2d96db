/**
 * Blobs through a relay process, many at a time, and what it costs the relay in memory: for a test with
 * small blobs, and `npm run test:memory` with large ones.
 */

import { readFileSync } from "node:fs";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import type { RelayFrame } from "../../shared/wire/frames.ts";
import { MAX_BLOB_SLICE_BYTES } from "../../shared/wire/limits.ts";
import { BareUpload } from "./bare-blobs.ts";
import { BareClient } from "./bare-client.ts";

/** What a client has under way: 1 MiB. */
const WINDOW = 20;

/** What all slices are made of: no test is about their content. */
const NOISE = systemRandom(MAX_BLOB_SLICE_BYTES);

export interface Passed {
  readonly uploadMs: number;
  readonly downloadMs: number;
}

/** Up and down again, over a connection of its own, `bytes` of it. */
export async function passBlob(
  address: string,
  depositId: Uint8Array,
  bytes: number,
): Promise<Passed> {
  const client = await BareClient.connect(address);
  const blob = new BareUpload((request) => client.request(request), depositId);
  await blob.create({ claimedBytes: bytes });
  const beganMs = performance.now();
  await inWindow(bytes, (at, length) =>
    blob.append(at, NOISE.subarray(0, length), at + length === bytes),
  );
  const betweenMs = performance.now();
  await inWindow(bytes, (at, length) => blob.get(at, length));
  const endedMs = performance.now();
  await client.close();
  return { uploadMs: betweenMs - beganMs, downloadMs: endedMs - betweenMs };
}

/** Calls for each slice, a window of them at a time. */
async function inWindow(
  bytes: number,
  act: (at: number, length: number) => Promise<RelayFrame>,
): Promise<void> {
  let at = 0;
  const worker = async () => {
    while (at < bytes) {
      const from = at;
      const length = Math.min(MAX_BLOB_SLICE_BYTES, bytes - from);
      at += length;
      await act(from, length);
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, worker));
}

/** Resident memory of a process, in bytes: now, or the most it ever had. Linux only. */
export function residentBytes(pid: number, what: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const found = new RegExp(`^${what}:\\s+(\\d+) kB$`, "m").exec(status);
  if (found === null) throw new Error(`no ${what}`);
  return Number(found[1]) * 1024;
}
