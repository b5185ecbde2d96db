/** IndexedDB as promises: a database opened for one transaction at a time, each durable when it resolves. */

import { storageFault } from "./storage.ts";

export class IndexedDatabase {
  readonly #name: string;
  readonly #stores: readonly string[];

  /** Made with these object stores, without key paths, when it is not there. */
  constructor(name: string, stores: readonly string[]) {
    this.#name = name;
    this.#stores = stores;
  }

  /** One transaction: all of `work`, durable when this resolves, or nothing of it. */
  async run<T>(
    mode: IDBTransactionMode,
    work: (store: (name: string) => IDBObjectStore) => Promise<T>,
  ): Promise<T> {
    const database = await this.#open();
    try {
      const transaction = database.transaction([...this.#stores], mode, { durability: "strict" });
      const ended = settled(transaction, "write");
      try {
        const result = await work((name) => transaction.objectStore(name));
        await ended;
        return result;
      } catch (error) {
        ended.catch(() => undefined);
        if (transaction.error === null) abort(transaction);
        throw storageFault("read or write", error);
      }
    } finally {
      database.close();
    }
  }

  async remove(): Promise<void> {
    await settled(indexedDB.deleteDatabase(this.#name), "remove");
  }

  #open(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.#name, 1);
    request.onupgradeneeded = () => {
      for (const store of this.#stores) request.result.createObjectStore(store);
    };
    return done(request);
  }
}

export function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(storageFault("request", request.error));
  });
}

function settled(target: IDBTransaction | IDBOpenDBRequest, doing: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(storageFault(doing, target.error));
    if (target instanceof IDBTransaction) {
      target.oncomplete = () => resolve();
      target.onabort = fail;
    } else {
      target.onsuccess = () => resolve();
      target.onerror = fail;
    }
  });
}

/** Throws when the transaction has ended by itself; then there is nothing left to undo. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
  }
}
