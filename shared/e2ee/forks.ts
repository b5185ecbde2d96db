/**
 * Forks: two statements of one signer, kind and number that say different things.
 *
 * An honest signer never makes one, so a fork shows that the words or a device are in two hands, or
 * that a device was set back to an older state. It is kept and shown to the person; both readers
 * and writers go on. Two signatures over the same body are no fork.
 */

import { equalBytes, toHex } from "../crypto/bytes.ts";
import type { VerifiedStatement } from "./statement.ts";
import type { StatementKind } from "./statements/body.ts";
import type { VerifiedCertificate } from "./statements/certificate.ts";

export interface Fork {
  readonly kind: StatementKind;
  readonly seq: number;
  /** Two or more, ordered by id. */
  readonly statements: readonly VerifiedStatement[];
}

interface Numbered {
  /** One text per (signer, kind, number). */
  readonly key: string;
  readonly seq: number;
}

/** `statements` ordered by id; the forks come in the order of their first statement. */
export function findForks(statements: readonly VerifiedStatement[]): readonly Fork[] {
  const groups = new Map<string, { seq: number; statements: VerifiedStatement[] }>();
  for (const statement of statements) {
    const number = numberOf(statement);
    if (number === undefined) continue;
    const group = groups.get(number.key) ?? { seq: number.seq, statements: [] };
    group.statements.push(statement);
    groups.set(number.key, group);
  }
  return [...groups.values()].flatMap(({ seq, statements: same }) => {
    const [first] = same;
    const isFork = first !== undefined && same.some(({ body }) => !equalBytes(body, first.body));
    return isFork ? [{ kind: first.kind, seq, statements: same }] : [];
  });
}

/** Removals carry no number, and borrowed certificates are made where the last one is not known. */
function numberOf(statement: VerifiedStatement): Numbered | undefined {
  switch (statement.kind) {
    case "certificate": {
      if (statement.role === "borrowed") return undefined;
      const { seq } = statement;
      return { key: `certificate/${signerOf(statement)}/${seq}`, seq };
    }
    case "delegation": {
      const { power, epoch } = statement;
      return { key: `delegation/${power}/${epoch}`, seq: epoch };
    }
    case "locator": {
      const { place, seq, deviceId } = statement;
      return { key: `locator/${toHex(deviceId)}/${place}/${seq}`, seq };
    }
    default:
      return undefined;
  }
}

/** The root, or one delegation. */
function signerOf({ authority }: VerifiedCertificate): string {
  return authority.form === "root" ? "root" : toHex(authority.delegation.id);
}
