/** A mailbox at a real relay, as an owner makes it, others write to it and the owner empties it. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { nodeTransport } from "../../../client/net/node/node-transport.ts";
import { type PoolEnvironment, RelayPool } from "../../../client/net/relay-pool.ts";
import type { Delivery, Relay } from "../../../client/net/requests.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import type { TumarError } from "../../../shared/crypto/errors.ts";
import { type SigningKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import { parseRelayAddress } from "../../../shared/e2ee/relay-address.ts";
import { depositHash, envelopeId } from "../../../shared/wire/ids.ts";
import { verifyReceipt } from "../../../shared/wire/receipt.ts";
import { atEnd } from "../../support/cleanup.ts";
import { newKey } from "./support.ts";

/** A link of its own: its own announcements, its own sockets. */
export function linkTo(
  test: TestContext,
  address: string,
  environment: Partial<PoolEnvironment> = {},
  kept: Map<string, Uint8Array> = new Map(),
): Relay {
  const pool = new RelayPool(
    { transport: nodeTransport(), ...environment },
    {
      announcementOf: (name) => kept.get(name),
      keepAnnouncement: (name, announcement) => kept.set(name, announcement),
    },
  );
  atEnd(test, () => pool.close());
  return pool.relay(parseRelayAddress(address));
}

export interface Mailbox {
  readonly key: SigningKeyPair;
  readonly depositId: Uint8Array;
}

export async function newMailbox(link: Relay): Promise<Mailbox> {
  const key = newKey();
  const depositId = systemRandom(24);
  const mailbox = key.publicKey;
  await Promise.all([
    link.owner.request({ type: "mailbox.create", mailbox, kind: 0 }, { proveWith: key }),
    link.owner.request(
      {
        type: "mailbox.grant",
        mailbox,
        depositHash: depositHash(depositId),
        tag: systemRandom(16),
        perDay: 0,
        card: false,
        mayBeUrgent: false,
      },
      { proveWith: key },
    ),
  ]);
  return { key, depositId };
}

/** Deposits, again after each broken connection, as the outbox does. */
export async function deposit(
  link: Relay,
  { depositId }: Mailbox,
  envelope: Uint8Array,
): Promise<void> {
  const hour = link.facts()?.hello.hour ?? Math.floor(Date.now() / 3_600_000);
  const body = {
    type: "deposit",
    depositId,
    urgent: false,
    expiryDay: Math.floor(hour / 24) + 20,
    puzzleNonce: new Uint8Array(0),
    envelope,
  } as const;
  for (;;) {
    try {
      const receipt = await link.sender.request(body);
      const identity = link.facts()?.identity;
      assert.ok(identity);
      const stored = {
        envelopeId: envelopeId(envelope),
        size: envelope.length,
        hour: receipt.hour,
      };
      verifyReceipt(receipt, stored, identity);
      return;
    } catch (error) {
      assert.equal((error as TumarError).code, "RELAY_UNREACHABLE");
    }
  }
}

/** Acknowledges whatever comes; resolves when `count` different envelopes have come. */
export function receive(
  link: Relay,
  { key }: Mailbox,
  count: number,
): Promise<Map<string, Delivery>> {
  const received = new Map<string, Delivery>();
  return new Promise((resolve, reject) => {
    const subscription = link.owner.subscribe(key, {
      onDeliver: (delivery) => {
        received.set(toHex(delivery.envelopeId), delivery);
        subscription.acknowledge([delivery.envelopeId]).catch(() => {});
        if (received.size === count) resolve(received);
      },
      onEnded: reject,
    });
  });
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
        one.owner.subscribe(mailbox.key, { onDeliver: () => {}, onEnded, onSubscribed });
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
