/**
 * Argon2id (RFC 9106): the one way from a passphrase or phrase to a key. Loaded when first used.
 *
 * Parameters read from a file are checked against a floor and a ceiling before any memory is
 * taken, so that a changed file can neither weaken the key nor exhaust the machine.
 */

import { TumarError } from "./errors.ts";

export interface Argon2idParameters {
  readonly memoryKiB: number;
  readonly passes: number;
}

export const ARGON2ID_SALT_BYTES = 16;
export const ARGON2ID_FLOOR: Argon2idParameters = { memoryKiB: 64 * 1024, passes: 3 };
export const ARGON2ID_CEILING: Argon2idParameters = { memoryKiB: 1024 * 1024, passes: 10 };

/** @throws TumarError PARAMETERS_TOO_HIGH when outside floor and ceiling. */
export function checkArgon2idParameters({ memoryKiB, passes }: Argon2idParameters): void {
  const isInside =
    Number.isSafeInteger(memoryKiB) &&
    Number.isSafeInteger(passes) &&
    memoryKiB >= ARGON2ID_FLOOR.memoryKiB &&
    memoryKiB <= ARGON2ID_CEILING.memoryKiB &&
    passes >= ARGON2ID_FLOOR.passes &&
    passes <= ARGON2ID_CEILING.passes;
  if (!isInside) {
    throw new TumarError("PARAMETERS_TOO_HIGH", "Argon2id parameters are out of bounds");
  }
}

/** Argon2id by whoever runs it, for example in a web worker: same input, same output. */
export type DeriveKey = (
  password: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2idParameters,
  length: number,
) => Promise<Uint8Array>;

/** Parallelism 1. `password` is not empty; `salt` has 16 bytes; returns `length` bytes. */
export async function argon2id(
  password: Uint8Array,
  salt: Uint8Array,
  parameters: Argon2idParameters,
  length: number,
): Promise<Uint8Array> {
  checkArgon2idParameters(parameters);
  const { argon2id: derive } = await import("hash-wasm");
  return derive({
    password,
    salt,
    parallelism: 1,
    iterations: parameters.passes,
    memorySize: parameters.memoryKiB,
    hashLength: length,
    outputType: "binary",
  });
}
