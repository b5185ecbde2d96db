/** Exchanges over real HTTP: every answer in one message 2, held subscriptions, slices, limits. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { SettingValues } from "../../server/config-table.ts";
import { concat } from "../../shared/crypto/bytes.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import type { Deliver, RelayFrame } from "../../shared/wire/frames.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { BareExchanger, type ExchangeName } from "../support/bare-exchange.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import {
  acknowledgeFrame,
  type BareMailbox,
  createFrame,
  depositFrame,
  grantFrame,
  newMailbox,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { relayInProcess, type TestRelay } from "../support/relay.ts";

interface Scene {
  readonly relay: TestRelay;
  readonly client: BareExchanger;
  readonly mailbox: BareMailbox;
}

async function scene(t: TestContext, config: Partial<SettingValues> = {}): Promise<Scene> {
  const relay = await relayInProcess(t, config);
  const client = await BareExchanger.open(relay.address);
  const mailbox = newMailbox();
  const made = await client.exchange([createFrame(mailbox), grantFrame(mailbox)], {
    prove: [mailbox.key],
  });
  assert.deepEqual(typesOf(made), ["ok", "ok"]);
  return { relay, client, mailbox };
}

const typesOf = (frames: readonly RelayFrame[]) => frames.map(({ type }) => type);
const isDeliver = (frame: RelayFrame): frame is Deliver => frame.type === "deliver";

async function deposit(
  client: BareExchanger,
  mailbox: BareMailbox,
  sizes: readonly number[],
): Promise<readonly Uint8Array[]> {
  const envelopes = sizes.map((size) => systemRandom(size));
  for (const envelope of envelopes) {
    const answer = await client.exchange([depositFrame(mailbox, envelope)]);
    assert.deepEqual(typesOf(answer), ["receipt"]);
  }
  return envelopes;
}

describe("exchange", () => {
  it("does what a WebSocket does: create, grant, deposit, subscribe, acknowledge", async (t) => {
    const { client, mailbox } = await scene(t);
    const [envelope] = await deposit(client, mailbox, [1024]);
    assert.ok(envelope);
    const first = await client.exchange([subscribeFrame(mailbox)], { prove: [mailbox.key] });
    assert.deepEqual(typesOf(first), ["deliver", "empty"]);
    assert.deepEqual(first.filter(isDeliver)[0]?.bytes, envelope);
    const second = await client.exchange(
      [acknowledgeFrame(mailbox, [envelopeId(envelope)]), subscribeFrame(mailbox)],
      { prove: [mailbox.key] },
    );
    assert.deepEqual(typesOf(second), ["ok", "empty"]);
    assert.deepEqual(typesOf(await client.exchange([SOME_FRAMES.hello])), ["hello.answer"]);
    assert.deepEqual(await client.exchange([]), []);
  });

  for (const [path, posts] of [
    ["exchange", 1],
    ["thrifty", 4],
  ] as const satisfies readonly (readonly [ExchangeName, number])[]) {
    it(`hands out an envelope of 16384 bytes over ${path} in ${posts}`, async (t) => {
      const { client, mailbox } = await scene(t);
      const [envelope] = await deposit(client, mailbox, [16_384]);
      assert.ok(envelope);
      const id = envelopeId(envelope);
      let held: Uint8Array = new Uint8Array(0);
      let count = 0;
      while (held.length < envelope.length) {
        const resume = { envelopeId: id, offset: held.length };
        const subscribe = subscribeFrame(mailbox, held.length > 0 ? { resume } : {});
        const frames = await client.exchange([acknowledgeFrame(mailbox, []), subscribe], {
          prove: [mailbox.key],
          path,
        });
        const [slice] = frames.filter(isDeliver);
        assert.ok(slice);
        assert.equal(slice.offset, held.length);
        held = concat(held, slice.bytes);
        count += 1;
        const isLast: boolean = held.length === envelope.length;
        assert.equal(typesOf(frames).at(-1), isLast ? "empty" : "deliver");
      }
      assert.deepEqual(held, envelope);
      assert.equal(count, posts);
    });
  }
});
