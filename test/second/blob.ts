/** Section 10, blobs: header, chunks, padding and hash, sealed and opened without any part of the first. */

import { concat, decode, EMPTY, lp, text, u8, u16, u32, u64 } from "./bytes.ts";
import { blake2, H, open, seal } from "./primitives.ts";
import { demand } from "./refused.ts";

export interface Piece {
  readonly isLast: boolean;
  readonly elapsedMs: number;
  readonly data: Uint8Array;
}

const CHUNK = 16_384;
const HEADER = 32;

export function header(key: Uint8Array): Uint8Array {
  return H(key, "blob.commitment", EMPTY, 32);
}

function chunkKey(key: Uint8Array): Uint8Array {
  return H(key, "blob.chunk", EMPTY, 32);
}

function placeOf(index: number): Uint8Array {
  return lp(text("tumar/v1/blob"), u64(index));
}

export function sealPiece(
  key: Uint8Array,
  index: number,
  piece: Piece,
  nonce: Uint8Array,
): Uint8Array {
  const head = concat(u8(piece.isLast ? 2 : 1), u16(piece.data.length), u32(piece.elapsedMs));
  const zeros = new Uint8Array(CHUNK - 24 - 16 - 7 - piece.data.length);
  const plain = concat(head, piece.data, zeros);
  return concat(nonce, seal(chunkKey(key), nonce, plain, placeOf(index)));
}

export function openPiece(key: Uint8Array, index: number, chunk: Uint8Array): Piece {
  demand(chunk.length === CHUNK, "size of a chunk");
  const plain = open(chunkKey(key), chunk.slice(0, 24), chunk.slice(24), placeOf(index));
  return decode(plain, (reader) => {
    const kind = reader.u8();
    demand(kind === 1 || kind === 2, "kind of a chunk");
    const used = reader.u16();
    const elapsedMs = reader.u32();
    demand(used <= 16_337 && (used > 0 || kind === 2), "data of a chunk");
    const data = reader.take(used);
    demand(
      Buffer.from(reader.rest()).every((byte) => byte === 0),
      "zeros after the data",
    );
    return { isLast: kind === 2, elapsedMs, data };
  });
}

/** All pieces of a blob that is whole: header, chunks up to the last, and padding of the right length. */
export function openBlob(key: Uint8Array, blob: Uint8Array): readonly Piece[] {
  demand(Buffer.compare(blob.slice(0, HEADER), header(key)) === 0, "header");
  const pieces: Piece[] = [];
  do {
    const at = HEADER + pieces.length * CHUNK;
    pieces.push(openPiece(key, pieces.length, blob.slice(at, at + CHUNK)));
  } while (pieces.at(-1)?.isLast === false);
  demand(blob.length === paddedSize(pieces.length), "length of a blob");
  return pieces;
}

export function blobHash(blob: Uint8Array): Uint8Array {
  return blake2(32, blob);
}

/** Padmé as its paper writes it, in integers without bound. */
export function paddedSize(chunks: number): number {
  const length = BigInt(HEADER) + BigInt(chunks) * BigInt(CHUNK);
  const e = floorLog2(length);
  const s = floorLog2(BigInt(e)) + 1;
  const mask = (1n << BigInt(e - s)) - 1n;
  return Number((length + mask) & ~mask);
}

function floorLog2(value: bigint): number {
  let log = 0;
  for (let rest = value >> 1n; rest > 0n; rest >>= 1n) log += 1;
  return log;
}
