/** What the frame table asks of every frame, over a real WebSocket: kind, epoch, proof, bounds. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EMPTY } from "../../shared/crypto/bytes.ts";
import { CLIENT_FRAMES } from "../../shared/wire/frame-table.ts";
import type { ClientFrame } from "../../shared/wire/frames.ts";
import { AnswerError, BareClient, newKey } from "../support/bare-client.ts";
import { SOME_FRAMES } from "../support/bare-frames.ts";
import { createFrame, newMailbox } from "../support/bare-mailbox.ts";
import { relayInProcess } from "../support/relay.ts";

const TYPES = Object.keys(CLIENT_FRAMES) as ClientFrame["type"][];
const ofKind = (kind: string) => TYPES.filter((type) => CLIENT_FRAMES[type].channel === kind);

describe("preconditions of frames", () => {
  it("a channel is of one kind from its first owner or sender frame on; hello is for both", async (t) => {
    const relay = await relayInProcess(t);
    for (const [own, other] of [
      ["owner", "sender"],
      ["sender", "owner"],
    ] as const) {
      const client = await BareClient.connect(relay.address);
      const [first] = ofKind(own);
      assert.ok(first !== undefined);
      await Promise.allSettled(client.requestAll([SOME_FRAMES.hello, SOME_FRAMES[first]]));
      for (const type of ofKind(other)) {
        await assert.rejects(client.request(SOME_FRAMES[type]), { code: "WRONG_CHANNEL" }, type);
      }
      assert.equal((await client.request(SOME_FRAMES.hello)).type, "hello.answer");
      await client.close();
    }
  });

  it("in a message 1 without the epoch, frames that need one are refused with it", async (t) => {
    const relay = await relayInProcess(t);
    for (const epoch of [EMPTY, new Uint8Array(16)]) {
      for (const type of TYPES) {
        const client = await BareClient.connect(relay.address, { epoch });
        const answer = client.request(SOME_FRAMES[type]);
        if (CLIENT_FRAMES[type].needsEpoch) {
          await assert.rejects(answer, (error) => {
            assert.ok(error instanceof AnswerError && error.code === "RETRY", type);
            assert.deepEqual(error.data, client.announcement.epoch);
            return true;
          });
        } else {
          await Promise.allSettled([answer]);
          const codes = answer.then(
            () => "ok",
            (error: AnswerError) => error.code,
          );
          assert.notEqual(await codes, "RETRY");
        }
        await client.close();
      }
    }
  });

  it("after message 2 no epoch is needed", async (t) => {
    const relay = await relayInProcess(t);
    const client = await BareClient.connect(relay.address, { epoch: EMPTY });
    await client.request(SOME_FRAMES.hello);
    const mailbox = newMailbox();
    await client.prove(mailbox.key);
    assert.equal((await client.request(createFrame(mailbox))).type, "ok");
    await client.close();
  });

  it("every frame with a key needs that key proven in this very channel", async (t) => {
    const relay = await relayInProcess(t);
    const mailbox = newMailbox();
    const other = await BareClient.connect(relay.address);
    await other.prove(mailbox.key);
    const client = await BareClient.connect(relay.address);
    for (const type of TYPES.filter((name) => CLIENT_FRAMES[name].channel === "owner")) {
      if (type === "prove") continue;
      await assert.rejects(client.request(SOME_FRAMES[type]), { code: "PROOF_REQUIRED" }, type);
    }
    await assert.rejects(client.request(createFrame(mailbox)), { code: "PROOF_REQUIRED" });
    await other.close();
    await client.close();
  });

  it("a proof made for another channel or by another key does not count", async (t) => {
    const relay = await relayInProcess(t);
    const client = await BareClient.connect(relay.address);
    await client.request(SOME_FRAMES.hello);
    await assert.rejects(client.request(SOME_FRAMES.prove), { code: "BAD_PROOF" });
    const key = newKey();
    const other = await BareClient.connect(relay.address);
    await other.prove(key);
    await assert.rejects(
      client.request({ type: "prove", publicKey: key.publicKey, signature: new Uint8Array(64) }),
      { code: "BAD_PROOF" },
    );
    await other.close();
    await client.close();
  });

  it("a connection proves as many keys as configured, each as often as it likes", async (t) => {
    const relay = await relayInProcess(t, { KEYS_PER_CONNECTION: 2 });
    const client = await BareClient.connect(relay.address);
    const key = newKey();
    await client.prove(key);
    await client.prove(newKey());
    await client.prove(key);
    await assert.rejects(client.prove(newKey()), { code: "LIMIT_REACHED" });
    await client.close();
  });
});
