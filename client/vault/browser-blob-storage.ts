/**
 * Blobs in a browser: IndexedDB, a record for each piece that was appended under [name, where it
 * begins], and one for each name with its length; claims are Web Locks, which the browser drops with the
 * page that held them. Each append is one transaction with strict durability.
 */

import { concat } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { type BlobClaim, type BlobStorage, newBlobName } from "./blob-storage.ts";
import { done, IndexedDatabase } from "./indexed-db.ts";
import { storageFault } from "./storage.ts";

const PIECES = "pieces";
const LENGTHS = "lengths";

interface Stores {
  readonly pieces: IDBObjectStore;
  readonly lengths: IDBObjectStore;
}

export class BrowserBlobStorage implements BlobStorage {
  readonly #name: string;
  readonly #database: IndexedDatabase;
  readonly #held = new Map<string, () => Promise<void>>();

  /** The name of the vault they belong to. */
  constructor(name: string) {
    this.#name = `tumar-${name}-blobs`;
    this.#database = new IndexedDatabase(this.#name, [PIECES, LENGTHS]);
  }

  async create(): Promise<BlobClaim> {
    const name = newBlobName(systemRandom);
    const claim = await this.claim(name);
    if (claim === null) throw storageFault("make a blob", undefined);
    await this.#run("readwrite", ({ lengths }) => done(lengths.put(0, name)));
    return claim;
  }

  claim(name: string): Promise<BlobClaim | null> {
    const lock = `${this.#name}/${name}`;
    return new Promise((resolve, reject) => {
      const held = navigator.locks.request(lock, { ifAvailable: true }, (available) => {
        if (available === null) return resolve(null);
        return new Promise<void>((end) => {
          const release = async (): Promise<void> => {
            this.#held.delete(name);
            end();
            await held;
          };
          this.#held.set(name, release);
          resolve({ name, release });
        });
      });
      held.catch((cause: unknown) => reject(storageFault("claim a blob", cause)));
    });
  }

  append(name: string, bytes: Uint8Array): Promise<void> {
    return this.#run("readwrite", async ({ pieces, lengths }) => {
      const length = await lengthOf(lengths, name);
      if (bytes.length === 0) return;
      pieces.put(bytes.slice(), [name, length]);
      lengths.put(length + bytes.length, name);
    });
  }

  async sync(): Promise<void> {}

  length(name: string): Promise<number | null> {
    return this.#run("readonly", async ({ lengths }) => (await done(lengths.get(name))) ?? null);
  }

  read(name: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#run("readonly", async ({ pieces, lengths }) => {
      await lengthOf(lengths, name);
      const parts: Uint8Array[] = [];
      for (const [start, piece] of await piecesIn(pieces, name, offset, offset + length)) {
        parts.push(piece.subarray(Math.max(0, offset - start), offset + length - start));
      }
      return concat(...parts);
    });
  }

  truncate(name: string, length: number): Promise<void> {
    return this.#run("readwrite", async ({ pieces, lengths }) => {
      const before = await lengthOf(lengths, name);
      if (before <= length) return;
      for (const [start, piece] of await piecesIn(pieces, name, length, before)) {
        if (start >= length) pieces.delete([name, start]);
        else pieces.put(piece.slice(0, length - start), [name, start]);
      }
      lengths.put(length, name);
    });
  }

  delete(name: string): Promise<void> {
    return this.#run("readwrite", async ({ pieces, lengths }) => {
      pieces.delete(IDBKeyRange.bound([name], [name, []]));
      lengths.delete(name);
    });
  }

  list(): Promise<readonly string[]> {
    return this.#run("readonly", async ({ lengths }) =>
      (await done(lengths.getAllKeys())).map(String),
    );
  }

  async close(): Promise<void> {
    for (const release of [...this.#held.values()]) await release();
  }

  async destroy(): Promise<void> {
    await this.close();
    await this.#database.remove();
  }

  #run<T>(mode: IDBTransactionMode, work: (stores: Stores) => Promise<T>): Promise<T> {
    return this.#database.run(mode, (store) =>
      work({ pieces: store(PIECES), lengths: store(LENGTHS) }),
    );
  }
}

/** With where each begins, in order: those that have bytes between the two. */
async function piecesIn(
  pieces: IDBObjectStore,
  name: string,
  from: number,
  to: number,
): Promise<readonly (readonly [start: number, piece: Uint8Array])[]> {
  if (from >= to) return [];
  const before = IDBKeyRange.bound([name, 0], [name, from]);
  const cursor = await done(pieces.openKeyCursor(before, "prev"));
  const first = cursor === null ? [name, from] : cursor.primaryKey;
  const range = IDBKeyRange.bound(first, [name, to], false, true);
  const [keys, values] = [pieces.getAllKeys(range), pieces.getAll(range)];
  const [starts, found] = [await done(keys), (await done(values)) as Uint8Array[]];
  return found.map((piece, i) => [startOf(starts[i]), piece] as const);
}

function startOf(key: IDBValidKey | undefined): number {
  return Array.isArray(key) ? Number(key[1]) : 0;
}

async function lengthOf(lengths: IDBObjectStore, name: string): Promise<number> {
  const length: number | undefined = await done(lengths.get(name));
  if (length === undefined) throw storageFault("find a blob", undefined);
  return length;
}
