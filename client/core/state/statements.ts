/**
 * Statement sets as vault rows: u32 first stored hour ‖ encoded statement, for each statement.
 * Decoding verifies every signature again, so the last set of each identity is kept at hand.
 */

import { ByteReader, concat, equalBytes, toHex, u32 } from "../../../shared/crypto/bytes.ts";
import type { SigningPublicKey } from "../../../shared/crypto/sodium.ts";
import { decodeStatement } from "../../../shared/e2ee/statement.ts";
import {
  addStatements,
  emptySet,
  joinSets,
  type StatementSet,
  statementsOf,
} from "../../../shared/e2ee/statement-set.ts";

/** `bytes` is the encoded statement, `hour` when it was first found stored. */
export function statementRow(bytes: Uint8Array, hour: number): Uint8Array {
  return concat(u32(hour), bytes);
}

export function encodeSet(set: StatementSet): readonly Uint8Array[] {
  return [...set.entries.values()].map(({ statement, firstStoredHour }) =>
    statementRow(statement.bytes, firstStoredHour),
  );
}

export class SetCache {
  readonly #keys = new WeakMap<StatementSet, readonly string[]>();
  readonly #sets = new Map<string, { rows: readonly Uint8Array[]; set: StatementSet }>();

  decode(root: SigningPublicKey, rows: readonly Uint8Array[]): StatementSet {
    const key = toHex(root);
    const held = this.#sets.get(key);
    if (held !== undefined && isSame(held.rows, rows)) return held.set;
    const set = decodeSet(root, rows);
    this.#sets.set(key, { rows, set });
    return set;
  }

  /** Hex of `IKs` of every device that was ever certified, each once. */
  deviceKeys(set: StatementSet): readonly string[] {
    const held = this.#keys.get(set);
    if (held !== undefined) return held;
    const certificates = statementsOf(set).filter((one) => one.kind === "certificate");
    const keys = [...new Set(certificates.map(({ IKs }) => toHex(IKs)))];
    this.#keys.set(set, keys);
    return keys;
  }
}

/** Certificates first, so that locators find them whatever the order of the rows. */
function decodeSet(root: SigningPublicKey, rows: readonly Uint8Array[]): StatementSet {
  const parsed = rows.map((row) => {
    const reader = new ByteReader(row);
    return { hour: reader.u32(), statement: decodeStatement(reader.rest()) };
  });
  const hours = new Map(parsed.map(({ hour, statement }) => [toHex(statement.id), hour]));
  const all = parsed.map(({ statement }) => statement);
  const set = addStatements(emptySet(root), all, Number.MAX_SAFE_INTEGER);
  const entries = [...set.entries].map(
    ([id, entry]) =>
      [id, { ...entry, firstStoredHour: hours.get(id) ?? entry.firstStoredHour }] as const,
  );
  return joinSets(emptySet(root), { root, entries: new Map(entries) });
}

function isSame(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((row, i) => equalBytes(row, b[i] ?? new Uint8Array(0)));
}
