/** Reservations in an exchange's answer: the numbers, and that each fixed answer fits its own. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ERRORS, type ErrorCode } from "../../../shared/crypto/errors.ts";
import {
  answerRoom,
  countForExchange,
  ERROR_ROOM_BYTES,
  exchangeRoom,
} from "../../../shared/wire/answer-room.ts";
import { encodeFrame, errorFrame } from "../../../shared/wire/frame-codec.ts";
import { CLIENT_FRAMES, SPEC_BY_TYPE } from "../../../shared/wire/frame-table.ts";
import type { ClientFrame, Pairs, RecordFrame } from "../../../shared/wire/frames.ts";
import {
  CHANNEL_BUCKETS,
  MAX_ORDINARY_MESSAGE_BYTES,
  MAX_THRIFTY_ANSWER_BYTES,
} from "../../../shared/wire/limits.ts";
import { arbitraryFrame } from "../../support/frame-arbitraries.ts";

const TYPES = Object.keys(CLIENT_FRAMES) as ClientFrame["type"][];
const LAST_ID = 0xffff_ffff;

const roomsOf = (types: readonly ClientFrame["type"][]) =>
  types.reduce((total, type) => total + answerRoom(type).bytes, 0);

describe("answer room", () => {
  it("the numbers", () => {
    const numbers = TYPES.map((type) => [type, answerRoom(type).bytes] as const);
    assert.deepEqual(Object.fromEntries(numbers), {
      hello: 91,
      prove: 48,
      "mailbox.create": 48,
      "mailbox.grant": 48,
      "mailbox.revoke": 48,
      "mailbox.delete": 48,
      subscribe: 329,
      acknowledge: 48,
      deposit: 320,
      "record.get": 299,
      "record.put": 48,
      "record.writers": 48,
      "prekeys.publish": 48,
      "prekeys.take": 1585,
      "blob.create": 48,
      "blob.append": 48,
      "blob.head": 48,
      "blob.get": 291,
    });
    assert.equal(answerRoom("fault").bytes, ERROR_ROOM_BYTES);
    assert.equal(ERROR_ROOM_BYTES, 48);
  });

  it("four answers are elastic; what is left over is theirs", () => {
    const elastic = TYPES.filter((type) => answerRoom(type).isElastic);
    assert.deepEqual(elastic, ["subscribe", "record.get", "prekeys.take", "blob.get"]);
  });

  it("every fixed answer fits its reservation", () => {
    for (const type of TYPES.filter((name) => !answerRoom(name).isElastic)) {
      for (const answer of CLIENT_FRAMES[type].answers) {
        const spec = SPEC_BY_TYPE.get(answer);
        assert.ok(spec);
        const fits = fc.property(arbitraryFrame(spec), (frame) => {
          const { length } = encodeFrame({ ...frame, requestId: LAST_ID });
          assert.ok(length <= answerRoom(type).bytes, `${answer} answers ${type}`);
        });
        fc.assert(fits, { numRuns: 60 });
      }
    }
  });

  it("every error that a relay may send fits every reservation", () => {
    const codes = Object.entries(ERRORS).filter(
      ([, { number }]) => number === ERRORS.INTERNAL.number || (number >= 200 && number < 300),
    );
    for (const [code] of codes) {
      const data = new Uint8Array(17);
      const { length } = encodeFrame(errorFrame(LAST_ID, code as ErrorCode, data));
      for (const type of TYPES) assert.ok(length <= answerRoom(type).bytes, code);
    }
  });

  it("the least of an elastic answer is of use: a slice, or a whole pair", () => {
    const bytes = new Uint8Array(256);
    const head = { requestId: LAST_ID, hour: LAST_ID, offset: 526_336, total: 526_336 };
    const record: RecordFrame = { type: "record", digest: new Uint8Array(16), ...head, bytes };
    // 2 bytes more for the length of the longest slice
    assert.ok(encodeFrame(record).length <= answerRoom("record.get").bytes);
    const pair = { writer: new Uint8Array(32), sealed: new Uint8Array(1536) };
    const pairs: Pairs = { type: "pairs", requestId: LAST_ID, total: 32, pairs: [pair] };
    assert.equal(encodeFrame(pairs).length, answerRoom("prekeys.take").bytes);
  });

  it("what belongs together fits one answer of its path", () => {
    const thrifty = exchangeRoom(MAX_THRIFTY_ANSWER_BYTES);
    assert.equal(thrifty, 4558);
    const firstContact = roomsOf(["hello", "record.get", "prekeys.take"]);
    assert.ok(thrifty - firstContact + 256 >= 2700, "room for the record of a contact");
    const poll = roomsOf(["prove", "acknowledge", "subscribe"]);
    assert.ok(poll <= exchangeRoom(CHANNEL_BUCKETS[0] ?? 0), "a poll fits the smallest answer");
    const leastOfPoll = thrifty - poll + 256;
    assert.ok(leastOfPoll * 4 >= 16_384, "16 KiB = 4 connections");
    assert.ok(exchangeRoom(MAX_ORDINARY_MESSAGE_BYTES) - poll + 256 >= 16_384, "or 1 exchange");
  });

  it("a client packs by both: bytes of the request and room of the answer", () => {
    const frame = (type: ClientFrame["type"], length: number) => ({
      type,
      bytes: new Uint8Array(length),
    });
    const deposits = Array.from({ length: 20 }, () => frame("deposit", 1073));
    assert.equal(countForExchange(deposits, { request: 16_829, answer: 16_846 }), 15);
    assert.equal(countForExchange(deposits, { request: 16_829, answer: 4558 }), 14);
    assert.equal(countForExchange(deposits, { request: 1072, answer: 4558 }), 0);
    assert.equal(countForExchange([], { request: 1, answer: 1 }), 0);
  });
});
