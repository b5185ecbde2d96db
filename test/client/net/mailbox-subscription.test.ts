/** Subscriptions: slices, credit, acknowledgements, and what survives a broken connection. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Delivery } from "../../../client/net/requests.ts";
import type { TumarError } from "../../../shared/crypto/errors.ts";
import { type SigningKeyPair, systemRandom } from "../../../shared/crypto/sodium.ts";
import { errorFrame } from "../../../shared/wire/frame-codec.ts";
import type { Acknowledge, Deliver, Subscribe } from "../../../shared/wire/frames.ts";
import { envelopeId } from "../../../shared/wire/ids.ts";
import { settled } from "./fake-clock.ts";
import type { FakeRelay } from "./fake-relay.ts";
import { newKey, type Setup, setUp } from "./support.ts";

interface Subscribed extends Setup {
  readonly mailbox: SigningKeyPair;
  readonly subscription: ReturnType<Setup["link"]["owner"]["subscribe"]>;
  readonly delivered: Delivery[];
  readonly corrupt: Uint8Array[];
  readonly ended: TumarError[];
  counts: { subscribed: number; drained: number };
}

async function subscribe(credit = 8): Promise<Subscribed> {
  const setup = setUp();
  const mailbox = newKey();
  const delivered: Delivery[] = [];
  const corrupt: Uint8Array[] = [];
  const ended: TumarError[] = [];
  const counts = { subscribed: 0, drained: 0 };
  const subscription = setup.link.owner.subscribe(mailbox, {
    credit,
    onDeliver: (delivery) => delivered.push(delivery),
    onSubscribed: () => counts.subscribed++,
    onDrained: () => counts.drained++,
    onEnded: (error) => ended.push(error),
    onCorrupt: (id) => corrupt.push(id),
  });
  await settled();
  return { ...setup, mailbox, subscription, delivered, corrupt, ended, counts };
}

function framesOf<Type extends string>(relay: FakeRelay, type: Type) {
  return relay.connections.flatMap(({ frames }) => frames.filter((frame) => frame.type === type));
}

const subscribes = (relay: FakeRelay) => framesOf(relay, "subscribe") as Subscribe[];
const acknowledges = (relay: FakeRelay) => framesOf(relay, "acknowledge") as Acknowledge[];

/** The slices of an envelope, cut at these places, for the newest subscription. */
function slices(relay: FakeRelay, envelope: Uint8Array, cuts: readonly number[] = []): Deliver[] {
  const requestId = subscribes(relay).at(-1)?.requestId ?? 0;
  const common = {
    type: "deliver",
    requestId,
    tag: new Uint8Array(16).fill(9),
    hour: 495_000,
    envelopeId: envelopeId(envelope),
    total: envelope.length,
  } as const;
  const places = [0, ...cuts, envelope.length];
  return places.slice(0, -1).map((offset, i) => {
    return { ...common, offset, bytes: envelope.subarray(offset, places[i + 1]) };
  });
}

describe("delivery", () => {
  it("puts envelopes together from any slices (property)", async () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 4095 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(cuts, { minLength: 1, maxLength: 4 }), async (all) => {
        const { relay, link, delivered } = await subscribe();
        const envelopes = all.map(() => systemRandom(4096));
        for (const [i, places] of all.entries()) {
          const envelope = envelopes[i] ?? new Uint8Array();
          relay.last.send(
            slices(
              relay,
              envelope,
              [...places].sort((a, b) => a - b),
            ),
          );
        }
        await settled();
        assert.deepEqual(
          delivered.map(({ envelope }) => envelope),
          envelopes,
        );
        assert.deepEqual(
          delivered.map((delivery) => delivery.envelopeId),
          envelopes.map(envelopeId),
        );
        link.close();
      }),
      { numRuns: 30 },
    );
  });

  it("an envelope that is not that of its id is not delivered; the rest is", async () => {
    const { relay, link, delivered, corrupt } = await subscribe();
    const envelope = systemRandom(1024);
    const [slice] = slices(relay, envelope);
    assert.ok(slice);
    relay.last.send([
      { ...slice, bytes: systemRandom(1024) },
      ...slices(relay, systemRandom(1024)),
    ]);
    await settled();
    assert.deepEqual(corrupt, [envelopeId(envelope)]);
    assert.equal(delivered.length, 1);
    assert.equal(relay.openSockets, 1);
    link.close();
  });

  it("an envelope that is damaged twice is acknowledged, and holds nothing up", async () => {
    const { relay, link, clock, corrupt } = await subscribe();
    const [slice] = slices(relay, systemRandom(1024));
    assert.ok(slice);
    const damaged = { ...slice, bytes: systemRandom(1024) };
    relay.last.send([damaged]);
    await settled();
    assert.equal(acknowledges(relay).length, 0);
    relay.last.cut();
    await clock.advance(250);
    relay.last.send([{ ...damaged, requestId: subscribes(relay).at(-1)?.requestId ?? 0 }]);
    await settled();
    assert.equal(corrupt.length, 2);
    assert.deepEqual(
      acknowledges(relay).map(({ envelopeIds }) => envelopeIds),
      [[slice.envelopeId]],
    );
    link.close();
  });

  it("slices out of order, of another length or beyond the end: RELAY_FAULT", async () => {
    const envelope = systemRandom(4096);
    const bad: ((all: Deliver[]) => (Deliver | undefined)[])[] = [
      ([, second]) => [second],
      ([first, , third]) => [first, third],
      ([first, second]) => [first, second && { ...second, total: 1024 }],
      ([first, second]) => [first, second && { ...second, tag: new Uint8Array(16) }],
      ([first, second]) => [first, second && { ...second, bytes: systemRandom(4096) }],
    ];
    for (const pick of bad) {
      const { relay, link, delivered } = await subscribe();
      const picked = pick(slices(relay, envelope, [1000, 2000])).filter(
        (slice) => slice !== undefined,
      );
      relay.last.send(picked);
      await settled();
      assert.equal(link.state().error?.code, "RELAY_FAULT");
      assert.equal(delivered.length, 0);
      link.close();
    }
  });
});

