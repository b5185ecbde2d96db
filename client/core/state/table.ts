/**
 * Rows in the vault: a key prefix, a CBOR array of fixed length, and the functions between the row
 * and its value. What cannot be read back is VAULT_DAMAGED: the vault authenticates every byte, so
 * only a fault of ours or a newer version gets here.
 */

import { TumarError } from "../../../shared/crypto/errors.ts";
import { type CborValue, decodeCbor, encodeCbor } from "../../../shared/wire/codec.ts";
import type { VaultTransaction, VaultView } from "../../vault/draft.ts";

export interface RowFormat<Row> {
  encode(row: Row): readonly CborValue[];
  decode(fields: RowReader): Row;
}

export class Table<Row> {
  readonly #prefix: string;
  readonly #format: RowFormat<Row>;

  /** `prefix` without the slash that separates it from the key. */
  constructor(prefix: string, format: RowFormat<Row>) {
    this.#prefix = `${prefix}/`;
    this.#format = format;
  }

  get(view: VaultView, key: string): Row | undefined {
    const bytes = view.get(this.#prefix + key);
    return bytes === undefined ? undefined : this.#decode(bytes);
  }

  has(view: VaultView, key: string): boolean {
    return view.has(this.#prefix + key);
  }

  put(tx: VaultTransaction, key: string, row: Row): void {
    tx.put(this.#prefix + key, encodeCbor(this.#format.encode(row)));
  }

  delete(tx: VaultTransaction, key: string): void {
    tx.delete(this.#prefix + key);
  }

  keys(view: VaultView, under = ""): string[] {
    return view.keys(this.#prefix + under).map((key) => key.slice(this.#prefix.length));
  }

  list(view: VaultView, under = ""): [key: string, row: Row][] {
    return view
      .list(this.#prefix + under)
      .map(([key, bytes]) => [key.slice(this.#prefix.length), this.#decode(bytes)]);
  }

  #decode(bytes: Uint8Array): Row {
    const value = decodeCbor(bytes);
    if (!Array.isArray(value)) throw damaged();
    const reader = new RowReader(value);
    const row = this.#format.decode(reader);
    reader.finish();
    return row;
  }
}

/** Reads the fields of a row in order, each with its type. */
export class RowReader {
  readonly #fields: readonly CborValue[];
  #next = 0;

  constructor(fields: readonly CborValue[]) {
    this.#fields = fields;
  }

  bytes(length?: number): Uint8Array {
    const field = this.#take();
    if (!(field instanceof Uint8Array)) throw damaged();
    if (length !== undefined && field.length !== length) throw damaged();
    return field;
  }

  /** Empty stands for none. */
  optional(length?: number): Uint8Array | null {
    const field = this.bytes();
    if (field.length === 0) return null;
    if (length !== undefined && field.length !== length) throw damaged();
    return field;
  }

  integer(): number {
    const field = this.#take();
    if (typeof field !== "number") throw damaged();
    return field;
  }

  flag(): boolean {
    return this.integer() === 1;
  }

  text(): string {
    const field = this.#take();
    if (typeof field !== "string") throw damaged();
    return field;
  }

  bytesList(): readonly Uint8Array[] {
    const field = this.#take();
    if (!Array.isArray(field)) throw damaged();
    return field.map((item: CborValue) => {
      if (!(item instanceof Uint8Array)) throw damaged();
      return item;
    });
  }

  /** One of `names`, stored as its place. */
  oneOf<Name extends string>(names: readonly Name[]): Name {
    const name = names[this.integer()];
    if (name === undefined) throw damaged();
    return name;
  }

  hasMore(): boolean {
    return this.#next < this.#fields.length;
  }

  finish(): void {
    if (this.#next !== this.#fields.length) throw damaged();
  }

  #take(): CborValue {
    const field = this.#fields[this.#next++];
    if (field === undefined) throw damaged();
    return field;
  }
}

export function flag(value: boolean): number {
  return value ? 1 : 0;
}

/** The largest number that `indexKey` keeps in order. */
export const MAX_INDEX = 9_999_999_999;

/** Numbers in keys are padded, so that key order is number order. */
export function indexKey(index: number): string {
  return String(index).padStart(10, "0");
}

function damaged(): TumarError {
  return new TumarError("VAULT_DAMAGED", "a row in the vault does not have its form");
}
