/** One envelope to its relay: the request, the puzzle if one is asked, and the receipt. */

import { type ErrorCode, errorRow, TumarError } from "../../shared/crypto/errors.ts";
import type { ReceiptFrame } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { verifyReceipt } from "../../shared/wire/receipt.ts";
import type { Clock } from "../net/clock.ts";
import type { Relay } from "../net/requests.ts";
import type { Core } from "./context.ts";
import { asFault } from "./faults.ts";
import { hasOtherGoodPlace } from "./places.ts";
import { workFor } from "./puzzle-work.ts";
import type { Deposited } from "./settling.ts";
import { watchSilence } from "./silence.ts";
import type { EnvelopeRow } from "./state/outbox.ts";

/** Answers of the relay about this grant; another grant of the device may do. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "REFUSED",
  "QUOTA",
  "MAILBOX_FULL",
  "STORAGE_FULL",
]);
/** Numbers of the codes for "no relay, or not the right one, was reached" (shared/crypto/errors.ts). */
const NETWORK_CODES = { first: 450, last: 469 };

/** The relay was not reached, or what was reached is not what it should be. */
export function isSilence(fault: TumarError | undefined): boolean {
  if (fault === undefined || fault.code === "LINK_CLOSED") return false;
  if (fault.code === "RELAY_MISMATCH" || fault.code === "BAD_RECEIPT") return true;
  const { number } = errorRow(fault.code);
  return number >= NETWORK_CODES.first && number <= NETWORK_CODES.last;
}

/** Never rejects. What the relay showed of itself is noted in the health of relays. */
export async function deposit(
  core: Core,
  clock: Clock,
  place: number,
  row: EnvelopeRow,
): Promise<Deposited> {
  try {
    const receipt = await depositWhileAnswering(core, clock, place, row);
    core.health.answered(row.relay);
    return { place, row, receipt };
  } catch (error) {
    const fault = asFault(error);
    if (isSilence(fault)) core.health.silent(row.relay);
    if (REFUSALS.has(fault.code)) core.health.refused(row.depositId);
    return { place, row, fault };
  }
}

/** Does not wait for a silent relay when the device has another. */
async function depositWhileAnswering(
  core: Core,
  clock: Clock,
  place: number,
  row: EnvelopeRow,
): Promise<ReceiptFrame> {
  const relay = core.relays.peer(row.relay);
  const hasOther = await core.vault.read((view) => hasOtherGoodPlace(view, core, place, row));
  const giveUp = new AbortController();
  const deposited = depositOnce(clock, relay, row, giveUp.signal);
  if (!hasOther) return await deposited;
  const watch = watchSilence(clock, relay, row.envelope.length, () =>
    core.health.lastAnswerMs(row.relay),
  );
  void watch.silent.then(() => {
    giveUp.abort(new TumarError("RELAY_TIMEOUT", "the relay does not answer"));
  });
  try {
    return await deposited;
  } finally {
    watch.stop();
  }
}

async function depositOnce(
  clock: Clock,
  relay: Relay,
  row: EnvelopeRow,
  signal: AbortSignal,
): Promise<ReceiptFrame> {
  const { depositId, urgent, expiryDay, envelope } = row;
  const body = { type: "deposit", depositId, urgent, expiryDay, envelope } as const;
  const none = new Uint8Array(0);
  const receipt = await relay.sender
    .request({ ...body, puzzleNonce: none }, { signal })
    .catch(async (error) => {
      const puzzleNonce = await workFor(error, row, clock, signal);
      return await relay.sender.request({ ...body, puzzleNonce }, { signal });
    });
  const identity = relay.facts()?.identity;
  if (identity === undefined) throw new TumarError("RELAY_UNREACHABLE", "the relay went away");
  const stored = { envelopeId: envelopeId(envelope), size: envelope.length, hour: receipt.hour };
  verifyReceipt(receipt, stored, identity);
  return receipt;
}
