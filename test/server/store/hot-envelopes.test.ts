/** What waits in memory beside the file: in order, whole from some point on, or not at all. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type HotEnvelope, HotEnvelopes } from "../../../server/store/sqlite/hot-envelopes.ts";
import { named } from "./fixtures.ts";

function hot(seq: number, size = 1024): HotEnvelope {
  const id = named(`envelope ${seq}`, 24);
  const waiting = {
    seq,
    envelopeId: id,
    tag: named("tag", 16),
    hour: 1,
    envelope: new Uint8Array(size),
  };
  return { waiting, key: named(`key ${seq}`, 16), expiryDay: 9 };
}

const seqs = (store: HotEnvelopes, afterSeq: number, limit = 9) =>
  store.waiting(1, afterSeq, limit)?.map(({ seq }) => seq);

describe("hot envelopes", () => {
  it("answer only from the point on from which they hold everything", () => {
    const store = new HotEnvelopes();
    store.add(1, hot(4));
    assert.equal(seqs(store, 0), undefined);
    store.begin(1, 5);
    for (const seq of [5, 6, 8]) store.add(1, hot(seq));
    assert.equal(seqs(store, 3), undefined);
    assert.deepEqual(seqs(store, 4), [5, 6, 8]);
    assert.deepEqual(seqs(store, 5), [6, 8]);
    assert.deepEqual(seqs(store, 4, 2), [5, 6]);
    assert.equal(store.take(1, named("envelope 6", 24))?.waiting.seq, 6);
    assert.equal(store.take(1, named("envelope 6", 24)), undefined);
    assert.equal(store.take(2, named("envelope 5", 24)), undefined);
    assert.deepEqual(seqs(store, 4), [5, 8]);
    store.drop(1);
    assert.equal(seqs(store, 4), undefined);
  });

  it("hold no more than 32 MiB: the mailbox that would exceed it is read from the file", () => {
    const store = new HotEnvelopes();
    store.begin(1, 0);
    store.begin(2, 0);
    store.add(2, hot(1));
    for (let seq = 2; seq <= 2049; seq++) store.add(1, hot(seq, 16_384));
    assert.equal(seqs(store, 0), undefined);
    assert.equal(store.waiting(2, 0, 9)?.length, 1);
    store.begin(1, 3000);
    for (let seq = 3000; seq < 3100; seq++) store.add(1, hot(seq, 16_384));
    assert.equal(seqs(store, 2999, 1000)?.length, 100);
    store.clear();
    assert.equal(store.waiting(2, 0, 9), undefined);
  });
});
