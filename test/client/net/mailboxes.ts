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
