/** What fits one exchange: whatever may be asked fits by itself, over thrifty too. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ExchangeRoom } from "../../../client/net/exchange-room.ts";
import { HelloRequest } from "../../../client/net/hello-request.ts";
import { PendingRequest } from "../../../client/net/outgoing.ts";
import type { RequestBody } from "../../../client/net/requests.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import {
  MAX_ACKNOWLEDGED,
  MAX_PAIRS_PER_FRAME,
  MAX_RECORD_PART_BYTES,
  MAX_RECORD_WRITERS,
  MAX_SEALED_PAIR_BYTES,
} from "../../../shared/wire/limits.ts";
import { FakeClock } from "./fake-clock.ts";
import { deposit, newKey } from "./support.ts";

const many = (count: number, bytes: number) =>
  Array.from({ length: count }, () => systemRandom(bytes));
const key = systemRandom(32);
const recordId = systemRandom(24);

const LARGEST: readonly RequestBody[] = [
  deposit(16_384),
  { type: "record.get", recordId, offset: 500_000 },
  { type: "prekeys.take", recordId, token: systemRandom(16), first: 31 },
  { type: "acknowledge", mailbox: key, envelopeIds: many(MAX_ACKNOWLEDGED, 24), credit: 64 },
  {
    type: "record.put",
    recordId,
    owner: key,
    writer: key,
    version: Number.MAX_SAFE_INTEGER,
    part: systemRandom(MAX_RECORD_PART_BYTES),
  },
  {
    type: "record.writers",
    recordId,
    owner: key,
    version: 2 ** 40,
    writers: many(MAX_RECORD_WRITERS, 32),
  },
  {
    type: "prekeys.publish",
    recordId,
    writer: key,
    pairs: many(MAX_PAIRS_PER_FRAME, MAX_SEALED_PAIR_BYTES).map((sealed) => ({
      pairId: 0xffff_ffff,
      notAfter: 0xffff_ffff,
      sealed,
    })),
  },
];

describe("the room of an exchange", () => {
  for (const body of LARGEST) {
    it(`holds the largest ${body.type} with its proof and hello`, () => {
      const clock = new FakeClock();
      const request = new PendingRequest(body, { proveWith: newKey() }, clock);
      const room = new ExchangeRoom(4608, 200);
      assert.ok(room.take(new HelloRequest({ onHello: () => {}, onRefused: () => {} })));
      assert.ok(room.take(request));
      assert.ok(room.answerBytes <= 4608);
      request.onRefused(new Error("not sent") as never);
      request.promise.catch(() => {});
    });
  }

  it("is of so many frames, proofs counted, and takes nothing of what does not fit", () => {
    const request = () => {
      const mailbox = newKey();
      const body = { type: "mailbox.delete", mailbox: mailbox.publicKey } as const;
      return new PendingRequest(body, { proveWith: mailbox }, new FakeClock());
    };
    const room = new ExchangeRoom(16_896, 5);
    assert.deepEqual(
      [request(), request(), request()].map((one) => room.take(one)),
      [true, true, false],
    );
    const read = { type: "record.get", recordId, offset: 0 } as const;
    assert.ok(room.take(new PendingRequest(read, {}, new FakeClock())));
    assert.equal(room.answerBytes, 16_896);
  });
});
