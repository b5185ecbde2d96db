/** The store's limits as the settings give them. */

import type { SettingValues } from "./config-table.ts";
import { DEFAULT_STORE_LIMITS, type StoreLimits } from "./store/limits.ts";

export function storeLimitsOf(config: SettingValues): StoreLimits {
  return {
    ...DEFAULT_STORE_LIMITS,
    mailboxEnvelopes: config.MAILBOX_ENVELOPES,
    mailboxBytes: config.MAILBOX_BYTES,
    urgentReservePercent: config.URGENT_RESERVE,
    grantsPerMailbox: config.GRANTS,
    cardDepositsPerDay: config.CARD_DEPOSITS,
    mailboxDays: { device: config.MAILBOX_DAYS, letterbox: config.LETTERBOX_DAYS },
    recordDays: config.RECORD_DAYS,
    recordWriters: config.RECORD_WRITERS,
    prekeyPairs: config.PREKEY_PAIRS,
    prekeyTakesPerDay: config.PREKEY_TAKES,
    blobsBytes: config.BLOB_BYTES,
    blobBytes: config.BLOB_MAX_BYTES,
    grantBlobBytesPerDay: config.BLOB_GRANT_BYTES,
    cardBlobBytesPerDay: config.BLOB_CARD_BYTES,
    blobDays: config.BLOB_DAYS,
  };
}
