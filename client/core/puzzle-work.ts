/**
 * The little work that a relay under pressure asks for beside a deposit. Done in pieces, so that a
 * relay that asks for much holds up what is for it and nothing else.
 */

import { fromHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { MAX_PUZZLE_BITS } from "../../shared/wire/limits.ts";
import { solvePuzzle } from "../../shared/wire/puzzle.ts";
import type { Clock } from "../net/clock.ts";
import type { EnvelopeRow } from "./state/outbox.ts";

const TRIES = 1 << 24;
/** Some 20 ms. */
const TRIES_AT_ONCE = 1 << 13;

/** For a deposit; as `solve`. */
export async function workFor(
  refusal: unknown,
  { depositId, envelope }: Pick<EnvelopeRow, "depositId" | "envelope">,
  clock: Clock,
  signal: AbortSignal,
): Promise<Uint8Array> {
  return await solve(refusal, depositId, envelopeId(envelope), clock, signal);
}

/**
 * The nonce that solves the puzzle in a refusal; `id` is of the envelope or the blob. Rethrows what asks
 * for none, or for too much.
 */
export async function solve(
  refusal: unknown,
  depositId: Uint8Array,
  id: Uint8Array,
  clock: Clock,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (!(refusal instanceof TumarError) || refusal.code !== "PUZZLE_REQUIRED") throw refusal;
  const { puzzleSeed, puzzleBits } = refusal.details;
  if (typeof puzzleSeed !== "string" || typeof puzzleBits !== "number") throw refusal;
  if (puzzleBits > MAX_PUZZLE_BITS) throw refusal;
  const puzzle = { seed: fromHex(puzzleSeed), bits: puzzleBits };
  for (let at = 0; at < TRIES; at += TRIES_AT_ONCE) {
    const nonce = solvePuzzle(puzzle, depositId, id, at, TRIES_AT_ONCE);
    if (nonce !== undefined) return nonce;
    await new Promise<void>((resolve) => clock.after(0, resolve));
    signal.throwIfAborted();
  }
  throw refusal;
}
