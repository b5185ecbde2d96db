/** What an observer of the wire counts: the same sizes whatever is said, and few bytes on a thrifty connection. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { concat, EMPTY } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import type { BareExchanger, Prepared } from "../support/bare-exchange.ts";
import {
  acknowledgeFrame,
  type BareMailbox,
  depositFrame,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { deliveriesIn, depositOver, exchangeScene } from "../support/exchange-scene.ts";
import type { TestRelay } from "../support/relay.ts";

/** Posts over a connection of its own, and gives every byte that came down it until its end. */
function rawPost({ port }: TestRelay, { message }: Prepared): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let received: Uint8Array = EMPTY;
    socket.on("data", (chunk) => {
      received = concat(received, chunk);
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
    const head = `POST /v1/thrifty HTTP/1.1\r\nhost: relay\r\ncontent-length: ${message.length}\r\n\r\n`;
    socket.write(concat(new TextEncoder().encode(head), message));
  });
}

function bodyOf(answer: Uint8Array): Uint8Array {
  return answer.subarray(Buffer.from(answer).indexOf("\r\n\r\n") + 4);
}

/** Sizes of all bodies of one short message from deposit to acknowledgement, up and down. */
async function sizesOf(
  client: BareExchanger,
  mailbox: BareMailbox,
  text: string,
): Promise<readonly number[]> {
  const envelope = systemRandom(1024);
  envelope.set(new TextEncoder().encode(text));
  const prove = [mailbox.key];
  const subscribe = subscribeFrame(mailbox, { answerBucket: 1536 });
  const acknowledge = acknowledgeFrame(mailbox, [envelopeId(envelope)]);
  const sizes: number[] = [];
  for (const prepared of [
    client.prepare([depositFrame(mailbox, envelope)]),
    client.prepare([acknowledgeFrame(mailbox, []), subscribe], { prove }),
    client.prepare([acknowledge, subscribe], { prove }),
  ]) {
    const { body } = await client.post(prepared.message);
    sizes.push(prepared.message.length, body.length);
  }
  return sizes;
}

describe("sizes of exchanges", () => {
  it("100 different short texts give one and the same sizes of bodies", async (t) => {
    const { client, mailbox } = await exchangeScene(t, { EXCHANGES_PER_SECOND: 10_000 });
    for (let i = 0; i < 100; i++) {
      const sizes = await sizesOf(client, mailbox, "x".repeat(i * 7));
      assert.deepEqual(sizes, [1536, 512, 512, 1536, 512, 1536]);
    }
  });

  it("a thrifty connection carries at most 5 KiB down with its head, and is closed", async (t) => {
    const { relay, client, mailbox } = await exchangeScene(t);
    const [envelope = EMPTY] = await depositOver(client, mailbox, [16_384]);
    let held: Uint8Array = EMPTY;
    const connections: number[] = [];
    while (held.length < envelope.length) {
      const resume = {
        envelopeId: held.length > 0 ? envelopeId(envelope) : EMPTY,
        offset: held.length,
      };
      const subscribe = subscribeFrame(mailbox, { answerBucket: 16_896, resume });
      const prepared = client.prepare([subscribe], { prove: [mailbox.key] });
      const received = await rawPost(relay, prepared);
      connections.push(received.length);
      const opened = prepared.channel.openAnswer(bodyOf(received), 4608);
      assert.ok(opened.kind === "frames");
      held = concat(held, deliveriesIn(opened.frames)[0]?.bytes ?? EMPTY);
    }
    assert.deepEqual(held, envelope);
    assert.equal(connections.length, 4);
    for (const bytes of connections) assert.ok(bytes <= 4608 + 160, `${bytes} bytes down`);
  });
});
