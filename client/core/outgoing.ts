/**
 * Drains the outbox: seals drafts (sealing.ts), deposits envelopes (deposits.ts) and takes the receipts
 * into the vault (settling.ts). One round; the engine decides when the next is due. Every fault leaves
 * what it concerns in the outbox.
 */

import type { TumarError } from "../../shared/crypto/errors.ts";
import type { Core } from "./context.ts";
import { depositAll, type Progress } from "./deposits.ts";
import { introduceAll, sealKnown } from "./sealing.ts";

export interface Round {
  /** Envelopes that a relay has now. */
  readonly stored: number;
  /** Whether something stays behind that a later round may move. */
  readonly isRetryDue: boolean;
  /** Why drafts to a contact could not be sealed, by root in hex. */
  readonly sealingFaults: ReadonlyMap<string, TumarError>;
}

export async function drainOutbox(core: Core, signal: AbortSignal): Promise<Round> {
  const sealingFaults = new Map<string, TumarError>();
  const progress: Progress = { tried: new Set(), silent: new Set(), stored: 0, left: 0 };
  const unsealed = await sealKnown(core, sealingFaults);
  // What is sealed does not wait for relays that first have to be asked about somebody.
  await Promise.all([
    depositAll(core, progress, signal),
    introduceAll(core, unsealed, signal, sealingFaults),
  ]);
  await depositAll(core, progress, signal);
  const isRetryDue = sealingFaults.size > 0 || progress.left > 0;
  return { stored: progress.stored, isRetryDue, sealingFaults };
}
