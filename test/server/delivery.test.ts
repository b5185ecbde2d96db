/** Delivery over a real WebSocket: order, window, redelivery, slices, takeover, slow consumers. */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { SettingValues } from "../../server/config-table.ts";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { envelopeId } from "../../shared/wire/ids.ts";
import { BareClient } from "../support/bare-client.ts";
import {
  acknowledgeFrame,
  type BareMailbox,
  depositFrame,
  newMailbox,
  register,
  subscribeFrame,
} from "../support/bare-mailbox.ts";
import { logged, relayInProcess, type TestRelay } from "../support/relay.ts";

interface Scene {
  readonly relay: TestRelay;
  readonly owner: BareClient;
  readonly sender: BareClient;
  readonly mailbox: BareMailbox;
}

async function scene(t: TestContext, config: Partial<SettingValues> = {}): Promise<Scene> {
  const relay = await relayInProcess(t, { BYTES_PER_SECOND: 2 ** 30, ...config });
  const owner = await BareClient.connect(relay.address);
  const sender = await BareClient.connect(relay.address);
  return { relay, owner, sender, mailbox: await register(owner, newMailbox()) };
}

async function depositAll(
  sender: BareClient,
  mailbox: BareMailbox,
  count: number,
  size = 1024,
): Promise<readonly Uint8Array[]> {
  const envelopes = Array.from({ length: count }, () => systemRandom(size));
  await Promise.all(
    sender.requestAll(envelopes.map((envelope) => depositFrame(mailbox, envelope))),
  );
  return envelopes;
}

/** Everything sent before it has arrived when this resolves. */
async function settled(client: BareClient): Promise<void> {
  await client.request({ type: "hello", version: 1 });
}

const deliveriesOf = (client: BareClient) =>
  client.pushed.filter(({ type }) => type === "deliver").length;