describe("what waited at the beginning", () => {
  it("is told to have been handed out, on each connection; the subscription goes on", async () => {
    const { relay, link, clock, counts, delivered } = await subscribe();
    await settled();
    assert.deepEqual(counts, { subscribed: 1, drained: 1 });
    relay.last.send(slices(relay, systemRandom(1024)));
    await settled();
    relay.last.cut();
    await clock.advance(250);
    assert.deepEqual(counts, { subscribed: 2, drained: 2 });
    relay.last.send(slices(relay, systemRandom(1024)));
    await settled();
    assert.equal(delivered.length, 2);
    link.close();
  });
});

describe("credit", () => {
  it("is given back with each acknowledgement, for what this connection delivered", async () => {
    const { relay, link, subscription, mailbox } = await subscribe(3);
    assert.equal(subscribes(relay)[0]?.credit, 3);
    const envelopes = [systemRandom(1024), systemRandom(1024), systemRandom(1024)];
    relay.last.send(envelopes.flatMap((envelope) => slices(relay, envelope)));
    await settled();
    const ids = envelopes.map(envelopeId);
    const done = [
      subscription.acknowledge(ids.slice(0, 1)),
      subscription.acknowledge([...ids.slice(1, 2), systemRandom(24)]),
    ];
    await Promise.all(done);
    await subscription.acknowledge(ids.slice(1, 3));
    const frames = acknowledges(relay);
    assert.deepEqual(
      frames.map(({ envelopeIds, credit }) => [envelopeIds.length, credit]),
      [
        [3, 2],
        [2, 1],
      ],
    );
    assert.ok(frames.every((frame) => frame.mailbox.join() === mailbox.publicKey.join()));
    link.close();
  });

  it("is asked for again, not lost, when the relay refuses an acknowledgement for now", async () => {
    const { relay, link, clock, subscription } = await subscribe(1);
    const envelope = systemRandom(1024);
    relay.last.send(slices(relay, envelope));
    await settled();
    relay.behaviour = (frame) =>
      frame.type === "acknowledge" ? [errorFrame(frame.requestId, "STORAGE_FULL")] : undefined;
    const acknowledged = subscription.acknowledge([envelopeId(envelope)]);
    await settled();
    relay.behaviour = () => undefined;
    await clock.advance(5000);
    await acknowledged;
    assert.deepEqual(
      acknowledges(relay).map(({ credit }) => credit),
      [1, 1],
    );
    link.close();
  });

  it("an acknowledgement refused for good, or when the link is closed, is told", async () => {
    const { relay, link, clock, subscription } = await subscribe();
    const refuse = (code: "REFUSED" | "INTERNAL") => {
      relay.behaviour = (frame) =>
        frame.type === "acknowledge" ? [errorFrame(frame.requestId, code)] : undefined;
    };
    refuse("REFUSED");
    await assert.rejects(subscription.acknowledge([systemRandom(24)]), { code: "REFUSED" });
    refuse("INTERNAL");
    const waiting = subscription.acknowledge([systemRandom(24)]);
    await settled();
    link.close();
    await assert.rejects(waiting, { code: "LINK_CLOSED" });
    assert.equal(clock.waiting, 0);
  });

  it("more envelopes than it allows: RELAY_FAULT", async () => {
    const { relay, link, delivered } = await subscribe(2);
    const envelopes = Array.from({ length: 3 }, () => systemRandom(1024));
    relay.last.send(envelopes.flatMap((envelope) => slices(relay, envelope)));
    await settled();
    assert.equal(delivered.length, 2);
    assert.equal(link.state().error?.code, "RELAY_FAULT");
    link.close();
  });

  it("many acknowledgements of one turn travel in frames of 64", async () => {
    const { relay, link, subscription } = await subscribe();
    await subscription.acknowledge(Array.from({ length: 150 }, () => systemRandom(24)));
    assert.deepEqual(
      acknowledges(relay).map(({ envelopeIds }) => envelopeIds.length),
      [64, 64, 22],
    );
    link.close();
  });
});

