/** Exchanges over real HTTP: every answer in one message 2, whatever was asked. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY } from "../../shared/crypto/bytes.ts";
import { ERRORS } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import type { ErrorFrame, RelayFrame } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { decodeRecordParts } from "../../shared/wire/record-parts.ts";
import { newKey, type Request } from "../support/bare-client.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import { acknowledgeFrame, depositFrame, subscribeFrame } from "../support/bare-mailbox.ts";
import {
  deliveriesIn,
  depositOver,
  exchangeScene,
  poll,
  typesOf,
} from "../support/exchange-scene.ts";

const errorsIn = (frames: readonly RelayFrame[]) =>
  frames.filter((frame): frame is ErrorFrame => frame.type === "error");

describe("exchange", () => {
  it("does what a WebSocket does: create, grant, deposit, subscribe, acknowledge", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const [envelope = EMPTY] = await depositOver(client, mailbox, [1024]);
    const first = await poll(client, mailbox);
    assert.deepEqual(typesOf(first), ["deliver", "empty"]);
    const [delivered] = deliveriesIn(first);
    assert.deepEqual([delivered?.bytes, delivered?.tag], [envelope, mailbox.tag]);
    const second = await client.exchange(
      [acknowledgeFrame(mailbox, [envelopeId(envelope)]), subscribeFrame(mailbox)],
      { prove: [mailbox.key] },
    );
    assert.deepEqual(typesOf(second), ["ok", "empty"]);
    assert.deepEqual(typesOf(await client.exchange([SOME_FRAMES.hello])), ["hello.answer"]);
    assert.deepEqual(await client.exchange([]), []);
  });

  it("hands out again what was not acknowledged, oldest first", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const envelopes = await depositOver(client, mailbox, [1024, 4096, 1024]);
    for (const credit of [1, 2, 3]) {
      const found = await poll(client, mailbox, { credit });
      assert.deepEqual(
        deliveriesIn(found).map(({ bytes }) => bytes),
        envelopes.slice(0, credit),
      );
      assert.equal(typesOf(found).includes("empty"), credit === 3);
    }
  });

  it("a first contact is one thrifty exchange: the record of a contact and a pair", async (t) => {
    const { client } = await exchangeScene(t);
    const [owner, writer] = [newKey(), newKey()];
    const recordId = systemRandom(24);
    const part = systemRandom(2600);
    const sealed = systemRandom(1400);
    const put = { recordId, owner: owner.publicKey, writer: writer.publicKey, version: 1, part };
    const pairs = [{ pairId: 1, notAfter: 0xffff_ffff, sealed }];
    const made = await client.exchange(
      [
        { type: "record.put", ...put },
        { type: "prekeys.publish", recordId, writer: writer.publicKey, pairs },
      ],
      { prove: [writer] },
    );
    assert.deepEqual(typesOf(made), ["ok", "left"]);
    const requests: readonly Request[] = [
      { type: "hello", version: 1 },
      { type: "record.get", recordId, offset: 0 },
      { type: "prekeys.take", recordId, token: systemRandom(16), first: 0 },
    ];
    const frames = await client.exchange(requests, { path: "thrifty" });
    const record = frames.find((frame) => frame.type === "record");
    const taken = frames.find((frame) => frame.type === "pairs");
    assert.ok(record !== undefined && taken !== undefined);
    assert.equal(record.bytes.length, record.total);
    assert.deepEqual(decodeRecordParts(record.bytes)[0]?.bytes, part);
    assert.deepEqual(taken.pairs[0]?.sealed, sealed);
  });

  it("a larger record comes in slices, each as long as the answer", async (t) => {
    const { client } = await exchangeScene(t);
    const [owner, writer] = [newKey(), newKey()];
    const recordId = systemRandom(24);
    const part = systemRandom(16_000);
    const put = { recordId, owner: owner.publicKey, writer: writer.publicKey, version: 1, part };
    await client.exchange([{ type: "record.put", ...put }], { prove: [writer] });
    const slices: number[] = [];
    for (let offset = 0, total = 1; offset < total; offset += slices.at(-1) ?? 0) {
      const get: Request = { type: "record.get", recordId, offset };
      const [record] = await client.exchange([get], { path: "thrifty" });
      assert.ok(record?.type === "record" && record.offset === offset);
      total = record.total;
      slices.push(record.bytes.length);
    }
    assert.deepEqual(slices, [4515, 4515, 4515, 2495]);
  });

  it("an old epoch or none is told the current one, in every frame that needs it", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    for (const epoch of [EMPTY, systemRandom(16)]) {
      const frames = await poll(client, mailbox, { waitSeconds: 25 }, { epoch });
      const errors = errorsIn(frames);
      assert.equal(errors.length, 2);
      for (const { number, data } of errors) {
        assert.equal(number, ERRORS.RETRY.number);
        assert.deepEqual(data, client.announcement.epoch);
      }
      assert.deepEqual(typesOf(await client.exchange([SOME_FRAMES.hello], { epoch })), [
        "hello.answer",
      ]);
    }
  });

  it("a doubled exchange: what must be fresh is refused, the rest changes nothing", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const owner = client.prepare([subscribeFrame(mailbox)], { prove: [mailbox.key] });
    const open = async ({ message, channel }: typeof owner) => {
      const opened = channel.openAnswer((await client.post(message)).body, 16_896);
      assert.ok(opened.kind === "frames");
      return opened.frames;
    };
    const again = { ...owner };
    await client.post(owner.message);
    const numbers = errorsIn(await open(again)).map(({ number }) => number);
    assert.deepEqual(numbers, [ERRORS.RETRY.number, ERRORS.RETRY.number]);
    const sender = client.prepare([depositFrame(mailbox, systemRandom(1024))]);
    await client.post(sender.message);
    assert.deepEqual(typesOf(await open(sender)), ["receipt"]);
    assert.equal(deliveriesIn(await poll(client, mailbox)).length, 1);
  });

  it("frames of an owner and of a sender do not go into one exchange", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const frames = await client.exchange(
      [depositFrame(mailbox, systemRandom(1024)), subscribeFrame(mailbox)],
      { prove: [mailbox.key] },
    );
    assert.deepEqual(
      errorsIn(frames).map(({ number }) => number),
      [ERRORS.WRONG_CHANNEL.number],
    );
    assert.deepEqual(deliveriesIn(await poll(client, mailbox)), []);
  });

  it("frames whose answers would not fit are refused together, and nothing is done", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const deposits = Array.from({ length: 15 }, () => depositFrame(mailbox, systemRandom(1024)));
    const [error] = await client.exchange(deposits, { path: "thrifty" });
    assert.ok(error?.type === "error" && error.requestId === 0);
    assert.equal(error.number, ERRORS.ANSWERS_TOO_LONG.number);
    assert.deepEqual(typesOf(await poll(client, mailbox)), ["empty"]);
    const taken = await client.exchange(deposits, { path: "exchange" });
    assert.equal(taken.filter(({ type }) => type === "receipt").length, 15);
  });

  it("the size of an answer says what was asked, not how it was answered", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const unknown = { ...mailbox, depositId: systemRandom(24) };
    for (const count of [1, 3, 9]) {
      const sizes = new Set<number>();
      for (const to of [mailbox, unknown]) {
        const requests = Array.from({ length: count }, () => depositFrame(to, systemRandom(1024)));
        sizes.add((await client.post(client.prepare(requests).message)).body.length);
      }
      assert.equal(sizes.size, 1, `${count} deposits`);
    }
  });
});
