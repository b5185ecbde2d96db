/** Records and one-time pairs at a relay, whole: what comes in slices or pages is put together here. */

import { concat, equalBytes, type Random } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { TakenPair } from "../../shared/wire/frames.ts";
import {
  decodeRecordParts,
  type RecordPart,
  recordDigest,
} from "../../shared/wire/record-parts.ts";
import type { Relay, RequestOptions } from "../net/requests.ts";

const TOKEN_BYTES = 16;
/** A record that changes between its slices is begun anew. */
const MAX_STARTS = 4;

export interface ReadRecord {
  readonly parts: readonly RecordPart[];
  /** Hour by the relay's clock. */
  readonly hour: number;
}

/** @throws TumarError REFUSED when there is no such record, RECORD_CHANGED, network codes */
export async function readRecord(
  relay: Relay,
  recordId: Uint8Array,
  options?: RequestOptions,
): Promise<ReadRecord> {
  for (let start = 0; start < MAX_STARTS; start++) {
    const whole = await readSlices(relay, recordId, options);
    if (whole !== undefined) return whole;
  }
  throw new TumarError("RECORD_CHANGED", "the record changed while it was read");
}

async function readSlices(
  relay: Relay,
  recordId: Uint8Array,
  options?: RequestOptions,
): Promise<ReadRecord | undefined> {
  const first = await relay.sender.request({ type: "record.get", recordId, offset: 0 }, options);
  const slices = [first.bytes];
  let at = first.bytes.length;
  while (at < first.total) {
    const next = await relay.sender.request({ type: "record.get", recordId, offset: at }, options);
    if (!equalBytes(next.digest, first.digest) || next.bytes.length === 0) return undefined;
    slices.push(next.bytes);
    at += next.bytes.length;
  }
  const encoding = concat(...slices);
  if (!equalBytes(recordDigest(encoding), first.digest)) return undefined;
  return { parts: decodeRecordParts(encoding), hour: first.hour };
}

/** One pair of each writer that has one; all pages. */
export async function takePairs(
  relay: Relay,
  recordId: Uint8Array,
  random: Random,
  options?: RequestOptions,
): Promise<readonly TakenPair[]> {
  const token = random(TOKEN_BYTES);
  const pairs: TakenPair[] = [];
  for (;;) {
    const body = { type: "prekeys.take", recordId, token, first: pairs.length } as const;
    const page = await relay.sender.request(body, options);
    pairs.push(...page.pairs);
    if (pairs.length >= page.total || page.pairs.length === 0) return pairs;
  }
}
