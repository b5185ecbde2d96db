/**
 * Device keys certified under two roots: refused for both, and shown.
 *
 * A certificate is signed by the device's own IKs, so only the holder of a device key can bring this
 * about; one who does could make two contacts look like one sender. IKd is not compared: it proves
 * nothing by itself, and comparing it would let anybody get another's device refused by copying it.
 */

import { compareBytes, toHex } from "../crypto/bytes.ts";
import type { SigningPublicKey } from "../crypto/sodium.ts";
import { type StatementSet, statementsOf } from "./statement-set.ts";

export interface SharedKey {
  readonly IKs: SigningPublicKey;
  /** Two or more, ordered. */
  readonly roots: readonly SigningPublicKey[];
}

/** Over the sets of all identities a client knows, its own included; ordered by key. */
export function devicesUnderTwoRoots(sets: Iterable<StatementSet>): readonly SharedKey[] {
  const byKey = new Map<string, { IKs: SigningPublicKey; roots: Map<string, SigningPublicKey> }>();
  for (const set of sets) {
    for (const statement of statementsOf(set)) {
      if (statement.kind !== "certificate") continue;
      const key = toHex(statement.IKs);
      const found = byKey.get(key) ?? { IKs: statement.IKs, roots: new Map() };
      found.roots.set(toHex(set.root), set.root);
      byKey.set(key, found);
    }
  }
  return [...byKey.values()]
    .filter(({ roots }) => roots.size > 1)
    .map(({ IKs, roots }) => ({ IKs, roots: [...roots.values()].sort(compareBytes) }))
    .sort((a, b) => compareBytes(a.IKs, b.IKs));
}

/** For `rosterOf`. */
export function refusedKeysOf(shared: readonly SharedKey[]): ReadonlySet<string> {
  return new Set(shared.map(({ IKs }) => toHex(IKs)));
}
