/** What someone who takes the disk finds: no identifier, and no envelope that was acknowledged. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Operation, Store } from "../../../server/store/store.ts";
import { blake2b } from "../../../shared/crypto/sodium.ts";
import {
  createMailbox,
  deposit,
  envelopeOf,
  HOUR,
  KEY,
  named,
  openIn,
  publish,
  putGrant,
  putRecord,
  take,
  temporaryDirectory,
} from "./fixtures.ts";

/** Pieces of 16 bytes to look for, with the name to report them by. */
type Needles = Map<string, string>;
const PIECE = 16;

function addNeedle(needles: Needles, name: string, bytes: Uint8Array): void {
  for (let at = 0; at + PIECE <= bytes.length; at += 64) {
    const piece = Buffer.from(bytes.subarray(at, at + PIECE)).toString("latin1");
    needles.set(piece, `${name} at ${at}`);
  }
}

/** Names of the needles found in any file of the directory. */
function findIn(directory: string, needles: Needles): string[] {
  const heads = new Set([...needles.keys()].map((piece) => piece.slice(0, 4)));
  const found: string[] = [];
  for (const file of readdirSync(directory)) {
    const text = readFileSync(join(directory, file)).toString("latin1");
    for (let at = 0; at < text.length; at++) {
      if (!heads.has(text.slice(at, at + 4))) continue;
      const name = needles.get(text.slice(at, at + PIECE));
      if (name !== undefined) found.push(`${file}: ${name}`);
    }
  }
  return found;
}

const SIZES = [1024, 1024, 1024, 4096, 16_384];
const names = Array.from({ length: 250 }, (_, i) => `envelope ${i}`);
const sized = (name: string): Uint8Array =>
  envelopeOf(name, SIZES[names.indexOf(name) % SIZES.length]);
const idOf = (name: string): Uint8Array => blake2b(24, sized(name));

async function acknowledgeAll(store: Store, which: readonly string[]): Promise<void> {
  for (let i = 0; i < which.length; i += 8) {
    const envelopeIds = which.slice(i, i + 8).map(idOf);
    const mailbox = named("m", 32);
    const [result] = await store.commit([{ type: "acknowledge", mailbox, envelopeIds }]);
    assert.deepEqual(result, { ok: true, value: envelopeIds.length });
  }
}

describe("raw files of the embedded engine", () => {
  it("keep no byte of an acknowledged envelope after a sweep, nor after closing", async (t) => {
    const directory = temporaryDirectory(t);
    const store = openIn(directory);
    await store.commit([createMailbox(), putGrant()]);
    for (let i = 0; i < names.length; i += 10) {
      await store.commit(
        names.slice(i, i + 10).map((name) => deposit("g", name, { envelope: sized(name) })),
      );
    }
    const shuffled = [...names].sort((a, b) => (idOf(a)[0] ?? 0) - (idOf(b)[0] ?? 0));
    const first = shuffled.slice(0, 150);
    const needles: Needles = new Map();
    for (const name of first) addNeedle(needles, name, sized(name));
    assert.notEqual(findIn(directory, needles).length, 0, "the search finds what is there");
    await acknowledgeAll(store, first);
    await store.sweep({ hour: HOUR });
    assert.deepEqual(findIn(directory, needles), []);
    const rest = shuffled.slice(150);
    await acknowledgeAll(store, rest);
    for (const name of rest) addNeedle(needles, name, sized(name));
    await store.close();
    assert.deepEqual(findIn(directory, needles), []);
    assert.deepEqual(readdirSync(directory), ["relay.sqlite"]);
  });

  it("never hold a raw identifier", async (t) => {
    const directory = temporaryDirectory(t);
    const store = openIn(directory);
    const operations: Operation[] = [
      createMailbox(),
      putGrant(),
      deposit("g", "a"),
      deposit("g", "b"),
      { type: "acknowledge", mailbox: named("m", 32), envelopeIds: [deposit("g", "a").envelopeId] },
      putRecord("w", 1),
      {
        type: "setWriters",
        recordId: named("record", 24),
        owner: named("owner", 32),
        version: 1,
        writers: [named("v", 32), named("w", 32)],
      },
      publish("w", [1, 2]),
      take("t"),
    ];
    for (const { ok } of await store.commit(operations)) assert.ok(ok);
    const needles: Needles = new Map();
    for (const name of ["m", "g", "owner", "w", "v"]) addNeedle(needles, name, named(name, 32));
    addNeedle(needles, "record id", named("record", 24));
    addNeedle(needles, "token", named("t", 16));
    for (const name of ["a", "b"]) {
      addNeedle(needles, `id of ${name}`, deposit("g", name).envelopeId);
    }
    addNeedle(needles, "store.key", KEY);
    assert.deepEqual(findIn(directory, needles), []);
    const waiting = await store.waiting(named("m", 32), 0, 10);
    assert.deepEqual(waiting[0]?.envelopeId, deposit("g", "b").envelopeId);
    await store.close();
    assert.deepEqual(findIn(directory, needles), []);
  });
});
