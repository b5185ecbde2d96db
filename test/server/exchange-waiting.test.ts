/** Subscriptions in exchanges: held answers, takeover, exact sizes, slices over several exchanges. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { concat, EMPTY } from "../../shared/crypto/bytes.ts";
import { ERRORS } from "../../shared/crypto/errors.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { CHANNEL_BUCKETS } from "../../shared/wire/limits.ts";
import { BareClient } from "../support/bare-client.ts";
import type { ExchangeName } from "../support/bare-exchange.ts";
import { acknowledgeFrame, subscribeFrame } from "../support/bare-mailbox.ts";
import {
  deliveriesIn,
  depositOver,
  exchangeScene,
  heldScene,
  makeMailbox,
  poll,
  typesOf,
} from "../support/exchange-scene.ts";

const HELD = { waitSeconds: 25 } as const;

describe("a subscription in an exchange", () => {
  it("is held until something comes, and then answered at once", async (t) => {
    const { client, mailbox, hold } = await heldScene(t);
    const { held } = await hold(() => poll(client, mailbox, HELD));
    const [envelope = EMPTY] = await depositOver(client, mailbox, [4096]);
    const frames = await held;
    assert.deepEqual(typesOf(frames), ["deliver", "empty"]);
    assert.deepEqual(deliveriesIn(frames)[0]?.bytes, envelope);
  });

  it("ends with `empty` when the wait is over", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const beganMs = performance.now();
    assert.deepEqual(typesOf(await poll(client, mailbox, { waitSeconds: 1 })), ["empty"]);
    assert.ok(performance.now() - beganMs >= 990);
  });

  it("is taken over by a newer one, in an exchange or on a WebSocket", async (t) => {
    const { relay, client, mailbox, hold } = await heldScene(t);
    const first = await hold(() => poll(client, mailbox, HELD));
    const second = await hold(() => poll(client, mailbox, HELD));
    assert.deepEqual(typesOf(await first.held), ["taken-over"]);
    const socket = await BareClient.connect(relay.address);
    await socket.prove(mailbox.key);
    await socket.request(subscribeFrame(mailbox));
    assert.deepEqual(typesOf(await second.held), ["taken-over"]);
    await poll(client, mailbox);
    while (!socket.pushed.some(({ type }) => type === "taken-over")) await socket.nextPush();
    await socket.close();
  });

  it("ends when its mailbox is deleted", async (t) => {
    const { client, mailbox, hold } = await heldScene(t);
    const { held } = await hold(() => poll(client, mailbox, HELD));
    const remove = { type: "mailbox.delete", mailbox: mailbox.mailbox } as const;
    await client.exchange([remove], { prove: [mailbox.key] });
    const [error] = await held;
    assert.ok(error?.type === "error" && error.number === ERRORS.REFUSED.number);
  });

  it("waits no longer once another frame of the exchange was refused", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const other = await makeMailbox(client);
    const frames = await client.exchange(
      [acknowledgeFrame(other, []), subscribeFrame(mailbox, HELD)],
      { prove: [mailbox.key] },
    );
    assert.deepEqual(typesOf(frames).toSorted(), ["empty", "error"]);
  });

  it("of several mailboxes is answered when one of them has something", async (t) => {
    const { client, mailbox, hold } = await heldScene(t);
    const other = await makeMailbox(client);
    const both = [mailbox, other];
    const requests = both.map((each) => subscribeFrame(each, HELD));
    const prove = both.map(({ key }) => key);
    const { held } = await hold(() => client.exchange(requests, { prove }));
    await depositOver(client, other, [1024]);
    assert.deepEqual(typesOf(await held).toSorted(), ["deliver", "empty", "empty"]);
  });

  it("has an answer of exactly the size it asks for, whatever comes of it", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const answered = async (bucket: number, path: ExchangeName, prove = [mailbox.key]) => {
      const subscribe = subscribeFrame(mailbox, { answerBucket: bucket });
      const prepared = client.prepare([acknowledgeFrame(mailbox, []), subscribe], { prove });
      return (await client.post(prepared.message, { path })).body.length;
    };
    for (const sizes of [[], [1024], [16_384, 1024, 1024]]) {
      await depositOver(client, mailbox, sizes);
      for (const bucket of CHANNEL_BUCKETS) {
        assert.equal(await answered(bucket, "exchange"), bucket);
        assert.equal(await answered(bucket, "exchange", []), bucket, "refused");
        assert.equal(await answered(bucket, "thrifty"), Math.min(bucket, 4608));
      }
    }
  });

  for (const [path, bucket, most] of [
    ["exchange", 0, 1],
    ["thrifty", 4608, 4],
    ["thrifty", 1536, 13],
    ["exchange", 512, 54],
  ] as const) {
    it(`hands out 16384 bytes over ${path}, answers of ${bucket}, in ${most} at most`, async (t) => {
      const { client, mailbox } = await exchangeScene(t);
      const [envelope = EMPTY] = await depositOver(client, mailbox, [16_384]);
      const id = envelopeId(envelope);
      let [held, count, last]: [Uint8Array, number, string | undefined] = [EMPTY, 0, undefined];
      while (last !== "empty") {
        const resume = { envelopeId: held.length > 0 ? id : EMPTY, offset: held.length };
        const frames = await client.exchange(
          [
            acknowledgeFrame(mailbox, []),
            subscribeFrame(mailbox, { answerBucket: bucket, resume }),
          ],
          { prove: [mailbox.key], path },
        );
        const [slice, ...more] = deliveriesIn(frames);
        assert.ok(slice !== undefined && more.length === 0);
        assert.deepEqual([slice.offset, slice.total], [held.length, 16_384]);
        held = concat(held, slice.bytes);
        count += 1;
        last = typesOf(frames).at(-1);
      }
      assert.deepEqual(held, envelope);
      assert.ok(count <= most, `${count} exchanges`);
    });
  }

  it("fills the answer with whole envelopes and the beginning of the next", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const [first = EMPTY, second = EMPTY, third = EMPTY] = await depositOver(
      client,
      mailbox,
      [1024, 1024, 4096],
    );
    const frames = deliveriesIn(await poll(client, mailbox, {}, { path: "thrifty" }));
    assert.deepEqual(
      frames.slice(0, 2).map(({ bytes }) => bytes),
      [first, second],
    );
    const slice = frames[2]?.bytes ?? EMPTY;
    assert.ok(slice.length > 2000 && slice.length < 4096);
    const acknowledged = [first, second].map(envelopeId);
    const resume = { envelopeId: envelopeId(third), offset: slice.length };
    const rest = await client.exchange(
      [acknowledgeFrame(mailbox, acknowledged), subscribeFrame(mailbox, { resume })],
      { prove: [mailbox.key], path: "thrifty" },
    );
    assert.deepEqual(typesOf(rest), ["ok", "deliver", "empty"]);
    assert.deepEqual(concat(slice, deliveriesIn(rest)[0]?.bytes ?? EMPTY), third);
  });

  it("begins an envelope anew when another one is the first to hand out", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const [, second = EMPTY] = await depositOver(client, mailbox, [1024, 1024]);
    for (const envelopeIdHeld of [envelopeId(second), systemRandom(24)]) {
      const resume = { envelopeId: envelopeIdHeld, offset: 100 };
      const frames = deliveriesIn(await poll(client, mailbox, { resume }));
      assert.deepEqual(
        frames.map(({ offset }) => offset),
        [0, 0],
      );
    }
  });
});
