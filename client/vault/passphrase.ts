/**
 * From what a person types to the bytes Argon2id takes.
 *
 * Text is normalised to NFKD, as recovery phrases are, so that the same keys give the same bytes
 * on every keyboard and system; then UTF-8. Nothing is trimmed and case counts.
 */

import { utf8 } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";

export const PASSPHRASE_MIN_CHARACTERS = 8;

/** Unicode characters as a person counts them (NFKC code points). @throws TumarError PASSPHRASE_SHORT */
export function checkPassphrase(passphrase: string): void {
  if ([...passphrase.normalize("NFKC")].length < PASSPHRASE_MIN_CHARACTERS) {
    throw new TumarError(
      "PASSPHRASE_SHORT",
      `the passphrase has fewer than ${PASSPHRASE_MIN_CHARACTERS} characters`,
    );
  }
}

/** @throws TumarError VAULT_PASSPHRASE when empty: no vault has an empty passphrase. */
export function passphraseBytes(passphrase: string): Uint8Array {
  if (passphrase === "") throw new TumarError("VAULT_PASSPHRASE", "the passphrase is empty");
  return utf8(passphrase.normalize("NFKD"));
}
