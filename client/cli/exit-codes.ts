/**
 * What `tumar` answers to the shell: each error code leads to one exit code (docs/CLI.md).
 *
 * Scripts switch on these numbers, so that one never changes its meaning. A test proves that every code of
 * the error table has its exit.
 */

import type { ErrorCode } from "../../shared/crypto/errors.ts";

export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  vault: 3,
  /** The relay was not reached; a message is queued. */
  network: 4,
  refused: 5,
  /** A bad card, phrase or other data. */
  data: 6,
  identityChanged: 7,
  busy: 8,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_OF_ERROR: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  INTERNAL: EXIT.unexpected,
  CRYPTO_UNAVAILABLE: EXIT.unexpected,
  STORE_TOO_NEW: EXIT.unexpected,
  STORE_CORRUPT: EXIT.unexpected,
  STORE_IN_USE: EXIT.unexpected,

  USAGE: EXIT.usage,
  FILE_NOT_WRITTEN: EXIT.usage,

  PARAMETERS_TOO_HIGH: EXIT.vault,
  PASSPHRASE_NEEDED: EXIT.vault,
  PASSPHRASE_FILE: EXIT.vault,
  PASSPHRASE_EMPTY: EXIT.vault,
  PASSPHRASE_SHORT: EXIT.vault,

  REFUSED: EXIT.refused,
  MAILBOX_FULL: EXIT.refused,
  QUOTA: EXIT.refused,
  STORAGE_FULL: EXIT.refused,
  STALE_VERSION: EXIT.refused,
  LIMIT_REACHED: EXIT.refused,
  EXPIRED: EXIT.refused,

  MALFORMED: EXIT.data,
  BAD_KEY: EXIT.data,
  BAD_SIGNATURE: EXIT.data,
  CANNOT_OPEN: EXIT.data,
  PHRASE_LENGTH: EXIT.data,
  PHRASE_WORD: EXIT.data,
  PHRASE_MIXED: EXIT.data,
  PHRASE_CHECK: EXIT.data,
  PHRASE_AMBIGUOUS: EXIT.data,
  INPUT_TOO_LONG: EXIT.data,
};

export function exitOf(code: ErrorCode): ExitCode {
  return EXIT_OF_ERROR[code] ?? EXIT.unexpected;
}
