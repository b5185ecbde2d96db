/** Short ways to `prepareMedia` in tests. */

import {
  type PreparedMedia,
  type PrepareOptions,
  prepareMedia,
} from "../../client/media/prepare.ts";
import { fileOf } from "../../client/media/source.ts";

export interface Prepared extends Omit<PreparedMedia, "stream"> {
  readonly bytes: Uint8Array;
}

export async function prepared(
  bytes: Uint8Array,
  options: Partial<PrepareOptions> & Pick<PrepareOptions, "kind">,
): Promise<Prepared> {
  const { stream, ...media } = await prepareMedia({
    source: fileOf(bytes),
    name: "a",
    keepMetadata: false,
    isLive: false,
    ...options,
  });
  return { ...media, bytes: await bytesOf(stream) };
}

export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

/** Pieces of a size that meets no boundary of any container. */
export async function* inPieces(bytes: Uint8Array, size = 1_237): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) {
    yield bytes.subarray(offset, offset + size);
  }
}
