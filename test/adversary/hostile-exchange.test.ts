/** Exchanges that no honest client would make: the relay answers by the rules, and goes on. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EMPTY } from "../../shared/crypto/bytes.ts";
import { ERRORS } from "../../shared/crypto/errors.ts";
import { type SigningKeyPair, systemRandom } from "../../shared/crypto/sodium.ts";
import { MESSAGE_KINDS, prologueOf } from "../../shared/wire/channel.ts";
import { encodeCbor } from "../../shared/wire/codec.ts";
import { decodeRelayContent, encodeFrame } from "../../shared/wire/frame-codec.ts";
import type { ClientFrame, RelayFrame } from "../../shared/wire/frames.ts";
import { CHANNEL_BUCKETS } from "../../shared/wire/limits.ts";
import {
  HANDSHAKE_OVERHEAD_BYTES,
  readMessage2,
  startInitiator,
  writeMessage1,
} from "../../shared/wire/noise.ts";
import { padContent, withKind } from "../../shared/wire/padding.ts";
import { makeProof } from "../../shared/wire/proof.ts";
import { newKey } from "../support/bare-client.ts";
import type { BareExchanger, HttpAnswer, PostOptions } from "../support/bare-exchange.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import { acknowledgeFrame, depositFrame, subscribeFrame } from "../support/bare-mailbox.ts";
import {
  deliveriesIn,
  depositOver,
  exchangeScene,
  poll,
  typesOf,
} from "../support/exchange-scene.ts";

interface Answered extends HttpAnswer {
  readonly frames: readonly RelayFrame[];
}

/** Sends whatever bytes as the content of a message 1 that opens; a key may be proven in it. */
async function send(
  client: BareExchanger,
  content: readonly Uint8Array[] | ((prove: (key: SigningKeyPair) => Uint8Array) => Uint8Array[]),
  options: PostOptions = {},
): Promise<Answered> {
  const { channelKey, identity } = client.announcement;
  const start = startInitiator(channelKey, prologueOf(identity), systemRandom);
  const prove = (key: SigningKeyPair) => encodeFrame(makeProof(5, key, identity, start.proofHash));
  const parts = typeof content === "function" ? content(prove) : content;
  const { state, message } = writeMessage1(start, padContent(parts, HANDSHAKE_OVERHEAD_BYTES));
  const answer = await client.post(withKind(MESSAGE_KINDS.channel, message), options);
  if (answer.status !== 200) return { ...answer, frames: [] };
  const { payload } = readMessage2(state, answer.body.subarray(1));
  return { ...answer, frames: decodeRelayContent(payload) };
}

const numbersIn = (frames: readonly RelayFrame[]) =>
  frames.flatMap((frame) => (frame.type === "error" ? [frame.number] : []));

