/**
 * What background work makes of an error: it is told to whoever waits and tried again. One that is no
 * TumarError is a fault of this program; it must not end a process that others' messages depend on.
 */

import { TumarError } from "../../shared/crypto/errors.ts";

export function asFault(error: unknown): TumarError {
  if (error instanceof TumarError) return error;
  return new TumarError("INTERNAL", "a fault in this program", { cause: error });
}
