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
import type { VaultTransaction, VaultView } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { cardOfContact } from "./directory.ts";
import { asFault } from "./faults.ts";
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
  envelopePlaces,
  getEnvelope,
  hasEnvelope,
  putEnvelope,
  rootsWithDrafts,
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

// --- sealing ------------------------------------------------------------------------------------

type Faults = Map<string, TumarError>;

/** Seals what needs no relay; gives the roots that do. One contact's fault is not another's. */
async function sealKnown(core: Core, faults: Faults): Promise<readonly Uint8Array[]> {
  const unsealed: Uint8Array[] = [];
  for (const key of await core.vault.read(rootsWithDrafts)) {
    const root = fromHex(key);
    try {
      const isSealed = await core.vault.transaction((tx) => sealDrafts(tx, core, root));
      if (!isSealed) unsealed.push(root);
    } catch (error) {
      faults.set(key, asFault(error));
    }
  }
  return unsealed;
}

async function introduceAll(
  core: Core,
  unsealed: readonly Uint8Array[],
  signal: AbortSignal,
  faults: Faults,
): Promise<void> {
  const broken = await core.vault.read((view) => rootsToRepair(view, core));
  const toRead = await core.vault.read(contactsToRead);
  const note = async (root: Uint8Array, step: Promise<TumarError | undefined>): Promise<void> => {
    const fault = await step;
    if (fault !== undefined) faults.set(toHex(root), fault);
  };
  await Promise.all([
    ...unsealed.map((root) => note(root, withIntroduction(core, root, signal, sealDrafts))),
    ...broken.map((root) => note(root, withIntroduction(core, root, signal, repair))),
    ...toRead.map((contact) => note(contact.root, readStatus(core, contact, signal))),
  ]);
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

/**
 * Reads the contact's prekeys from a relay, then runs `step` with them in one transaction; `false`
 * from it says that a device could not be written to even with them.
 */
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
    const isDone = await core.vault.transaction((tx) => {
      join(tx, core, root, introduction);
      return step(tx, core, root, introduction.devices);
    });
    if (isDone !== false) return undefined;
    return new TumarError("NOT_REGISTERED", "a device of theirs has no prekeys at its relay");
  } catch (error) {
    const fault = asFault(error);
    if (fault.code === "IDENTITY_CHANGED") {
      const events = await core.vault.transaction((tx) => markChanged(tx, root));
      for (const event of events) core.emit(event);
    }
    return fault;
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

/** Of one round. */
interface Progress {
  readonly tried: Set<number>;
  /** Relays that did not answer: what else is for them waits for the next round. */
  readonly silent: Set<string>;
  stored: number;
  left: number;
}

async function depositAll(core: Core, progress: Progress, signal: AbortSignal): Promise<void> {
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

async function settle(core: Core, results: readonly Deposited[]): Promise<void> {
  const done = await core.vault.transaction((tx) => {
    for (const result of results) settleEnvelope(tx, result);
    return results.flatMap((result) => settleMessage(tx, result) ?? []);
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
function settleMessage(tx: VaultTransaction, { row, receipt }: Deposited): Uint8Array | undefined {
  if (receipt === undefined || hasEnvelope(tx, row.messageId)) return undefined;
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
