/**
 * Drains the outbox: seals drafts (reading prekeys where a session is missing), deposits envelopes,
 * many at once, and takes the receipts into the vault. One round; the engine decides when the next
 * is due. Every fault leaves what it concerns in the outbox.
 */

import { equalBytes, fromHex, toHex } from "../../shared/crypto/bytes.ts";
import { type ErrorCode, TumarError } from "../../shared/crypto/errors.ts";
import { encodeCbor } from "../../shared/wire/codec.ts";
import type { ReceiptFrame } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { solvePuzzle } from "../../shared/wire/puzzle.ts";
import { verifyReceipt } from "../../shared/wire/receipt.ts";
import type { RequestOptions } from "../net/requests.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { cardOfContact } from "./directory.ts";
import { type Introduction, introduce, introduceByStatus } from "./first-contact.ts";
import { markChanged } from "./incoming.ts";
import { contactsToRead, withStatements } from "./known-sets.ts";
import { repair, rootsToRepair } from "./repair.ts";
import { sealDrafts } from "./seal.ts";
import { type ContactRow, getContact, putContact } from "./state/contacts.ts";
import { getMessage, messageIndex, putMessage } from "./state/messages.ts";
import {
  deleteEnvelope,
  type EnvelopeRow,
  getEnvelope,
  listDrafts,
  listEnvelopes,
  putEnvelope,
} from "./state/outbox.ts";

/** Envelopes under way at once; more wait for the next batch of this round. */
const BATCH = 64;
const PUZZLE_TRIES = 1 << 24;

export interface Round {
  /** Envelopes that a relay has now. */
  readonly stored: number;
  /** Whether something stays behind that a later round may move. */
  readonly isRetryDue: boolean;
  /** Why drafts to a contact could not be sealed, by root in hex. */
  readonly sealingFaults: ReadonlyMap<string, TumarError>;
}

export async function drainOutbox(core: Core, signal: AbortSignal): Promise<Round> {
  const sealingFaults = await sealAll(core, signal);
  const tried = new Set<number>();
  let stored = 0;
  let isRetryDue = sealingFaults.size > 0;
  for (;;) {
    const waiting = await core.vault.read(listEnvelopes);
    const batch = waiting.filter(([place]) => !tried.has(place)).slice(0, BATCH);
    if (batch.length === 0 || signal.aborted) return { stored, isRetryDue, sealingFaults };
    for (const [place] of batch) tried.add(place);
    const results = await Promise.all(batch.map(([place, row]) => deposit(core, place, row)));
    const taken = results.filter(({ receipt }) => receipt !== undefined).length;
    stored += taken;
    isRetryDue ||= taken < results.length;
    await settle(core, results);
  }
}

// --- sealing ------------------------------------------------------------------------------------

async function sealAll(core: Core, signal: AbortSignal): Promise<Map<string, TumarError>> {
  const faults = new Map<string, TumarError>();
  const note = (root: Uint8Array, fault: TumarError | undefined): void => {
    if (fault !== undefined) faults.set(toHex(root), fault);
  };
  for (const root of await rootsWithDrafts(core)) {
    const isSealed = await core.vault.transaction((tx) => sealDrafts(tx, core, root));
    if (!isSealed) note(root, await withIntroduction(core, root, signal, sealDrafts));
  }
  for (const root of await core.vault.read((view) => rootsToRepair(view, core))) {
    note(root, await withIntroduction(core, root, signal, repair));
  }
  for (const contact of await core.vault.read(contactsToRead)) {
    note(contact.root, await readStatus(core, contact, signal));
  }
  return faults;
}

/** Their status record is read once for each set they named; a relay without it is no fault of ours. */
async function readStatus(
  core: Core,
  contact: ContactRow,
  signal: AbortSignal,
): Promise<TumarError | undefined> {
  const fault = await withIntroduction(
    core,
    contact.root,
    signal,
    () => undefined,
    introduceByStatus,
  );
  if (fault === undefined || fault.retryable) return fault;
  await core.vault.transaction((tx) => {
    const held = getContact(tx, contact.root);
    if (held !== undefined) putContact(tx, { ...held, wantedSet: null });
  });
  return undefined;
}

async function rootsWithDrafts(core: Core): Promise<readonly Uint8Array[]> {
  const drafts = await core.vault.read(listDrafts);
  return [...new Set(drafts.map(([, { root }]) => toHex(root)))].map(fromHex);
}

