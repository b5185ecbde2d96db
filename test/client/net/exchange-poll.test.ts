/** Subscriptions over exchanges: one question after the other, and nothing lost or told twice. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerCut } from "../../../client/net/transport-faults.ts";
import { toHex } from "../../../shared/crypto/bytes.ts";
import { TumarError } from "../../../shared/crypto/errors.ts";
import { systemRandom } from "../../../shared/crypto/sodium.ts";
import { encodeAnnouncement } from "../../../shared/wire/channel-key.ts";
import { errorFrame } from "../../../shared/wire/frame-codec.ts";
import type { Acknowledge, Subscribe } from "../../../shared/wire/frames.ts";
import { setUpExchange, subscribe } from "./exchange-support.ts";
import { settled } from "./fake-clock.ts";
import { type FakeExchangeRelay, type FakePost, typesOf } from "./fake-exchange-relay.ts";
import { deposit } from "./support.ts";

const known = (relay: FakeExchangeRelay) => encodeAnnouncement(relay.announcement());

function asked(post: FakePost | undefined): Subscribe {
  const frame = post?.frames.find(({ type }) => type === "subscribe");
  assert.ok(frame?.type === "subscribe");
  return frame;
}

/** Wait and answer bucket of each question so far. */
function questions({ posts }: FakeExchangeRelay): (readonly [number, number])[] {
  return posts
    .filter((post) => typesOf(post).includes("subscribe"))
    .map((post) => [asked(post).waitSeconds, asked(post).answerBucket]);
}

const texts = (count: number) => Array.from({ length: count }, () => systemRandom(1024));

describe("a subscription over exchanges", () => {
  it("asks what waits now, then waits; one question at a time, for ever", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    const { counts, ended } = subscribe(link);
    await settled();
    assert.deepEqual(typesOf(relay.posts[0] as FakePost), ["hello", "prove", "subscribe"]);
    assert.deepEqual(counts, { subscribed: 1, drained: 1 });
    for (let round = 0; round < 6; round++) {
      await clock.advance(25_000);
      assert.equal(relay.open.length, 1);
    }
    assert.deepEqual(questions(relay), [[0, 4608], ...Array.from({ length: 7 }, () => [25, 1536])]);
    assert.deepEqual(counts, { subscribed: 1, drained: 1 });
    assert.deepEqual(ended, []);
    assert.equal(link.state().isUp, true);
    link.close();
    assert.equal(relay.open.length, 0);
    assert.equal(clock.waiting, 0);
  });

  for (const kind of ["exchange", "thrifty"] as const) {
    it(`over ${kind} takes in what waited, each once, acknowledged in front of the next question`, async () => {
      const { relay, link } = setUpExchange({ kind, announcement: known });
      const envelopes = [1024, 16_384, 4096, 1024, 16_384].map((bytes) => systemRandom(bytes));
      relay.arrive(...envelopes);
      const { delivered, counts } = subscribe(link);
      for (let i = 0; i < 40; i++) await settled();
      assert.deepEqual(
        delivered.map(({ envelope }) => toHex(envelope)),
        envelopes.map(toHex),
      );
      assert.deepEqual(counts, { subscribed: 1, drained: 1 });
      assert.equal(relay.waiting.length, 0);
      const most = kind === "thrifty" ? 4608 : 50_688;
      assert.ok(relay.posts.every(({ answer }) => (answer?.length ?? 0) <= most));
      for (const post of relay.posts) {
        assert.deepEqual([...typesOf(post)].at(-1), "subscribe");
        assert.equal(typesOf(post).filter((type) => type === "subscribe").length, 1);
      }
      link.close();
    });
  }

  it("asks for the longest answers while much waits, on a line that is quick enough", async () => {
    for (const [ms, longest] of [
      [600, 50_688],
      [2_500, 16_896],
    ] as const) {
      const { relay, link, clock } = setUpExchange({ announcement: known });
      relay.network = (answer) =>
        new Promise((resolve) => {
          clock.after(ms, () => resolve(answer));
        });
      relay.arrive(...texts(60));
      const { delivered } = subscribe(link);
      for (let i = 0; i < 40 && delivered.length < 60; i++) {
        await settled();
        await clock.advance(ms);
      }
      assert.equal(delivered.length, 60);
      const buckets = questions(relay).map(([, bucket]) => bucket);
      assert.deepEqual(buckets.slice(0, 3), [4608, longest, longest]);
      link.close();
    }
  });

  it("is told at once of what comes while the relay holds the question", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    const { delivered, counts } = subscribe(link);
    await settled();
    await clock.advance(9_000);
    relay.arrive(...texts(1));
    await settled();
    assert.equal(delivered.length, 1);
    await settled();
    assert.deepEqual(typesOf(relay.open[0] as FakePost), ["prove", "acknowledge", "subscribe"]);
    assert.equal(relay.waiting.length, 0);
    assert.deepEqual(counts, { subscribed: 1, drained: 1 });
    link.close();
  });

  it("does not ask again before what came is acknowledged, or 3 s have passed", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    relay.arrive(...texts(2));
    const { delivered, ended } = subscribe(link, false);
    await settled();
    assert.equal(delivered.length, 2);
    await clock.advance(2_999);
    assert.equal(relay.posts.length, 1);
    await clock.advance(1);
    assert.equal(relay.posts.length, 2);
    assert.deepEqual(ended, []);
    link.close();
  });

  it("what is not acknowledged comes again, less and less often", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    relay.arrive(...texts(1));
    const { delivered, subscription } = subscribe(link, false);
    await settled();
    await clock.advance(120_000);
    assert.equal(delivered.length, 7, "after 3, 6, 12, 24, 30, 30 s");
    const [first] = delivered;
    assert.ok(first);
    const acknowledged = subscription.acknowledge([first.envelopeId]);
    await settled();
    assert.equal(relay.waiting.length, 0);
    assert.deepEqual(asked(relay.open[0]).waitSeconds, 25);
    await clock.advance(25_000);
    await acknowledged;
    link.close();
  });

  it("an acknowledgement while the question is held goes by itself", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    const { subscription } = subscribe(link);
    await settled();
    await subscription.acknowledge([systemRandom(24)]);
    const types = relay.posts.map(typesOf);
    assert.deepEqual(types.at(-1), ["prove", "acknowledge"]);
    assert.equal(relay.open.length, 1);
    link.close();
  });

  it("requests pass beside it", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    const { mailbox } = subscribe(link);
    await settled();
    await link.owner.request(
      { type: "mailbox.delete", mailbox: mailbox.publicKey },
      { proveWith: mailbox },
    );
    await link.sender.request(deposit());
    assert.equal(relay.open.length, 1);
    link.close();
  });
});