describe("after a broken connection", () => {
  it("the subscription is sent again, and goes on where an envelope was cut", async () => {
    const { relay, link, clock, delivered, counts } = await subscribe();
    const [older, begun] = [systemRandom(1024), systemRandom(4096)];
    relay.last.send([...slices(relay, older), ...slices(relay, begun, [1500]).slice(0, 1)]);
    await settled();
    relay.last.cut();
    await clock.advance(250);
    const again = subscribes(relay)[1];
    assert.deepEqual(again?.resumeEnvelopeId, envelopeId(begun));
    assert.equal(again?.resumeOffset, 1500);
    relay.last.send([...slices(relay, older, [600]), ...slices(relay, begun, [1500]).slice(1)]);
    await settled();
    assert.deepEqual(
      delivered.map(({ envelope }) => envelope),
      [older, older, begun],
    );
    assert.equal(counts.subscribed, 2);
    link.close();
  });

  it("an envelope begun and not continued for 10 s casts doubt on the connection; a whole one does not", async () => {
    const { relay, link, clock } = await subscribe();
    assert.equal(subscribes(relay)[0]?.answerBucket, 4608, "large envelopes come in slices");
    relay.last.send(slices(relay, systemRandom(4096)));
    await clock.advance(12_000);
    assert.equal(relay.connections.length, 1);
    relay.last.send(slices(relay, systemRandom(16_384), [4096, 8192]).slice(0, 2));
    await clock.advance(9_000);
    assert.equal(relay.connections.length, 1);
    await clock.advance(1_500);
    assert.equal(relay.connections.length, 2);
    link.close();
  });

  it("an acknowledgement asked for meanwhile goes before it, and lends no credit twice", async () => {
    const { relay, link, clock, subscription } = await subscribe();
    const envelope = systemRandom(1024);
    relay.last.send(slices(relay, envelope));
    await settled();
    relay.last.cut();
    const acknowledged = subscription.acknowledge([envelopeId(envelope)]);
    await clock.advance(250);
    await acknowledged;
    const types = relay.last.frames.map(({ type }) => type);
    assert.deepEqual(types, ["hello", "prove", "acknowledge", "subscribe"]);
    assert.equal(acknowledges(relay)[0]?.credit, 0);
    link.close();
  });
});

describe("the end of a subscription", () => {
  it("taken over: told once, and not sent again", async () => {
    const { relay, link, clock, ended } = await subscribe();
    const requestId = subscribes(relay)[0]?.requestId ?? 0;
    relay.last.send([{ type: "taken-over", requestId }]);
    await settled();
    assert.deepEqual(
      ended.map(({ code }) => code),
      ["TAKEN_OVER"],
    );
    relay.last.cut();
    await clock.advance(60_000);
    assert.equal(subscribes(relay).length, 1);
    link.close();
  });

  it("refused for good, at once or later: told with the relay's code", async () => {
    const { relay, link, ended } = await subscribe();
    const requestId = subscribes(relay)[0]?.requestId ?? 0;
    relay.last.send([errorFrame(requestId, "REFUSED")]);
    await settled();
    assert.deepEqual(
      ended.map(({ code }) => code),
      ["REFUSED"],
    );
    link.close();
  });

  it("refused for now: sent again after a while", async () => {
    const { relay, link, clock, ended } = await subscribe();
    const requestId = subscribes(relay)[0]?.requestId ?? 0;
    relay.last.send([errorFrame(requestId, "STORAGE_FULL")]);
    await settled();
    await clock.advance(4999);
    assert.equal(subscribes(relay).length, 1);
    await clock.advance(1);
    assert.equal(subscribes(relay).length, 2);
    assert.deepEqual(ended, []);
    link.close();
    assert.equal(clock.waiting, 0);
  });

  it("closed: nothing is told any more, and no connection is made for it", async () => {
    const { relay, link, clock, subscription, delivered, ended } = await subscribe();
    subscription.close();
    subscription.close();
    relay.last.send(slices(relay, systemRandom(1024)));
    relay.last.send([{ type: "taken-over", requestId: subscribes(relay)[0]?.requestId ?? 0 }]);
    await settled();
    relay.last.cut();
    await clock.advance(60_000);
    assert.equal(relay.connections.length, 1);
    assert.equal(delivered.length + ended.length, 0);
    link.close();
  });
});
