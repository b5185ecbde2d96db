/**
 * What callers see of a slot's state: a view to read, a draft to change.
 *
 * A draft collects changes over the committed state without touching it; `encodeChanges` is what a
 * commit writes to the journal, `applyChanges` brings such bytes back into a state. A put of equal
 * bytes and a delete of nothing are no change, so that a transaction without effect writes nothing.
 */

import { ByteReader, concat, equalBytes, lp, u8 } from "../../shared/crypto/bytes.ts";
import { assertNever, TumarError } from "../../shared/crypto/errors.ts";
import {
  checkKey,
  decodeKey,
  decodeOnOpen,
  encodeKey,
  encodeOnOpen,
  entryBytes,
  stateBytes,
  type VaultState,
} from "./state.ts";

/** Valid only inside the function it is passed to. */
export interface VaultView {
  /** Grows by one with every commit; the client compares it with what its relay remembers. */
  readonly generation: number;
  /** A copy; the caller may wipe it. */
  get(key: string): Uint8Array | undefined;
  has(key: string): boolean;
  /** Keys that begin with `prefix`, in code-unit order. */
  keys(prefix: string): string[];
  /** Entries whose key begins with `prefix`, in key order; values are copies. */
  list(prefix: string): [key: string, value: Uint8Array][];
  /** Pre-sealed envelopes to send at every opening (docs/VAULT.md); copies. */
  onOpenList(): Uint8Array[];
}

export interface VaultTransaction extends VaultView {
  /** `value` is copied; `key` is well-formed text of 1 to 512 bytes. @throws RangeError */
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /** Replaces the whole list; copied. */
  setOnOpenList(envelopes: readonly Uint8Array[]): void;
}

const OPERATIONS = { put: 1, delete: 2, onOpen: 3 } as const;

export class Draft implements VaultTransaction {
  readonly #base: VaultState;
  readonly #changes = new Map<string, Uint8Array | undefined>();
  #onOpen: readonly Uint8Array[] | undefined;
  #isOpen = true;

  constructor(base: VaultState) {
    this.#base = base;
  }

  get generation(): number {
    return this.#base.generation;
  }

  get(key: string): Uint8Array | undefined {
    return this.#peek(key)?.slice();
  }

  has(key: string): boolean {
    return this.#peek(key) !== undefined;
  }

  keys(prefix: string): string[] {
    this.#checkOpen();
    const { entries } = this.#base;
    const kept = entries.keys(prefix).filter((key) => this.#peek(key) !== undefined);
    const added: string[] = [];
    for (const [key, value] of this.#changes) {
      if (value && key.startsWith(prefix) && entries.get(key) === undefined) added.push(key);
    }
    return added.length === 0 ? kept : [...kept, ...added].sort(byCodeUnits);
  }

  list(prefix: string): [key: string, value: Uint8Array][] {
    const out: [string, Uint8Array][] = [];
    for (const key of this.keys(prefix)) {
      const value = this.get(key);
      if (value !== undefined) out.push([key, value]);
    }
    return out;
  }

  onOpenList(): Uint8Array[] {
    this.#checkOpen();
    return (this.#onOpen ?? this.#base.onOpen).map((envelope) => envelope.slice());
  }

  put(key: string, value: Uint8Array): void {
    this.#checkOpen();
    checkKey(key);
    const committed = this.#base.entries.get(key);
    if (committed !== undefined && equalBytes(committed, value)) this.#changes.delete(key);
    else this.#changes.set(key, value.slice());
  }

  delete(key: string): void {
    this.#checkOpen();
    if (this.#base.entries.get(key) === undefined) this.#changes.delete(key);
    else this.#changes.set(key, undefined);
  }

  setOnOpenList(envelopes: readonly Uint8Array[]): void {
    this.#checkOpen();
    const { onOpen } = this.#base;
    const isSame =
      envelopes.length === onOpen.length &&
      envelopes.every((envelope, i) => equalBytes(envelope, onOpen[i] ?? new Uint8Array(0)));
    this.#onOpen = isSame ? undefined : envelopes.map((envelope) => envelope.slice());
  }

  /** After this, every use throws: a view must not outlive its function. */
  end(): void {
    this.#isOpen = false;
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.#onOpen === undefined;
  }

  /** What the whole state takes once the changes are in. */
  resultBytes(): number {
    let bytes = this.#base.entries.encodedBytes;
    for (const [key, value] of this.#changes) {
      const old = this.#base.entries.get(key);
      if (old) bytes -= entryBytes(key, old);
      if (value) bytes += entryBytes(key, value);
    }
    return stateBytes(bytes, this.#onOpen ?? this.#base.onOpen);
  }

  encodeChanges(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const [key, value] of this.#changes) {
      if (value) parts.push(u8(OPERATIONS.put), encodeKey(key), lp(value));
      else parts.push(u8(OPERATIONS.delete), encodeKey(key));
    }
    if (this.#onOpen) parts.push(u8(OPERATIONS.onOpen), encodeOnOpen(this.#onOpen));
    return concat(...parts);
  }

  #peek(key: string): Uint8Array | undefined {
    this.#checkOpen();
    return this.#changes.has(key) ? this.#changes.get(key) : this.#base.entries.get(key);
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new TypeError("a vault view was used after its function ended");
  }
}

/**
 * Applies journal bytes to `state` in place and returns it at `generation`.
 * @throws TumarError MALFORMED, `state` then being of no further use.
 */
export function applyChanges(
  state: VaultState,
  changes: Uint8Array,
  generation: number,
): VaultState {
  const { entries } = state;
  let { onOpen } = state;
  const reader = new ByteReader(changes);
  while (reader.remaining > 0) {
    const operation = parseOperation(reader.u8());
    switch (operation) {
      case OPERATIONS.put: {
        const key = decodeKey(reader);
        entries.set(key, reader.part().slice());
        break;
      }
      case OPERATIONS.delete:
        entries.delete(decodeKey(reader));
        break;
      case OPERATIONS.onOpen:
        onOpen = decodeOnOpen(reader);
        break;
      default:
        assertNever(operation);
    }
  }
  return { generation, entries, onOpen };
}

type Operation = (typeof OPERATIONS)[keyof typeof OPERATIONS];

function parseOperation(value: number): Operation {
  for (const operation of Object.values(OPERATIONS)) if (operation === value) return operation;
  throw new TumarError("MALFORMED", "unknown change in the journal");
}

function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
