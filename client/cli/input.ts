/** What comes in on standard input and from small files: whole, bounded, and well-formed UTF-8. */

import type { Readable } from "node:stream";
import { fromUtf8 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";

/** Far above any text or card; keeps `tumar send Bek - < film.mp4` from filling the memory. */
const INPUT_MAX_BYTES = 1024 * 1024;

/** Everything until the end, without one trailing line end. @throws TumarError INPUT_TOO_LONG, MALFORMED */
export async function readText(stream: Readable): Promise<string> {
  const bytes = await boundedBytes(stream, INPUT_MAX_BYTES);
  if (bytes.length > INPUT_MAX_BYTES) {
    throw new TumarError("INPUT_TOO_LONG", "standard input is longer than any message");
  }
  return fromUtf8(bytes).replace(/\r?\n$/, "");
}

/** At most `max` + 1 bytes: one more than `max` tells the caller that there is more. */
export async function boundedBytes(stream: Readable, max: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > max) break;
  }
  return Buffer.concat(chunks).subarray(0, max + 1);
}