/** Reads the contact's prekeys from a relay, then runs `step` with them in one transaction. */
async function withIntroduction(
  core: Core,
  root: Uint8Array,
  signal: AbortSignal,
  step: (
    tx: VaultTransaction,
    core: Core,
    root: Uint8Array,
    introduced: Introduction["devices"],
  ) => unknown,
  read: typeof introductionOf = introductionOf,
): Promise<TumarError | undefined> {
  try {
    const contact = await core.vault.read((view) => getContact(view, root));
    if (contact === undefined || contact.isIdentityChanged) return undefined;
    const introduction = await read(core, contact, { signal });
    await core.vault.transaction((tx) => {
      join(tx, core, root, introduction);
      step(tx, core, root, introduction.devices);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof TumarError)) throw error;
    if (error.code === "IDENTITY_CHANGED") {
      const events = await core.vault.transaction((tx) => markChanged(tx, root));
      for (const event of events) core.emit(event);
    }
    return error;
  }
}

async function introductionOf(
  core: Core,
  contact: ContactRow,
  options: RequestOptions,
): Promise<Introduction> {
  const card = cardOfContact(contact);
  return card === null ? introduceByStatus(core, contact, options) : introduce(core, card, options);
}

function join(
  tx: VaultTransaction,
  core: Core,
  root: Uint8Array,
  { statements, hour }: Introduction,
): void {
  const contact = getContact(tx, root);
  if (contact === undefined) return;
  putContact(tx, { ...withStatements(core, contact, statements, hour), wantedSet: null });
}

// --- depositing ---------------------------------------------------------------------------------

interface Deposited {
  readonly place: number;
  readonly row: EnvelopeRow;
  readonly receipt?: ReceiptFrame;
  readonly fault?: TumarError;
}

async function deposit(core: Core, place: number, row: EnvelopeRow): Promise<Deposited> {
  try {
    return { place, row, receipt: await depositOnce(core, row) };
  } catch (error) {
    if (error instanceof TumarError) return { place, row, fault: error };
    throw error;
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

async function settle(core: Core, results: readonly Deposited[]): Promise<void> {
  const done = await core.vault.transaction((tx) => {
    for (const result of results) settleEnvelope(tx, result);
    const waiting = new Set(listEnvelopes(tx).map(([, { messageId }]) => toHex(messageId)));
    return results.flatMap((result) => settleMessage(tx, result, waiting) ?? []);
  });
  for (const id of done) core.emit({ type: "stored", id });
}

/** Stored envelopes leave the outbox; the others keep why they could not. */
function settleEnvelope(tx: VaultTransaction, { place, row, receipt, fault }: Deposited): void {
  if (getEnvelope(tx, place) === undefined) return;
  if (receipt === undefined) noteFault(tx, place, row, fault?.code ?? "INTERNAL");
  else deleteEnvelope(tx, place);
}

/** The id of a message whose last envelope this was. */
function settleMessage(
  tx: VaultTransaction,
  { row, receipt }: Deposited,
  waiting: ReadonlySet<string>,
): Uint8Array | undefined {
  if (receipt === undefined || waiting.has(toHex(row.messageId))) return undefined;
  const index = messageIndex(tx, row.messageId);
  const message = index === undefined ? undefined : getMessage(tx, index);
  if (index === undefined || message?.direction !== "out" || message.state === "stored") {
    return undefined;
  }
  putMessage(tx, index, {
    ...message,
    state: "stored",
    receipt: {
      relay: row.relay,
      hour: receipt.hour,
      envelopeId: envelopeId(row.envelope),
      proof: encodeProof(receipt),
    },
  });
  return row.messageId;
}

/** Past its day the relay would not keep it; it stays as a message that was never stored. */
function noteFault(tx: VaultTransaction, place: number, row: EnvelopeRow, code: ErrorCode): void {
  const held = getEnvelope(tx, place);
  if (held === undefined || !equalBytes(held.depositId, row.depositId)) return;
  if (code !== "EXPIRED") {
    if (held.lastFault !== code) putEnvelope(tx, place, { ...held, lastFault: code });
    return;
  }
  deleteEnvelope(tx, place);
  const index = messageIndex(tx, row.messageId);
  const message = index === undefined ? undefined : getMessage(tx, index);
  if (index !== undefined && message?.direction === "out") {
    putMessage(tx, index, { ...message, state: "expired" });
  }
}

/** What `verifyReceipt` needs besides the envelope: hour, index, path and signature. */
function encodeProof({ hour, index, path, signature }: ReceiptFrame): Uint8Array {
  return encodeCbor([hour, index, [...path], signature]);
}
