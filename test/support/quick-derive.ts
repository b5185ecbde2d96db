/**
 * BLAKE2b in the place of Argon2id, for tests that are not about a passphrase or phrase: a client
 * opens in a millisecond instead of a quarter of a second of CPU. The product has no switch for it.
 */

import { checkArgon2idParameters, type DeriveKey } from "../../shared/crypto/argon2id.ts";
import { concat, u32 } from "../../shared/crypto/bytes.ts";
import { blake2b } from "../../shared/crypto/sodium.ts";

export const quickDerive: DeriveKey = async (password, salt, parameters, length) => {
  checkArgon2idParameters(parameters);
  const { memoryKiB, passes } = parameters;
  return blake2b(length, concat(password, u32(memoryKiB), u32(passes)), salt);
};

/** Behind the address of a page of the tests: nothing stands in for Argon2id in it. */
export const WITH_ARGON2ID = "?argon2id";
