/**
 * Whether this vault is an older copy of itself. The device's own record at each of its relays
 * remembers how many runs the vault has told it of; a record that knows of more than the vault does
 * means that somebody put an older file back. Until one relay has answered nothing is sealed in the
 * sessions at hand (engine.ts says how long that is waited for): what was sent since would be sent
 * under again, and the receiver would take it for a repeat.
 */

import { TumarError } from "../../shared/crypto/errors.ts";
import type { RelayAddress } from "../../shared/e2ee/relay-address.ts";
import type { Relay } from "../net/requests.ts";
import type { VaultTransaction } from "../vault/draft.ts";
import type { Core } from "./context.ts";
import { renewLocators } from "./locators.ts";
import { readRecord } from "./remote-records.ts";
import { closeAllSessions } from "./repair.ts";
import { changeHome, getHome, type HomeRow } from "./state/homes.ts";

/** No vault has seen more; a relay that tells more lies, and can force a rollback's work, no more. */
const MAX_RUNS = 2 ** 40;
/** Numbers passed over for each run that the copy has missed: more than one run ever signs. */
export const NUMBERS_A_RUN = 64;
const MAX_MISSED_RUNS = 2 ** 12;

/** @returns the number to write to the record once the caller has time for it. */
export async function checkRollback(
  core: Core,
  address: RelayAddress,
  relay: Relay,
  signal: AbortSignal,
): Promise<number> {
  const home = await core.vault.read((view) => getHome(view, address.hash));
  const remembered = home === undefined ? 0 : await runsAt(relay, home, signal);
  const { runs, isRollback } = await core.vault.transaction((tx) => {
    const before = getHome(tx, address.hash)?.generation.version ?? 0;
    const missed = remembered - before;
    if (missed > 0) {
      closeAllSessions(tx);
      renewLocators(tx, NUMBERS_A_RUN * Math.min(missed, MAX_MISSED_RUNS));
    }
    const next = Math.max(remembered > MAX_RUNS ? 0 : remembered, before) + 1;
    putRuns(tx, address, next);
    return { runs: next, isRollback: missed > 0 };
  });
  if (isRollback) core.emit({ type: "rollback" });
  return runs;
}

/** At the end of a run: what it committed is told apart from a copy made in its middle. */
export function countRun(tx: VaultTransaction, address: RelayAddress): HomeRow | undefined {
  putRuns(tx, address, (getHome(tx, address.hash)?.generation.version ?? 0) + 1);
  return getHome(tx, address.hash);
}

function putRuns(tx: VaultTransaction, { hash }: RelayAddress, runs: number): void {
  changeHome(tx, hash, ({ generation }) => ({ generation: { ...generation, version: runs } }));
}

/** The part says nothing; only its version counts. */
const PART_BYTES = 64;

export async function rememberRuns(
  core: Core,
  relay: Relay,
  home: HomeRow,
  runs: number = home.generation.version,
): Promise<void> {
  const { id, owner } = home.generation;
  const writer = home.writer.publicKey;
  const part = core.random(PART_BYTES);
  try {
    await relay.owner.request(
      { type: "record.put", recordId: id, owner, writer, version: runs, part },
      { proveWith: home.writer },
    );
  } catch (error) {
    // Another process of this vault has told a later number already.
    if (!(error instanceof TumarError) || error.code !== "STALE_VERSION") throw error;
  }
}

async function runsAt(relay: Relay, home: HomeRow, signal: AbortSignal): Promise<number> {
  try {
    const { parts } = await readRecord(relay, home.generation.id, { signal });
    return Math.max(0, ...parts.map(({ version }) => version));
  } catch (error) {
    if (error instanceof TumarError && error.code === "REFUSED") return 0;
    throw error;
  }
}
