/**
 * What a slot holds: a sorted map from text keys to bytes, the on-open list, and the generation.
 *
 * Encoded, it fills a body: its own id (new at each checkpoint), then everything in one canonical
 * form, then zeros. Decoding refuses any other form. Limits are the caller's misuse: RangeError.
 */

import {
  ByteReader,
  concat,
  EMPTY,
  fromUtf8,
  lp,
  u16,
  u32,
  u64,
  utf8,
} from "../../shared/crypto/bytes.ts";
import { TumarError } from "../../shared/crypto/errors.ts";

export const KEY_MAX_BYTES = 512;
export const CHECKPOINT_ID_BYTES = 16;
/** Checkpoint id, generation, number of on-open envelopes, number of entries. */
const STATE_FIXED_BYTES: number = CHECKPOINT_ID_BYTES + 8 + 4 + 4;
const ENTRY_OVERHEAD_BYTES = 2 + 4;

export interface VaultState {
  readonly generation: number;
  readonly entries: SortedMap;
  readonly onOpen: readonly Uint8Array[];
}

/** Text keys in code-unit order; values are held, not copied. */
export class SortedMap {
  readonly #values = new Map<string, Uint8Array>();
  readonly #keys: string[] = [];
  #bytes = 0;

  /** What the entries take in an encoded state. */
  get encodedBytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Uint8Array): void {
    const old = this.#values.get(key);
    if (old === undefined) this.#keys.splice(this.#position(key), 0, key);
    this.#values.set(key, value);
    this.#bytes += old === undefined ? entryBytes(key, value) : value.length - old.length;
  }

  delete(key: string): void {
    const old = this.#values.get(key);
    if (old === undefined) return;
    this.#keys.splice(this.#position(key), 1);
    this.#values.delete(key);
    this.#bytes -= entryBytes(key, old);
  }

  /** In order. */
  keys(prefix: string): string[] {
    const first = this.#position(prefix);
    let end = first;
    while (this.#keys[end]?.startsWith(prefix)) end++;
    return this.#keys.slice(first, end);
  }

  /** Overwrites every value, then forgets all: for closing. */
  wipe(): void {
    for (const value of this.#values.values()) value.fill(0);
    this.#values.clear();
    this.#keys.length = 0;
    this.#bytes = 0;
  }

  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function emptyState(): VaultState {
  return { generation: 0, entries: new SortedMap(), onOpen: [] };
}

/** A state of its own over the same values. */
export function copyState(state: VaultState): VaultState {
  const entries = new SortedMap();
  for (const key of state.entries.keys("")) entries.set(key, state.entries.get(key) ?? EMPTY);
  return { ...state, entries };
}

export function entryBytes(key: string, value: Uint8Array): number {
  return ENTRY_OVERHEAD_BYTES + utf8(key).length + value.length;
}

/** A key that comes back as it went in. @throws RangeError */
export function checkKey(key: string): void {
  const bytes = utf8(key);
  if (bytes.length === 0 || bytes.length > KEY_MAX_BYTES || fromUtf8(bytes) !== key) {
    throw new RangeError(`a vault key is well-formed text of 1 to ${KEY_MAX_BYTES} bytes`);
  }
}

export function stateBytes(entriesBytes: number, onOpen: readonly Uint8Array[]): number {
  return STATE_FIXED_BYTES + lp(...onOpen).length + entriesBytes;
}

export function encodeKey(key: string): Uint8Array {
  const bytes = utf8(key);
  return concat(u16(bytes.length), bytes);
}

export function decodeKey(reader: ByteReader): string {
  const key = fromUtf8(reader.take(reader.u16()));
  if (key === "") throw new TumarError("MALFORMED", "a vault key is empty");
  return key;
}

export function encodeOnOpen(onOpen: readonly Uint8Array[]): Uint8Array {
  return concat(u32(onOpen.length), lp(...onOpen));
}

/** Copies. */
export function decodeOnOpen(reader: ByteReader): Uint8Array[] {
  const count = reader.u32();
  const onOpen: Uint8Array[] = [];
  for (let i = 0; i < count; i++) onOpen.push(reader.part().slice());
  return onOpen;
}

/** Exactly `room` bytes. @throws TumarError VAULT_FULL when the state does not fit. */
export function encodeState(state: VaultState, checkpointId: Uint8Array, room: number): Uint8Array {
  const { entries, onOpen, generation } = state;
  if (stateBytes(entries.encodedBytes, onOpen) > room) {
    throw new TumarError("VAULT_FULL", "the state does not fit into the slot");
  }
  const out = new Uint8Array(room);
  let at = 0;
  const append = (bytes: Uint8Array): void => {
    out.set(bytes, at);
    at += bytes.length;
  };
  append(checkpointId);
  append(u64(generation));
  append(encodeOnOpen(onOpen));
  append(u32(entries.size));
  for (const key of entries.keys("")) {
    append(encodeKey(key));
    append(lp(entries.get(key) ?? EMPTY));
  }
  return out;
}

/** @throws TumarError MALFORMED */
export function decodeState(plain: Uint8Array): {
  readonly checkpointId: Uint8Array;
  readonly state: VaultState;
} {
  const reader = new ByteReader(plain);
  const checkpointId = reader.take(CHECKPOINT_ID_BYTES).slice();
  const generation = reader.u64();
  const onOpen = decodeOnOpen(reader);
  const entries = new SortedMap();
  let last = "";
  for (let left = reader.u32(); left > 0; left--) {
    const key = decodeKey(reader);
    if (key <= last) throw new TumarError("MALFORMED", "vault keys are out of order");
    last = key;
    entries.set(key, reader.part().slice());
  }
  checkZeros(reader.rest());
  return { checkpointId, state: { generation, entries, onOpen } };
}

/** @throws TumarError MALFORMED */
export function checkZeros(padding: Uint8Array): void {
  let bits = 0;
  for (const byte of padding) bits |= byte;
  if (bits !== 0) throw new TumarError("MALFORMED", "padding is not zero");
}
