/** The main path over a real WebSocket: mailbox, grant, deposit, delivery, acknowledgement. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemRandom } from "../../shared/crypto/sodium.ts";
import { depositHash, envelopeId } from "../../shared/wire/ids.ts";
import { verifyReceipt } from "../../shared/wire/receipt.ts";
import { BareClient, newKey } from "../support/bare-client.ts";
import { relayInProcess } from "../support/relay.ts";

describe("relay", () => {
  it("stores and forwards: hello, mailbox, grant, deposit, deliver, acknowledge", async (t) => {
    const relay = await relayInProcess(t);
    const owner = await BareClient.connect(relay.address);
    const key = newKey();
    const depositId = systemRandom(24);
    const [proven] = [owner.prove(key)];
    await proven;
    await owner.request({ type: "mailbox.create", mailbox: key.publicKey, kind: 0 });
    await owner.request({
      type: "mailbox.grant",
      mailbox: key.publicKey,
      depositHash: depositHash(depositId),
      tag: new Uint8Array(16).fill(7),
      perDay: 0,
      card: false,
      mayBeUrgent: false,
    });
    const subscribed = await owner.request({
      type: "subscribe",
      mailbox: key.publicKey,
      credit: 8,
      answerBucket: 0,
      waitSeconds: 0,
      resumeEnvelopeId: new Uint8Array(0),
      resumeOffset: 0,
    });
    assert.equal(subscribed.type, "ok");
    const sender = await BareClient.connect(relay.address);
    const envelope = systemRandom(1024);
    const hello = await sender.request({ type: "hello", version: 1 });
    assert.ok(hello.type === "hello.answer");
    const receipt = await sender.request({
      type: "deposit",
      depositId,
      urgent: false,
      expiryDay: Math.floor(hello.hour / 24) + 10,
      puzzleNonce: new Uint8Array(0),
      envelope,
    });
    assert.ok(receipt.type === "receipt");
    const stored = { envelopeId: envelopeId(envelope), size: 1024, hour: receipt.hour };
    verifyReceipt(receipt, stored, sender.announcement.identity);
    const [delivered] = await owner.delivered(1);
    assert.deepEqual(delivered?.bytes, envelope);
    const acknowledged = await owner.request({
      type: "acknowledge",
      mailbox: key.publicKey,
      envelopeIds: [stored.envelopeId],
      credit: 1,
    });
    assert.equal(acknowledged.type, "ok");
    await owner.close();
    await sender.close();
  });
});
