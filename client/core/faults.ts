/**
 * What background work makes of an error: it is told to whoever waits and tried again. One that is no
 * TumarError is a fault of this program; it must not end a process that others' messages depend on.
 */

import { TumarError } from "../../shared/crypto/errors.ts";

export function asFault(error: unknown): TumarError {
  if (error instanceof TumarError) return error;
  return new TumarError("INTERNAL", "a fault in this program", { cause: error });
}

/** The vault is busy, full or cannot be read: not the fault of what was to be kept in it. */
export function isVaultFault(error: unknown): boolean {
  return error instanceof TumarError && error.code.startsWith("VAULT_");
}

/** For a report: what kind of error it was, and nothing of what it was about. */
export function nameOf(error: unknown): string {
  if (error instanceof TumarError) return error.code;
  return error instanceof Error ? error.name : "INTERNAL";
}
