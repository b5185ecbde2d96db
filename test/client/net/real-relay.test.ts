/** client/net over real sockets to the real relay: what is deposited is delivered, through restarts. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TRANSPORT_KINDS } from "../../../client/net/connection.ts";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import type { Transport } from "../../../client/net/transport.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import type { TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { envelopeId } from "../../../shared/wire/ids.ts";
import { relayInProcess, relayProcess, temporaryDirectory } from "../../support/relay.ts";
import { deposit, linkTo, newMailbox, receive } from "./mailboxes.ts";
import { newKey } from "./support.ts";

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

for (const transportKind of TRANSPORT_KINDS) {
  describe(`the real relay over ${transportKind}`, () => {
    const over = { transportKind };
    // Exchanges side by side may pass each other.
    const inOrder = (ids: string[]) => (transportKind === "websocket" ? ids : ids.sort());

    it("delivers what was deposited: 150 at once, of every size, from another address", async (test) => {
      const relay = await relayInProcess(test);
      const elsewhere = { ...over, transport: nodeTransport({ localAddress: "127.0.0.77" }) };
      const alice = linkTo(test, relay.address, over);
      const bob = linkTo(test, relay.address, elsewhere);
      const mailbox = await newMailbox(bob);
      const sizes = [1024, 4096, 16_384];
      const envelopes = Array.from({ length: 150 }, (_, i) => systemRandom(sizes[i % 3] ?? 1024));
      const received = receive(bob, mailbox, envelopes.length);
      await Promise.all(envelopes.map((envelope) => deposit(alice, mailbox, envelope)));
      assert.deepEqual(
        inOrder([...(await received).keys()]),
        inOrder(envelopes.map((envelope) => toHex(envelopeId(envelope)))),
      );
      assert.equal(alice.state().isUp && bob.state().isUp, true);
    });

    it("refuses with its own codes; the connection goes on", async (test) => {
      const relay = await relayInProcess(test);
      const link = linkTo(test, relay.address, over);
      const nothing = { type: "record.get", recordId: systemRandom(24), offset: 0 } as const;
      await assert.rejects(link.sender.request(nothing), { code: "REFUSED" });
      await assert.rejects(link.sender.request(nothing), { code: "REFUSED" });
      const ended = receive(link, { key: newKey(), depositId: systemRandom(24) }, 1);
      await assert.rejects(ended, { code: "REFUSED" });
    });

    it("tells one of two subscribers that it was taken over", async (test) => {
      const relay = await relayInProcess(test);
      const [one, two] = [linkTo(test, relay.address, over), linkTo(test, relay.address, over)];
      const mailbox = await newMailbox(one);
      const first = receive(one, mailbox, 1);
      first.catch(() => {});
      await deposit(two, mailbox, systemRandom(1024));
      await first;
      // Over exchanges the mailbox is whose who asked last, and each asks again and again.
      const ended = new Promise((onEnded) => {
        const onSubscribed = () => {
          two.owner.subscribe(mailbox.key, { onDeliver: () => {}, onEnded });
        };
        const options = { onDeliver: keep, onEnded, onSubscribed };
        const again = one.owner.subscribe(mailbox.key, options);
        function keep({ envelopeId: id }: { readonly envelopeId: Uint8Array }): void {
          again.acknowledge([id]).catch(() => {});
        }
      });
      assert.equal(((await ended) as TumarError).code, "TAKEN_OVER");
    });

    it("killed and started again, loses nothing and is found again", async (test) => {
      const directory = await temporaryDirectory(test);
      let relay = await relayProcess(test, { directory });
      const { port } = relay;
      const [alice, bob] = [linkTo(test, relay.address, over), linkTo(test, relay.address, over)];
      const mailbox = await newMailbox(bob);
      const envelopes = Array.from({ length: 60 }, () => systemRandom(1024));
      const received = receive(bob, mailbox, envelopes.length);
      for (const [i, envelope] of envelopes.entries()) {
        const stored = deposit(alice, mailbox, envelope);
        if (i % 20 === 10) {
          await relay.end("SIGKILL");
          relay = await relayProcess(test, { directory, port });
        }
        await stored;
      }
      assert.deepEqual(
        [...(await received).keys()],
        envelopes.map((envelope) => toHex(envelopeId(envelope))),
      );
    });

    it("an address with another key hash is refused before anything is sent", async (test) => {
      const relay = await relayInProcess(test);
      const other = await relayInProcess(test);
      const wrong = `${relay.address.split("#")[0]}#${other.address.split("#")[1]}`;
      const nothing = { type: "record.get", recordId: systemRandom(24), offset: 0 } as const;
      await assert.rejects(linkTo(test, wrong, over).sender.request(nothing), {
        code: "RELAY_MISMATCH",
      });
    });
  });
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
