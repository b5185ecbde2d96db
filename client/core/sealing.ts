/**
 * The sealing half of a round: drafts to contacts whose sessions stand become envelopes at once; for
 * the others prekeys are read from a relay first. One contact's fault is not another's.
 */

import { fromHex } from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { asFault } from "./faults.ts";
import { type Introduction, introduce, introduceByStatus } from "./first-contact.ts";
import { contactsToRead, withStatements } from "./known-sets.ts";
import { relaysToAvoid, repair, rootsToRepair } from "./repair.ts";
import { sealDrafts } from "./seal.ts";
import { type ContactRow, getContact, putContact } from "./state/contacts.ts";
import { rootsWithDrafts } from "./state/outbox.ts";
import { markChanged } from "./taken-content.ts";

/** Why drafts to a contact could not be sealed, by root in hex. */
export type Faults = Map<string, TumarError>;

/** Seals what needs no relay; gives the roots that do. One contact's fault is not another's. */
export async function sealKnown(core: Core, faults: Faults): Promise<readonly Uint8Array[]> {
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

/** Something that a relay of a contact must be asked for first; at most one of a name at a time. */
export interface IntroductionDue {
  readonly name: "seal" | "repair" | "status";
  readonly root: Uint8Array;
  /** Never rejects; the fault, if there was one. */
  run(): Promise<TumarError | undefined>;
}

export async function introductionsDue(
  core: Core,
  unsealed: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<readonly IntroductionDue[]> {
  const broken = await core.vault.read((view) => rootsToRepair(view, core));
  const toRead = await core.vault.read(contactsToRead);
  return [
    ...unsealed.map((root): IntroductionDue => {
      return { name: "seal", root, run: () => withIntroduction(core, root, signal, sealDrafts) };
    }),
    ...broken.map((root): IntroductionDue => {
      return { name: "repair", root, run: () => withIntroduction(core, root, signal, repair) };
    }),
    ...toRead.map((contact): IntroductionDue => {
      return { name: "status", root: contact.root, run: () => readStatus(core, contact, signal) };
    }),
  ];
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
  if (fault === undefined || fault.retryable || fault.code.startsWith("PROXY_")) return fault;
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
  read: typeof introduce = introduce,
): Promise<TumarError | undefined> {
  try {
    const contact = await core.vault.read((view) => getContact(view, root));
    if (contact === undefined || contact.isIdentityChanged) return undefined;
    const avoid = await core.vault.read((view) => relaysToAvoid(view, core, root));
    const introduction = await read(core, contact, avoid, signal);
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