describe("delivery", () => {
  it("hands out what waits, then what comes, oldest first, with the grant's tag and the hour", async (t) => {
    const { owner, sender, mailbox } = await scene(t);
    const before = await depositAll(sender, mailbox, 20);
    await owner.request(subscribeFrame(mailbox));
    const first = await owner.delivered(20);
    const after = await depositAll(sender, mailbox, 5);
    const second = await owner.delivered(5);
    const all = [...first, ...second];
    assert.deepEqual(
      all.map(({ bytes }) => bytes),
      [...before, ...after],
    );
    for (const { tag, envelopeId: id, bytes, offset, total, hour } of all) {
      assert.deepEqual(tag, mailbox.tag);
      assert.deepEqual(id, envelopeId(bytes));
      assert.deepEqual([offset, total], [0, 1024]);
      assert.ok(Math.abs(hour - Date.now() / 3_600_000) <= 1);
    }
    assert.deepEqual(
      owner.pushed.map(({ type }) => type),
      ["empty"],
    );
  });

  it("stops at the credit and at the window, and goes on as it is acknowledged", async (t) => {
    const { owner, sender, mailbox } = await scene(t, { WINDOW: 4 });
    const envelopes = await depositAll(sender, mailbox, 10);
    await owner.request(subscribeFrame(mailbox, { credit: 2 }));
    await owner.delivered(2);
    await settled(owner);
    assert.equal(deliveriesOf(owner), 0);
    await owner.request(acknowledgeFrame(mailbox, [], 1000));
    await owner.delivered(2);
    await settled(owner);
    assert.equal(deliveriesOf(owner), 0);
    await owner.request(acknowledgeFrame(mailbox, envelopes.slice(0, 3).map(envelopeId), 0));
    await owner.delivered(2);
    await settled(owner);
    assert.equal(deliveriesOf(owner), 0);
  });

  it("hands out again, oldest first, what was not acknowledged", async (t) => {
    const { relay, owner, sender, mailbox } = await scene(t);
    const envelopes = await depositAll(sender, mailbox, 5);
    await owner.request(subscribeFrame(mailbox));
    await owner.delivered(5);
    await owner.request(acknowledgeFrame(mailbox, envelopes.slice(1, 3).map(envelopeId)));
    await owner.close();
    const again = await BareClient.connect(relay.address);
    await again.prove(mailbox.key);
    await again.request(subscribeFrame(mailbox));
    const found = (await again.delivered(3)).map(({ bytes }) => bytes);
    assert.deepEqual(found, [envelopes[0], envelopes[3], envelopes[4]]);
    await again.request(acknowledgeFrame(mailbox, [systemRandom(24)]));
  });

  it("cuts envelopes into slices that fit the answer bucket, and resumes in the middle", async (t) => {
    const { relay, owner, sender, mailbox } = await scene(t);
    const [large, small] = [
      (await depositAll(sender, mailbox, 1, 16_384))[0],
      (await depositAll(sender, mailbox, 1, 1024))[0],
    ];
    assert.ok(large !== undefined && small !== undefined);
    let largest = 0;
    owner.socket.on("message", (data: Buffer) => {
      largest = Math.max(largest, data.length);
    });
    await owner.request(subscribeFrame(mailbox, { answerBucket: 512 }));
    const assemble = async (client: BareClient, from: number): Promise<Buffer> => {
      let held = Buffer.alloc(0);
      for (let total = Number.POSITIVE_INFINITY; from + held.length < total; ) {
        const [slice] = await client.delivered(1);
        assert.ok(slice !== undefined);
        assert.equal(slice.offset, from + held.length);
        held = Buffer.concat([held, slice.bytes]);
        total = slice.total;
      }
      return held;
    };
    assert.ok((await assemble(owner, 0)).equals(large));
    assert.ok((await assemble(owner, 0)).equals(small));
    assert.equal(largest, 512);
    const again = await BareClient.connect(relay.address);
    await again.prove(mailbox.key);
    const resume = { envelopeId: envelopeId(large), offset: 10_000 };
    await again.request(subscribeFrame(mailbox, { answerBucket: 1536, resume }));
    assert.ok((await assemble(again, 10_000)).equals(large.subarray(10_000)));
    assert.ok((await assemble(again, 0)).equals(small));
  });

  it("a newer subscription takes over; the older is told and gets nothing more", async (t) => {
    const { relay, owner, sender, mailbox } = await scene(t);
    await owner.request(subscribeFrame(mailbox));
    const newer = await BareClient.connect(relay.address);
    await newer.prove(mailbox.key);
    await newer.request(subscribeFrame(mailbox));
    while (!owner.pushed.some(({ type }) => type === "taken-over")) await owner.nextPush();
    await depositAll(sender, mailbox, 3);
    assert.equal((await newer.delivered(3)).length, 3);
    await settled(owner);
    assert.equal(deliveriesOf(owner), 0);
    await newer.request(subscribeFrame(mailbox));
    assert.equal((await newer.delivered(3)).length, 3);
    assert.equal(newer.pushed.filter(({ type }) => type === "taken-over").length, 1);
  });

  it("one connection reads many mailboxes, each with its own credit", async (t) => {
    const { owner, sender } = await scene(t);
    const mailboxes = await Promise.all(
      Array.from({ length: 8 }, () => register(owner, newMailbox())),
    );
    for (const mailbox of mailboxes) {
      await owner.request(subscribeFrame(mailbox, { credit: 1 }));
      await depositAll(sender, mailbox, 2);
    }
    assert.equal((await owner.delivered(8)).length, 8);
    await settled(owner);
    assert.equal(deliveriesOf(owner), 0);
  });

  it("a consumer that does not read is cut, and what waits stays", async (t) => {
    let nowMs = 0;
    const relay = await relayInProcess(
      t,
      {
        SEND_BUFFER: 32_768,
        SLOW_SECONDS: 5,
        BYTES_PER_SECOND: 2 ** 30,
        FRAMES_PER_SECOND: 1_000_000,
        WINDOW: 1024,
      },
      { timer: () => nowMs },
    );
    const owner = await BareClient.connect(relay.address);
    const sender = await BareClient.connect(relay.address);
    const mailbox = await register(owner, newMailbox());
    await owner.request(subscribeFrame(mailbox, { credit: 1024 }));
    owner.socket.pause();
    const count = 900;
    for (let i = 0; i < count; i += 100) await depositAll(sender, mailbox, 100, 16_384);
    const ticking = setInterval(() => {
      nowMs += 6000;
    }, 500);
    t.after(() => clearInterval(ticking));
    await logged(relay, '"reason":"slow"');
    clearInterval(ticking);
    owner.socket.resume();
    assert.equal(await owner.closed, 1006);
    const again = await BareClient.connect(relay.address);
    await again.prove(mailbox.key);
    await again.request(subscribeFrame(mailbox, { credit: 1024 }));
    assert.equal((await again.delivered(count)).length, count);
  });
});
