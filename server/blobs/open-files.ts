/**
 * Files that are open, the longest unused first: at most so many that nobody uses. One handle serves
 * all who read or write a file at the same time; places are given with each call.
 */

import type { FileHandle } from "node:fs/promises";

interface Entry {
  readonly file: Promise<FileHandle>;
  users: number;
  /** Let go of when the last user has. */
  isDropped: boolean;
}

export class OpenFiles {
  readonly #most: number;
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new Set<Promise<void>>();

  constructor(most: number) {
    this.#most = most;
  }

  /** `open` is called when the file is not open yet. What either rejects with goes to the caller. */
  async use<Value>(
    name: string,
    open: () => Promise<FileHandle>,
    work: (file: FileHandle) => Promise<Value>,
  ): Promise<Value> {
    const entry = this.#entries.get(name) ?? { file: open(), users: 0, isDropped: false };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    entry.users += 1;
    try {
      return await work(await entry.file);
    } catch (error) {
      // the next one opens it anew
      this.#forget(name, entry);
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.isDropped) this.#close(entry);
      this.#trim();
    }
  }

  /** It is not used any more under this name. */
  drop(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#forget(name, entry);
    this.#close(entry);
  }

  /** Resolves when all are closed. Nothing may be in use. */
  async close(): Promise<void> {
    for (const name of [...this.#entries.keys()]) this.drop(name);
    await Promise.all(this.#closing);
  }

  #trim(): void {
    if (this.#entries.size <= this.#most) return;
    for (const [name, { users }] of this.#entries) {
      if (users > 0) continue;
      this.drop(name);
      if (this.#entries.size <= this.#most) return;
    }
  }

  #forget(name: string, entry: Entry): void {
    entry.isDropped = true;
    if (this.#entries.get(name) === entry) this.#entries.delete(name);
  }

  #close(entry: Entry): void {
    if (entry.users > 0) return;
    const closing = entry.file.then((file) => file.close()).catch(() => undefined);
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }
}