describe("a subscription over exchanges that break", () => {
  it("a held question that is cut is asked anew at once, and held for a shorter time", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    const { ended, delivered } = subscribe(link);
    await settled();
    relay.network = async () => {
      throw answerCut("a proxy closed it");
    };
    await clock.advance(25_000 - 1);
    relay.network = async (answer, post) => {
      if (asked(post).waitSeconds === 25) throw answerCut("a proxy closed it");
      return answer;
    };
    await clock.advance(1);
    assert.deepEqual(questions(relay).slice(1), [
      [25, 1536],
      [0, 4608],
      [12, 1536],
    ]);
    assert.equal(link.state().isUp, true);
    relay.arrive(...texts(1));
    await settled();
    assert.equal(delivered.length, 1);
    assert.deepEqual(ended, []);
    link.close();
  });

  it("an answer that is lost on the way comes again, and its acknowledgements go again", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known, backoff: { baseMs: 10 } });
    relay.arrive(...texts(20));
    let lost = 0;
    relay.network = async (answer) => {
      if (++lost % 2 === 0) throw answerCut("the answer broke off");
      return answer;
    };
    const { delivered } = subscribe(link);
    await clock.advance(60_000);
    assert.equal(new Set(delivered.map(({ envelopeId }) => toHex(envelopeId))).size, 20);
    assert.equal(relay.waiting.length, 0);
    link.close();
    assert.equal(clock.waiting, 0);
  });

  it("silent for 10 s more than its wait and its bytes take: asked anew, then given up: under 90 s", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    subscribe(link);
    await settled();
    relay.network = () => new Promise(() => {});
    let downAtMs: number | undefined;
    link.onState(({ isUp }) => {
      if (!isUp) downAtMs ??= clock.now();
    });
    await clock.advance(90_000);
    assert.ok((downAtMs ?? Number.POSITIVE_INFINITY) < 90_000, String(downAtMs));
    link.close();
  });

  it("where whatever waits is cut at once, it asks now and then, and not as fast as the line allows", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    const { delivered } = subscribe(link);
    relay.behaviour = (frame) =>
      frame.type === "subscribe" && frame.waitSeconds > 0
        ? [{ type: "empty", requestId: frame.requestId }]
        : undefined;
    relay.network = async (answer, post) => {
      if (typesOf(post).includes("subscribe") && asked(post).waitSeconds > 0) {
        await new Promise<void>((resolve) => clock.after(50, resolve));
        throw answerCut("the answer broke off");
      }
      return answer;
    };
    await clock.advance(60_000);
    const { length } = relay.posts;
    assert.ok(length >= 20 && length <= 40, String(length));
    relay.arrive(...texts(1));
    await clock.advance(6_000);
    assert.equal(delivered.length, 1);
    assert.equal(link.state().error, null);
    link.close();
    assert.equal(clock.waiting, 0);
  });

  it("kicked, it stops waiting and asks what is there", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    subscribe(link);
    await settled();
    const [held] = relay.open;
    link.kick();
    await settled();
    assert.equal(held?.signal.aborted, true);
    assert.deepEqual(
      questions(relay).map(([wait]) => wait),
      [0, 25, 0, 25],
    );
    link.close();
  });
});

