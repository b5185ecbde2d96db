/**
 * Envelopes on which this program fails by a fault of its own. One alone could block its mailbox for
 * good where the network lets little pass at once, since nothing is acknowledged that is not kept.
 *
 *     fails ──3 times──> bytes into the vault, acknowledged ──each later version──> opened, or kept on
 *
 * Nothing that a relay took is lost by it: without room in the vault the envelope stays at the relay.
 */

import type { Delivery } from "../net/requests.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { isVaultFault, nameOf } from "./faults.ts";
import { type Opened, openUnder } from "./incoming.ts";
import { getMyGrant } from "./state/grants.ts";
import {
  forgetFailing,
  getQuarantined,
  isQuarantined,
  listQuarantined,
  markTried,
  putFailing,
  putQuarantined,
  releaseQuarantined,
  timesFailed,
} from "./state/quarantine.ts";
import type { ClientEvent } from "./types.ts";

/** In all runs together: a fault of the moment does not come three times. */
const MAX_TIMES = 3;

/**
 * Counts that `error` came of this delivery. True once its bytes are in the vault: it may be acknowledged.
 * @throws TumarError VAULT_…
 */
export async function noteFailure(
  core: Core,
  delivery: Delivery,
  error: unknown,
): Promise<boolean> {
  const { isKept, events } = await core.vault.transaction((tx) =>
    count(tx, core, delivery, nameOf(error)),
  );
  for (const event of events) core.emit(event);
  return isKept;
}

interface Counted {
  readonly isKept: boolean;
  readonly events: readonly ClientEvent[];
}

const NOT_KEPT: Counted = { isKept: false, events: [] };

function count(tx: VaultTransaction, core: Core, delivery: Delivery, reason: string): Counted {
  const { envelopeId, envelope, tag, hour } = delivery;
  // It came again before the relay had the acknowledgement.
  if (isQuarantined(tx, envelopeId)) return { isKept: true, events: [] };
  const before = timesFailed(tx, envelopeId);
  const times = Math.min(before + 1, MAX_TIMES);
  const isCounted = putFailing(tx, envelopeId, { times, hour: core.time.hour(), reason });
  if (!isCounted || times < MAX_TIMES) return NOT_KEPT;
  const grant = getMyGrant(tx, tag);
  if (grant === undefined) return NOT_KEPT;
  const { wrapKey, contact } = grant;
  const { version } = core;
  const row = { reason, version, hour, envelope, wrapKey, contact };
  const isKept = putQuarantined(tx, envelopeId, row);
  if (isKept) forgetFailing(tx, envelopeId);
  // It fails again and again while there is no room: that is told once.
  const isNews = isKept || before < MAX_TIMES;
  return { isKept, events: isNews ? [{ type: "quarantined", reason, isKept }] : [] };
}

/**
 * What another version of this program failed on is opened by this one, or kept on for the next; true
 * when something was taken in. @throws TumarError VAULT_…
 */
export async function retryQuarantined(core: Core): Promise<boolean> {
  const rows = await core.vault.read(listQuarantined);
  const due = rows.filter(([, { version }]) => version !== core.version);
  let hasTaken = false;
  for (const [id] of due) hasTaken = (await retryOne(core, id)) || hasTaken;
  return hasTaken;
}

async function retryOne(core: Core, id: string): Promise<boolean> {
  try {
    const { root, events } = await core.vault.transaction((tx) => release(tx, core, id));
    for (const event of events) core.emit(event);
    return root !== undefined;
  } catch (error) {
    if (isVaultFault(error)) throw error;
    await core.vault.transaction((tx) => markTried(tx, id, core.version));
    return false;
  }
}

/** What does not open now will not open later: as with any delivery, that is its end. */
function release(tx: VaultTransaction, core: Core, id: string): Opened {
  const row = getQuarantined(tx, id);
  // Another process of this vault was faster.
  if (row === undefined || row.version === core.version) return { events: [] };
  releaseQuarantined(tx, id);
  return openUnder(tx, core, row, row);
}
