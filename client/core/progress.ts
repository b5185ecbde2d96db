/** How far uploads and fetches of this process are: the vault is told more seldom, and in the end. */

import { toHex } from "../../shared/crypto/bytes.ts";

export class Progress {
  readonly #bytes = new Map<string, number>();

  /** Of an upload: at the relay. Of a fetch: here. No message is both. */
  note(id: Uint8Array, part: 0 | 1, bytes: number): void {
    this.#bytes.set(keyOf(id, part), bytes);
  }

  /** At least what the vault knows. */
  of(id: Uint8Array, part: 0 | 1, known: number): number {
    return Math.max(known, this.#bytes.get(keyOf(id, part)) ?? 0);
  }

  /** It begins anew, or the vault knows it all. */
  forget(id: Uint8Array, part: 0 | 1): void {
    this.#bytes.delete(keyOf(id, part));
  }
}

function keyOf(id: Uint8Array, part: 0 | 1): string {
  return `${toHex(id)}/${part}`;
}
