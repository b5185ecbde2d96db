/** Runs inside the browser for browser.test.ts: the address's fragment says which part. */

import { BrowserBlobStorage } from "../../../client/vault/browser-blob-storage.ts";
import { BrowserStorage } from "../../../client/vault/browser-storage.ts";
import { Vault } from "../../../client/vault/vault.ts";
import { concat, u32 } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { blake2b } from "../../../shared/crypto/sodium.ts";
import { BLOB_STORAGE_CASES } from "./blob-storage-cases.ts";

const options = {
  deriveKey: async (password: Uint8Array, salt: Uint8Array): Promise<Uint8Array> =>
    blake2b(32, concat(password, salt)),
};

function open(name: string): Promise<Vault> {
  return Vault.open(new BrowserStorage(name), "in the browser", options);
}

function create(name: string): Promise<Vault> {
  return Vault.create(new BrowserStorage(name), "in the browser", options);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return error instanceof TumarError ? error.code : String(error);
  }
}

async function count(vault: Vault): Promise<number> {
  return await vault.read((view) => {
    const bytes = view.get("count");
    return bytes ? new DataView(bytes.buffer).getUint32(0) : 0;
  });
}

function add(vault: Vault, load: number): Promise<number> {
  return vault.transaction((tx) => {
    const bytes = tx.get("count");
    const next = (bytes ? new DataView(bytes.buffer).getUint32(0) : 0) + 1;
    tx.put("count", u32(next));
    tx.put("load", new Uint8Array(load).fill(next));
    return next;
  });
}

const parts: Record<string, () => Promise<unknown>> = {
  /** Two openers, sizes of every kind, each fault, and the real Argon2id. */
  async whole() {
    const missing = await codeOf(open("whole"));
    const first = await create("whole");
    const exists = await codeOf(create("whole"));
    const second = await open("whole");
    const sizes = [100, 20_000, 70_000, 300_000, 10, 5_000];
    await Promise.all(sizes.flatMap((size) => [add(first, size), add(second, size)]));
    const hasty = { ...options, lockWaitMs: 20 };
    const third = await Vault.open(new BrowserStorage("whole"), "in the browser", hasty);
    const busy = await first.transaction(() => codeOf(add(third, 1)));
    const wrong = await codeOf(Vault.open(new BrowserStorage("whole"), "wrong", options));
    const counts = await Promise.all([first, second, third].map(count));
    await new BrowserStorage("whole").destroy();
    const gone = await codeOf(open("whole"));
    const real = await Vault.create(new BrowserStorage("real"), "in the browser");
    const answers = { missing, exists, busy, wrong, counts, gone };
    return { ...answers, generation: real.generation };
  },

  /** Commits until the page dies; `answered` is what it was told. */
  async commit() {
    const vault = await create("killed");
    for (;;) document.title = String(await add(vault, 10_000));
  },

  /** What fails of the suite for blobs, by its name. */
  async blobs() {
    const failed: Record<string, string> = {};
    for (const [what, holds] of Object.entries(BLOB_STORAGE_CASES)) {
      await holds(() => new BrowserBlobStorage(what)).catch((error) => {
        failed[what] = String(error);
      });
    }
    return { failed, count: Object.keys(BLOB_STORAGE_CASES).length };
  },

  async recount() {
    const vault = await open("killed");
    return { count: await count(vault), generation: vault.generation };
  },
};

const result = await parts[location.hash.slice(1)]?.();
document.body.textContent = JSON.stringify(result);