describe("a hostile client of exchanges", () => {
  it("gets nothing from any bytes, and the relay goes on (property)", async (t) => {
    const { relay, client } = await exchangeScene(t, { EXCHANGES_PER_SECOND: 100_000 });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.constantFrom(...CHANNEL_BUCKETS).map((length) => {
        const body = systemRandom(length);
        body[0] = MESSAGE_KINDS.channel;
        return body;
      }),
      fc.nat({ max: 511 }).map((at) => {
        const { message } = client.prepare([SOME_FRAMES.hello]);
        message[at] = (message[at] ?? 0) ^ 1;
        return message;
      }),
    );
    const takes = fc.asyncProperty(bytes, async (body) => {
      const { status, body: answer } = await client.post(body);
      assert.ok(status === 400 || (status === 200 && answer[0] === MESSAGE_KINDS.refused));
    });
    await fc.assert(takes, { numRuns: 80 });
    assert.deepEqual(typesOf(await client.exchange([SOME_FRAMES.hello])), ["hello.answer"]);
    assert.ok(relay.log.every((line) => !line.includes("unexpected")));
  });

  it("is told by status that content is not canonical", async (t) => {
    const { client } = await exchangeScene(t);
    for (const content of [
      [],
      [encodeCbor(new Uint8Array(15))],
      [encodeCbor(EMPTY), Uint8Array.of(0x18, 0x01)],
      [encodeCbor(EMPTY), Uint8Array.of(0xf6)],
      [encodeCbor(EMPTY), Uint8Array.of(0x80, 0x01)],
    ]) {
      const { status, body } = await send(client, content);
      assert.equal(status, ERRORS.MALFORMED.status);
      assert.equal(new TextDecoder().decode(body), "MALFORMED\n");
    }
  });

  it("gets an error for each frame that cannot be read; those around it are taken", async (t) => {
    const { client } = await exchangeScene(t);
    const hello = encodeFrame({ type: "hello", requestId: 7, version: 1 });
    const { frames } = await send(client, [
      encodeCbor(EMPTY),
      encodeCbor([250, 1]),
      hello,
      encodeCbor([1, 2, 999]),
      encodeCbor(3),
      hello,
    ]);
    const { UNKNOWN_FRAME, BAD_FRAME } = ERRORS;
    assert.deepEqual(
      numbersIn(frames),
      [UNKNOWN_FRAME, BAD_FRAME, BAD_FRAME].map((e) => e.number),
    );
    assert.equal(frames.filter(({ type }) => type === "hello.answer").length, 2);
  });

  it("that gives all its frames one request id gets as many answers", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const deposits = [1024, 4096, 1024].map((size) => {
      const frame = { ...depositFrame(mailbox, systemRandom(size)), requestId: 5 } as ClientFrame;
      return encodeFrame(frame);
    });
    const { frames } = await send(client, [encodeCbor(EMPTY), ...deposits]);
    assert.deepEqual(typesOf(frames), ["receipt", "receipt", "receipt"]);
    assert.equal(deliveriesIn(await poll(client, mailbox)).length, 3);
  });

  it("that gives them one request id to break the room of the answer breaks nothing", async (t) => {
    const { relay, client, mailbox } = await exchangeScene(t);
    await depositOver(client, mailbox, [16_384]);
    const bodies = [
      subscribeFrame(mailbox),
      ...Array.from({ length: 40 }, () => SOME_FRAMES["record.put"]),
      ...Array.from({ length: 20 }, () => acknowledgeFrame(mailbox, [])),
    ];
    const frames = bodies.map((body) => encodeFrame({ ...body, requestId: 5 } as ClientFrame));
    const answer = await send(
      client,
      (prove) => [encodeCbor(client.announcement.epoch), prove(mailbox.key), ...frames],
      { path: "thrifty" },
    );
    assert.deepEqual([answer.status, answer.body.length], [200, 4608]);
    assert.ok(deliveriesIn(answer.frames).length > 0);
    assert.ok(relay.log.every((line) => !line.includes("unexpected")));
  });

  it("that subscribes one mailbox many times at once holds one exchange, and that is answered", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const subscribe = subscribeFrame(mailbox, { waitSeconds: 0 });
    const frames = await client.exchange([subscribe, subscribe, subscribe], {
      prove: [mailbox.key],
    });
    assert.deepEqual(typesOf(frames), ["taken-over", "taken-over", "empty"]);
  });

  it("that proves keys without end is refused beyond the number of a connection", async (t) => {
    const { client } = await exchangeScene(t, { KEYS_PER_CONNECTION: 3 });
    const frames = await client.exchange([], { prove: [1, 2, 3, 4, 5].map(() => newKey()) });
    assert.deepEqual(numbersIn(frames), [ERRORS.LIMIT_REACHED.number, ERRORS.LIMIT_REACHED.number]);
  });

  it("that asks for a mailbox of others is refused like one that asks for none", async (t) => {
    const { client, mailbox } = await exchangeScene(t);
    const unproven = await client.exchange([subscribeFrame(mailbox, { waitSeconds: 25 })]);
    assert.deepEqual(numbersIn(unproven), [ERRORS.PROOF_REQUIRED.number]);
    const key = newKey();
    const none = { ...mailbox, key, mailbox: key.publicKey };
    assert.deepEqual(numbersIn(await poll(client, none)), [ERRORS.REFUSED.number]);
  });
});
