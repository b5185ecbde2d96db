/** client/net over real sockets to the real relay: what is deposited is delivered, through restarts. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import type { Transport } from "../../../client/net/transport.ts";
import { relayInProcess } from "../../support/relay.ts";
import { linkTo, newMailbox } from "./mailboxes.ts";

/** Writes down the sizes of the messages that go out. */
function counted(transport: Transport, sizes: number[]): Transport {
  return {
    get: transport.get,
    post: transport.post,
    connect: async (url, options) => {
      const socket = await transport.connect(url, options);
      const send = socket.send.bind(socket);
      socket.send = (message) => {
        sizes.push(message.length);
        send(message);
      };
      return socket;
    },
  };
}

describe("the real relay over a WebSocket", () => {
  it("a second run takes one round trip: the key that was kept, and the epoch of now", async (test) => {
    const relay = await relayInProcess(test);
    const kept = new Map<string, Uint8Array>();
    const first = linkTo(test, relay.address, {}, kept);
    const { key } = await newMailbox(first);
    first.close();
    assert.equal(kept.size, 1);
    const messages: number[] = [];
    const counting = counted(nodeTransport(), messages);
    const again = linkTo(test, relay.address, { transport: counting }, kept);
    const body = { type: "mailbox.create", mailbox: key.publicKey, kind: 0 } as const;
    assert.equal((await again.owner.request(body, { proveWith: key })).type, "ok");
    assert.deepEqual(messages, [512], "hello, the proof and the frame in one small message");
  });

  it("shutting down is told as such", async (test) => {
    const relay = await relayInProcess(test);
    const link = linkTo(test, relay.address);
    const mailbox = await newMailbox(link);
    link.owner.subscribe(mailbox.key, { onDeliver: () => {}, onEnded: () => {} });
    const down = new Promise((resolve) => {
      link.onState((state) => {
        if (state.error !== null) resolve(state.error.code);
      });
    });
    await relay.close();
    assert.equal(await down, "CLOSING");
  });
});
