/**
 * What every place for blobs must do. Without Node: the same cases run in a browser
 * (browser-page.ts). `open` opens the same place once more, as another process would.
 */

import type { BlobStorage } from "../../../client/vault/blob-storage.ts";
import { equalBytes } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";

type Case = (open: () => BlobStorage) => Promise<void>;

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function bytes(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (from + i) % 251);
}

async function filled(storage: BlobStorage, ...pieces: Uint8Array[]): Promise<string> {
  const { name, release } = await storage.create();
  for (const piece of pieces) await storage.append(name, piece);
  await storage.sync(name);
  await release();
  return name;
}

async function fails(promise: Promise<unknown>): Promise<boolean> {
  return await promise.then(
    () => false,
    (error) => error instanceof TumarError && error.code === "VAULT_STORAGE",
  );
}

export const BLOB_STORAGE_CASES: Readonly<Record<string, Case>> = {
  "keeps what is appended, and reads any part of it": async (open) => {
    const storage = open();
    const pieces = [bytes(1), bytes(0), bytes(20_000, 1), bytes(70_000, 20_001)];
    const name = await filled(storage, ...pieces);
    expect((await open().length(name)) === 90_001, "length");
    const whole = bytes(90_001);
    const ranges: readonly (readonly [number, number])[] = [
      [0, 90_001],
      [0, 1],
      [1, 20_000],
      [19_990, 60_000],
      [90_000, 50],
      [90_001, 10],
      [100_000, 1],
      [5, 0],
    ];
    for (const [offset, length] of ranges) {
      const read = await open().read(name, offset, length);
      expect(equalBytes(read, whole.slice(offset, offset + length)), `${offset}+${length}`);
    }
  },

  "keeps copies: what is done to the bytes afterwards does not reach it": async (open) => {
    const storage = open();
    const mine = bytes(100);
    const name = await filled(storage, mine);
    mine.fill(0);
    (await storage.read(name, 0, 100)).fill(0);
    expect(equalBytes(await storage.read(name, 0, 100), bytes(100)), "bytes");
  },

  "cuts, and goes on from there": async (open) => {
    const storage = open();
    const name = await filled(storage, bytes(1_000), bytes(1_000, 1_000));
    await storage.truncate(name, 5_000);
    expect((await storage.length(name)) === 2_000, "nothing to cut");
    await storage.truncate(name, 1_500);
    await storage.append(name, bytes(10, 1_500));
    expect(equalBytes(await storage.read(name, 0, 9_999), bytes(1_510)), "bytes");
    await storage.truncate(name, 1_000);
    await storage.truncate(name, 0);
    expect((await storage.length(name)) === 0, "empty");
    await storage.append(name, bytes(3));
    expect(equalBytes(await storage.read(name, 0, 9), bytes(3)), "anew");
  },

  "lists and deletes; a name is never used again": async (open) => {
    const storage = open();
    const [a, b] = [await filled(storage, bytes(10)), await filled(storage)];
    expect(a !== b, "names");
    expect((await open().list()).toSorted().join() === [a, b].toSorted().join(), "list");
    await storage.delete(a);
    await storage.delete(a);
    expect((await open().list()).join() === b, "list after");
    expect((await storage.length(a)) === null, "length");
    expect(await fails(storage.append(a, bytes(1))), "append");
    expect(await fails(storage.read(a, 0, 1)), "read");
    expect(await fails(storage.truncate(a, 0)), "truncate");
  },

  "gives a blob to one at a time": async (open) => {
    const [one, other] = [open(), open()];
    const claim = await one.create();
    expect((await other.claim(claim.name)) === null, "created");
    expect((await one.claim(claim.name)) === null, "twice by one");
    await claim.release();
    await claim.release();
    const theirs = await other.claim(claim.name);
    expect(theirs?.name === claim.name, "released");
    expect((await one.claim(claim.name)) === null, "claimed");
    await other.delete(claim.name);
    await theirs?.release();
    expect((await one.list()).length === 0, "nothing is left of it");
    const gone = await one.claim(claim.name);
    expect(gone !== null, "a name that is gone can be claimed");
    await gone?.release();
    expect((await one.list()).length === 0, "and leaves nothing");
  },

  "closing lets go of every claim, and of nothing else": async (open) => {
    const [one, other] = [open(), open()];
    const { name } = await one.create();
    await one.append(name, bytes(5));
    await one.close();
    expect((await other.claim(name)) !== null, "claim");
    expect((await one.length(name)) === 5, "open again");
    await other.close();
  },

  "destroys all": async (open) => {
    const storage = open();
    const name = await filled(storage, bytes(5));
    await storage.create();
    await storage.destroy();
    expect((await open().list()).length === 0, "list");
    expect((await open().length(name)) === null, "length");
    await storage.destroy();
  },
};
