/**
 * What all statements share: the kind byte, the signed bytes and the id.
 *
 *     signed bytes = lp("tumar/v1/" ‖ label, body, delegation or nothing)
 *     id           = BLAKE2b-256 of the whole encoding, signatures included
 *
 * The label is the name of the kind, so no signature of one kind is ever one of another.
 */

import { type ByteReader, type Bytes, EMPTY, lp, utf8 } from "../../crypto/bytes.ts";
import { TumarError } from "../../crypto/errors.ts";
import { blake2b } from "../../crypto/sodium.ts";

export const STATEMENT_KINDS = {
  certificate: 1,
  revocation: 2,
  delegation: 3,
  locator: 4,
  resignation: 5,
  notice: 6,
} as const;

export type StatementKind = keyof typeof STATEMENT_KINDS;

export type StatementId = Bytes<"StatementId">;

/** Hours since 1970-01-01T00:00Z, as the relay counts them. */
export type Hour = number;

export interface StatementBase {
  readonly kind: StatementKind;
  /** The canonical encoding, signatures included; a copy. */
  readonly bytes: Uint8Array;
  /** The encoding without signatures: what two statements are compared by for a fork. */
  readonly body: Uint8Array;
  readonly id: StatementId;
}

export function statementBase<Kind extends StatementKind>(
  kind: Kind,
  bytes: Uint8Array,
  bodyLength: number,
): StatementBase & { readonly kind: Kind } {
  const copy = Uint8Array.from(bytes);
  return {
    kind,
    bytes: copy,
    body: copy.subarray(0, bodyLength),
    id: blake2b(32, copy) as StatementId,
  };
}

export function signedBytes(
  kind: StatementKind,
  body: Uint8Array,
  context: Uint8Array = EMPTY,
): Uint8Array {
  return lp(utf8(`tumar/v1/${kind}`), body, context);
}

/** @throws TumarError MALFORMED when the first byte names another kind. */
export function readKind(reader: ByteReader, kind: StatementKind): void {
  if (reader.u8() !== STATEMENT_KINDS[kind]) {
    throw new TumarError("MALFORMED", `not a ${kind}`);
  }
}

/** `table[index]`, where 0 and anything beyond is refused. */
export function readName<Name extends string>(
  reader: ByteReader,
  table: Readonly<Record<Name, number>>,
  what: string,
): Name {
  const value = reader.u8();
  for (const name of Object.keys(table) as Name[]) if (table[name] === value) return name;
  throw new TumarError("MALFORMED", `unknown ${what}`);
}
