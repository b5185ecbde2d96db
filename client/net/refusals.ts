/**
 * An `error` frame of a relay as an error of ours. A relay may refuse only with the codes of the
 * relay protocol: it cannot make the client believe in a fault of its own vault or contacts.
 */

import { ByteReader, toHex } from "../../shared/crypto/bytes.ts";
import { type ErrorCode, errorCodeOf, errorRow, TumarError } from "../../shared/crypto/errors.ts";
import type { ErrorFrame } from "../../shared/wire/frames.ts";
import { PUZZLE_SEED_BYTES } from "../../shared/wire/limits.ts";

const INTERNAL = 1;
const OFFSET_BYTES = 8;
const FIRST_RELAY_CODE = 200;
const LAST_RELAY_CODE = 299;

export function refusalOf(frame: ErrorFrame): TumarError {
  const code = codeOf(frame.number);
  if (code === undefined) {
    return new TumarError("RELAY_ERROR", "the relay refused for a reason unknown here", {
      details: { number: frame.number },
    });
  }
  return new TumarError(code, "the relay refused", { details: detailsOf(code, frame.data) });
}

/** The relay itself said no, and may say yes to the same in a while. Nothing was done. */
export function isRefusedForNow(error: unknown): error is TumarError {
  return (
    error instanceof TumarError &&
    error.retryable &&
    codeOf(errorRow(error.code).number) !== undefined
  );
}

function codeOf(number: number): ErrorCode | undefined {
  const isOfRelay = number >= FIRST_RELAY_CODE && number <= LAST_RELAY_CODE;
  return isOfRelay || number === INTERNAL ? errorCodeOf(number) : undefined;
}

/** For PUZZLE_REQUIRED `puzzleSeed` in hex and `puzzleBits`; for WRONG_OFFSET `expectedOffset`. */
function detailsOf(code: ErrorCode, data: Uint8Array): Readonly<Record<string, string | number>> {
  if (code === "WRONG_OFFSET" && data.length === OFFSET_BYTES) {
    return { expectedOffset: Number(new DataView(data.buffer, data.byteOffset).getBigUint64(0)) };
  }
  if (code !== "PUZZLE_REQUIRED" || data.length !== PUZZLE_SEED_BYTES + 1) return {};
  const reader = new ByteReader(data);
  return { puzzleSeed: toHex(reader.take(PUZZLE_SEED_BYTES)), puzzleBits: reader.u8() };
}
