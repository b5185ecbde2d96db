/** What every connection of one relay shares; made once by relay.ts. */

import type { Random } from "../shared/crypto/bytes.ts";
import type { ReceiptProof } from "../shared/wire/receipt.ts";
import type { Blobs } from "./blobs/blobs.ts";
import type { Clock } from "./clock.ts";
import type { SettingValues } from "./config-table.ts";
import type { Epochs } from "./epochs.ts";
import type { Keyring } from "./keys.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { Pressure } from "./pressure.ts";
import type { Revocations } from "./revocations.ts";
import type { GroupCommit } from "./store/group-commit.ts";
import type { Store } from "./store/store.ts";
import type { Subscriptions } from "./subscriptions.ts";

export interface Services {
  readonly config: SettingValues;
  /** Wall clock: hours, days, epochs. */
  readonly clock: Clock;
  /** Milliseconds that never jump: rates, pings, cuts. */
  readonly timer: Clock;
  readonly random: Random;
  readonly keyring: Keyring;
  readonly epochs: Epochs;
  readonly revocations: Revocations;
  readonly store: Store;
  readonly commits: GroupCommit<ReceiptProof>;
  readonly blobs: Blobs;
  readonly subscriptions: Subscriptions;
  readonly pressure: Pressure;
  readonly metrics: Metrics;
  readonly logger: Logger;
}
