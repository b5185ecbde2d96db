/**
 * The depositing half of a round: envelopes go to their relays, many at once, each relay on its own.
 * The same bytes are repeated until a receipt comes.
 */

import { fromHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { ReceiptFrame } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { solvePuzzle } from "../../shared/wire/puzzle.ts";
import { verifyReceipt } from "../../shared/wire/receipt.ts";
import type { VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { asFault } from "./faults.ts";
import { type Deposited, settle } from "./settling.ts";
import { type EnvelopeRow, envelopePlaces, getEnvelope } from "./state/outbox.ts";

/** Envelopes under way at once; more wait for the next batch of this round. */
const BATCH = 64;
const PUZZLE_TRIES = 1 << 24;

/** Of one round. */
export interface Progress {
  readonly tried: Set<number>;
  /** Relays that did not answer: what else is for them waits for the next round. */
  readonly silent: Set<string>;
  stored: number;
  left: number;
}

export async function depositAll(
  core: Core,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const batch = await core.vault.read((view) => nextBatch(view, progress));
    if (batch.size === 0) return;
    const groups = [...batch].map(([relay, rows]) => depositTo(core, relay, rows, progress));
    await Promise.all(groups);
  }
}

/** The next envelopes not tried in this round, by relay. */
function nextBatch(
  view: VaultView,
  { tried, silent }: Progress,
): ReadonlyMap<string, readonly [place: number, row: EnvelopeRow][]> {
  const batch = new Map<string, [number, EnvelopeRow][]>();
  let size = 0;
  for (const place of envelopePlaces(view)) {
    if (size === BATCH) break;
    const row = tried.has(place) ? undefined : getEnvelope(view, place);
    if (row === undefined || silent.has(row.relay)) continue;
    tried.add(place);
    batch.set(row.relay, [...(batch.get(row.relay) ?? []), [place, row]]);
    size += 1;
  }
  return batch;
}

/** Each relay's receipts are taken in as they come, whatever another relay does. */
async function depositTo(
  core: Core,
  relay: string,
  rows: readonly (readonly [place: number, row: EnvelopeRow])[],
  progress: Progress,
): Promise<void> {
  const results = await Promise.all(rows.map(([place, row]) => deposit(core, place, row)));
  const taken = results.filter(({ receipt }) => receipt !== undefined).length;
  progress.stored += taken;
  progress.left += results.length - taken;
  if (taken === 0 && results.every(({ fault }) => isSilence(fault))) progress.silent.add(relay);
  await settle(core, results);
}

function isSilence(fault: TumarError | undefined): boolean {
  return fault?.code === "RELAY_UNREACHABLE" || fault?.code === "RELAY_TIMEOUT";
}

async function deposit(core: Core, place: number, row: EnvelopeRow): Promise<Deposited> {
  try {
    return { place, row, receipt: await depositOnce(core, row) };
  } catch (error) {
    return { place, row, fault: asFault(error) };
  }
}

async function depositOnce(core: Core, row: EnvelopeRow): Promise<ReceiptFrame> {
  const relay = core.relays.peer(row.relay);
  const { depositId, urgent, expiryDay, envelope } = row;
  const body = { type: "deposit", depositId, urgent, expiryDay, envelope } as const;
  const none = new Uint8Array(0);
  const receipt = await relay.sender
    .request({ ...body, puzzleNonce: none })
    .catch((error) => relay.sender.request({ ...body, puzzleNonce: solve(error, row) }));
  const identity = relay.facts()?.identity;
  if (identity === undefined) throw new TumarError("RELAY_UNREACHABLE", "the relay went away");
  const stored = { envelopeId: envelopeId(envelope), size: envelope.length, hour: receipt.hour };
  verifyReceipt(receipt, stored, identity);
  return receipt;
}

/** The relay is under pressure and asks for a little work. Rethrows everything else. */
function solve(error: unknown, { depositId, envelope }: EnvelopeRow): Uint8Array {
  if (!(error instanceof TumarError) || error.code !== "PUZZLE_REQUIRED") throw error;
  const { puzzleSeed, puzzleBits } = error.details;
  if (typeof puzzleSeed !== "string" || typeof puzzleBits !== "number") throw error;
  const puzzle = { seed: fromHex(puzzleSeed), bits: puzzleBits };
  const nonce = solvePuzzle(puzzle, depositId, envelopeId(envelope), 0, PUZZLE_TRIES);
  if (nonce === undefined) throw error;
  return nonce;
}
