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
  /** Not all of it has come yet. */
  arriving: 9,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_OF_ERROR: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  CLIENT_CLOSED: EXIT.unexpected,
  INTERNAL: EXIT.unexpected,
  CRYPTO_UNAVAILABLE: EXIT.unexpected,
  STORE_TOO_NEW: EXIT.unexpected,
  STORE_CORRUPT: EXIT.unexpected,
  STORE_IN_USE: EXIT.unexpected,
  STORE_KEY_WRONG: EXIT.unexpected,
  KEY_FILE_DAMAGED: EXIT.unexpected,
  KEY_FILE_EXPOSED: EXIT.unexpected,
  DATA_UNUSABLE: EXIT.unexpected,
  PORT_UNUSABLE: EXIT.unexpected,

  NAME_INVALID: EXIT.usage,
  CONTACT_NAME_TAKEN: EXIT.usage,
  CONTACT_UNKNOWN: EXIT.usage,
  CONTACT_AMBIGUOUS: EXIT.usage,
  TEXT_EMPTY: EXIT.usage,
  MESSAGE_UNKNOWN: EXIT.usage,
  MESSAGE_AMBIGUOUS: EXIT.usage,
  USAGE: EXIT.usage,
  BAD_CONFIG: EXIT.usage,
  FILE_NOT_WRITTEN: EXIT.usage,
  FILE_NOT_READ: EXIT.usage,
  RELAY_LAST: EXIT.usage,
  RELAYS_FULL: EXIT.usage,
  RELAY_UNKNOWN: EXIT.usage,
  RELAYS_USED_UP: EXIT.usage,
  PROXY_INVALID: EXIT.usage,
  METADATA_NOT_REMOVABLE: EXIT.usage,
  MEDIA_TYPE: EXIT.usage,

  PARAMETERS_TOO_HIGH: EXIT.vault,
  VAULT_MISSING: EXIT.vault,
  VAULT_EXISTS: EXIT.vault,
  VAULT_PASSPHRASE: EXIT.vault,
  VAULT_DAMAGED: EXIT.vault,
  VAULT_VERSION: EXIT.vault,
  VAULT_FULL: EXIT.vault,
  VAULT_STORAGE: EXIT.vault,
  VAULT_CLOSED: EXIT.vault,
  PASSPHRASE_SHORT: EXIT.vault,
  PASSPHRASE_NEEDED: EXIT.vault,
  PASSPHRASE_FILE: EXIT.vault,
  PASSPHRASE_EMPTY: EXIT.vault,

  RELAY_MISMATCH: EXIT.network,
  CHANNEL_KEY_UNKNOWN: EXIT.network,
  CHANNEL_REFUSED: EXIT.network,
  CHANNEL_BROKEN: EXIT.network,
  CHANNEL_EXHAUSTED: EXIT.network,
  RETRY: EXIT.network,
  CLOSING: EXIT.network,
  BAD_RECEIPT: EXIT.network,
  RECORD_CHANGED: EXIT.network,
  RELAY_UNREACHABLE: EXIT.network,
  RELAY_TIMEOUT: EXIT.network,
  NOT_A_RELAY: EXIT.network,
  PROXY_REQUIRED: EXIT.network,
  PROXY_REFUSED: EXIT.network,
  PROXY_UNREACHABLE: EXIT.network,
  RELAY_TLS: EXIT.network,
  CHANNEL_KEY_FORGED: EXIT.network,
  CHANNEL_KEY_STALE: EXIT.network,
  RELAY_FAULT: EXIT.network,
  LINK_CLOSED: EXIT.network,
  CAPTIVE_PORTAL: EXIT.network,
  EXCHANGE_CUT: EXIT.network,
  EXCHANGE_REPEATED: EXIT.network,

  VERSION_UNSUPPORTED: EXIT.refused,
  UNKNOWN_FRAME: EXIT.refused,
  BAD_FRAME: EXIT.refused,
  WRONG_CHANNEL: EXIT.refused,
  PROOF_REQUIRED: EXIT.refused,
  BAD_PROOF: EXIT.refused,
  ANSWERS_TOO_LONG: EXIT.refused,
  RATE_LIMITED: EXIT.refused,
  PUZZLE_REQUIRED: EXIT.refused,
  REFUSED: EXIT.refused,
  MAILBOX_FULL: EXIT.refused,
  QUOTA: EXIT.refused,
  STORAGE_FULL: EXIT.refused,
  STALE_VERSION: EXIT.refused,
  NAME_TAKEN: EXIT.refused,
  LIMIT_REACHED: EXIT.refused,
  EXPIRED: EXIT.refused,
  WRONG_OFFSET: EXIT.refused,
  WRONG_LENGTH: EXIT.refused,
  BLOB_TOO_LARGE: EXIT.refused,
  BLOB_SUPERSEDED: EXIT.refused,
  RELAY_ERROR: EXIT.refused,
  NOT_REGISTERED: EXIT.refused,

  MALFORMED: EXIT.data,
  BAD_KEY: EXIT.data,
  BAD_SIGNATURE: EXIT.data,
  CANNOT_OPEN: EXIT.data,
  PHRASE_LENGTH: EXIT.data,
  PHRASE_WORD: EXIT.data,
  PHRASE_MIXED: EXIT.data,
  PHRASE_CHECK: EXIT.data,
  PHRASE_AMBIGUOUS: EXIT.data,
  BAD_RELAY_ADDRESS: EXIT.data,
  OWN_CARD: EXIT.data,
  BAD_CARD: EXIT.data,
  NOT_EMPOWERED: EXIT.data,
  UNKNOWN_DEVICE: EXIT.data,
  PREKEY_EXPIRED: EXIT.data,
  CANNOT_DECRYPT: EXIT.data,
  ALREADY_OPENED: EXIT.data,
  TEXT_TOO_LONG: EXIT.data,
  NO_SESSION: EXIT.data,
  BLOB_DAMAGED: EXIT.data,
  BLOB_MISMATCH: EXIT.data,
  BLOB_CUT_OFF: EXIT.data,
  INPUT_TOO_LONG: EXIT.data,

  IDENTITY_CHANGED: EXIT.identityChanged,

  VAULT_BUSY: EXIT.busy,
  TAKEN_OVER: EXIT.busy,

  MEDIA_ARRIVING: EXIT.arriving,
};

export function exitOf(code: ErrorCode): ExitCode {
  return EXIT_OF_ERROR[code] ?? EXIT.unexpected;
}