describe("the end of a subscription over exchanges", () => {
  it("taken over: told once, and not asked again", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    const { ended } = subscribe(link);
    await settled();
    relay.behaviour = (frame) =>
      frame.type === "subscribe" ? [{ type: "taken-over", requestId: frame.requestId }] : undefined;
    await clock.advance(200_000);
    assert.deepEqual(
      ended.map(({ code }) => code),
      ["TAKEN_OVER"],
    );
    assert.equal(questions(relay).length, 3);
    link.close();
    assert.equal(clock.waiting, 0);
  });

  it("taken over by an echo of its own question, it asks again; once", async () => {
    const { relay, link } = setUpExchange({ announcement: known });
    const { ended } = subscribe(link);
    await settled();
    let times = 1;
    relay.behaviour = (frame) =>
      frame.type === "subscribe" && times-- > 0
        ? [{ type: "taken-over", requestId: frame.requestId }]
        : undefined;
    link.kick();
    await settled();
    assert.deepEqual(ended, []);
    assert.equal(relay.open.length, 1);
    times = 2;
    link.kick();
    await settled();
    assert.equal(ended.length, 1);
    link.close();
  });

  it("refused: for good it is told, for now it is asked again in a while", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    relay.behaviour = (frame) =>
      frame.type === "subscribe" ? [errorFrame(frame.requestId, "STORAGE_FULL")] : undefined;
    const { ended, counts } = subscribe(link);
    await settled();
    await clock.advance(4_999);
    assert.equal(questions(relay).length, 1);
    relay.behaviour = () => undefined;
    await clock.advance(1);
    assert.equal(counts.drained, 1);
    relay.behaviour = (frame) =>
      frame.type === "subscribe" ? [errorFrame(frame.requestId, "REFUSED")] : undefined;
    await clock.advance(25_000);
    assert.deepEqual(
      ended.map(({ code }) => code),
      ["REFUSED"],
    );
    link.close();
  });

  it("closed: the question is given up, what is to be acknowledged still is", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    relay.arrive(...texts(2));
    const { subscription, delivered, ended } = subscribe(link, false);
    await settled();
    const ids = delivered.map(({ envelopeId }) => envelopeId);
    const acknowledged = subscription.acknowledge(ids.slice(0, 1));
    subscription.close();
    await acknowledged;
    assert.equal(relay.waiting.length, 1);
    await clock.advance(100_000);
    assert.equal(relay.open.length, 0);
    assert.equal(questions(relay).length, 1);
    assert.deepEqual(ended, []);
    link.close();
  });

  it("a page answers a held question: named, and nothing of it believed", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    subscribe(link);
    await settled();
    relay.network = async () => {
      throw new TumarError("CAPTIVE_PORTAL", "a page");
    };
    await clock.advance(25_000);
    assert.equal(link.state().error?.code, "CAPTIVE_PORTAL");
    link.close();
  });
});

describe("acknowledgements of a subscription over exchanges", () => {
  it("carry every id, in frames of 64, as many as fit", async () => {
    const { relay, link, clock } = setUpExchange({ announcement: known });
    relay.arrive(...texts(1));
    const { subscription, delivered } = subscribe(link, false);
    await settled();
    const others = Array.from({ length: 150 }, () => systemRandom(24));
    const all = [...others, ...delivered.map(({ envelopeId }) => envelopeId)];
    const acknowledged = subscription.acknowledge(all);
    await clock.advance(26_000);
    await acknowledged;
    const frames = relay.posts.flatMap(({ frames: all }) =>
      all.filter((frame): frame is Acknowledge => frame.type === "acknowledge"),
    );
    assert.equal(frames.flatMap(({ envelopeIds }) => envelopeIds).length, 151);
    link.close();
  });
});
